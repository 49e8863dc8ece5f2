// SPDX-License-Identifier: MIT
/* What is mounted now, by mount path: a snapshot, then each mount and unmount. */

import { ABSENT, byId, element, problem, show, timeElement } from './dom.js';
import { follow } from './snapshot.js';

const rows = new Map(); // mount path => table row, in no order; the table is in order of paths
let whole = false; // the snapshot is here: what is shown is all there is

function by({ actor }) {
	if (!actor)
		return ABSENT;
	return `${show(actor.comm)} ${actor.pid ?? ''}`.trim();
}

function cell(name, content, title) {
	const made = element('td', { role: 'cell', 'data-name': name, title }, content);
	made.classList.toggle('absent', made.textContent === ABSENT);
	return made;
}

function code(value) {
	return element('code', {}, show(value));
}

function makeRow(device, timestamp) {
	const { device_node, mount_path, label, fstype, uuid, actor } = device;
	return element('tr', { role: 'row' },
		cell('Device', code(device_node), device_node),
		cell('Mount path', code(mount_path), mount_path),
		cell('Label', show(label), label),
		cell('Type', show(fstype), fstype),
		cell('UUID', code(uuid), uuid),
		cell('Since', timeElement(timestamp), timestamp ? undefined : 'mounted before it was watched'),
		cell('By', by(device), actor && `uid ${show(actor.uid)}`));
}

function remove(path) {
	rows.get(path)?.remove();
	rows.delete(path);
}

function put(device, timestamp) {
	const path = device.mount_path;
	const row = makeRow(device, timestamp);
	remove(path);
	const next = [...rows.keys()].filter((other) => other > path).sort()[0];
	byId('mounts').insertBefore(row, rows.get(next) ?? null);
	rows.set(path, row);
	return row;
}

function count() {
	byId('mounts-count').textContent = rows.size || '';
	byId('mounts-empty').hidden = whole && rows.size > 0;
}

/* Found when the table was compared, not seen as it happened: nobody knows since when. */
function sinceWhen({ payload, timestamp }) {
	return payload.reconciled ? null : timestamp;
}

function reset({ events }) {
	byId('mounts').replaceChildren();
	rows.clear();
	events.forEach((event) => put(event.payload, sinceWhen(event)));
	whole = true;
	byId('mounts-empty').textContent = 'Nothing is mounted that is worth telling.';
	count();
}

function apply(event) {
	const { type, payload } = event;
	const mounted = type === 'device.mounted';
	if (mounted)
		put(payload, sinceWhen(event)).classList.add('new');
	else
		remove(payload.mount_path);
	byId('mounts-news').textContent =
		`${mounted ? 'Mounted' : 'Unmounted'}: ${show(payload.mount_path)}`;
	count();
}

export function showMounts(hostcast) {
	follow(hostcast, {
		path: '/api/state/device.mounted', /* as /api/devices, but it knows since when */
		types: ['device.mounted', 'device.unmounted'],
		reset,
		apply,
		problem: (text) => problem('mounts-problem', text),
	});
}
