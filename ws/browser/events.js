// SPDX-License-Identifier: MIT
/*
 * The events as they come, newest first. The last KEPT are remembered, whatever the filter shows and
 * also while the list is paused; a burst is drawn once a frame, so it costs no more than its end.
 */

import { byId, element, oncePerFrame, problem, show, timeElement } from './dom.js';
import { isPattern, matches } from './hostcast.js';

const KEPT = 500;
const FIELDS = 12; // of a payload, shown before the row is opened

const REASONS = {
	trimmed: 'the hub no longer keeps them',
	lagged: 'this page was too slow',
	epoch: 'the hub has begun a new log',
	future: 'the hub’s log ends earlier than what was seen here',
	unknown: 'the position was not known',
};

const entries = []; // the newest KEPT, oldest first; each knows its row once it has been drawn
let pending = []; // what came since the last frame, or since the list was paused
let paused = false;
let patterns = [];

function wanted({ event }) {
	return !event || !patterns.length || patterns.some((pattern) => matches(pattern, event.type));
}

/* What fits in a line: names and values, without the brackets. */
function fields(payload) {
	return Object.entries(payload ?? {}).slice(0, FIELDS).flatMap(([key, value]) => [
		element('span', { class: 'key' }, show(key)), ' ', element('code', {}, show(value)), ' ',
	]);
}

function eventRow({ type, payload, timestamp, sequence }) {
	const summary = element('summary', {},
		timeElement(timestamp, { milliseconds: true }),
		element('span', { class: 'type' }, show(type)),
		element('span', { class: 'payload' }, ...fields(payload)),
		element('span', { class: 'sequence', title: 'sequence' }, show(sequence)));
	const details = element('details', {}, summary);
	/* The whole payload is laid out only for who wants to see it. */
	details.addEventListener('toggle', () => {
		details.append(element('pre', { tabindex: 0 }, JSON.stringify(payload, null, 2)));
	}, { once: true });
	return element('li', {}, details);
}

function rowOf(entry) {
	entry.row ??= entry.event
		? eventRow(entry.event)
		: element('li', { class: `notice ${entry.kind}` }, entry.text);
	return entry.row;
}

function showCounts() {
	const n_shown = byId('events').childElementCount;
	byId('events-pause').textContent =
		paused ? `Resume${pending.length ? ` (${pending.length})` : ''}` : 'Pause';
	byId('events-count').textContent =
		patterns.length ? `${n_shown} of ${entries.length}` : entries.length || '';
	byId('events-empty').hidden = n_shown > 0;
	byId('events-empty').textContent = entries.length
		? 'No event here matches the filter.'
		: 'Nothing has happened since this page was opened.';
}

/* Puts on top what is new and touches no other row: an open or focused one stays what it is. */
function takePending() {
	byId('events').prepend(...pending.filter(wanted).map(rowOf).reverse());
	entries.push(...pending);
	pending = [];
	for (const { row } of entries.splice(0, Math.max(0, entries.length - KEPT)))
		row?.remove();
}

const draw = oncePerFrame(() => {
	if (!paused)
		takePending();
	showCounts();
});

function add(entry) {
	pending.push(entry);
	if (pending.length > KEPT)
		pending.shift();
	draw();
}

function resumed({ replayed, complete }) {
	if (complete && replayed)
		add({
			kind: 'resumed',
			text: `back again: ${replayed} missed ${replayed === 1 ? 'event follows' : 'events follow'}`,
		});
}

/* Counted only where both ends are of one log: else nobody knows how many there were. */
function gap({ reason, missedFrom, missedTo }) {
	const [from, to] = [missedFrom, missedTo].map((position) => position?.split('-').at(-1));
	const counted = reason === 'trimmed' || reason === 'lagged';
	const what = counted ? `events ${from} to ${to} are missing` : 'events may be missing';
	add({ kind: 'gap', text: `gap: ${what}, ${REASONS[reason] ?? reason}` });
}

function togglePause() {
	paused = !paused;
	byId('events-pause').setAttribute('aria-pressed', paused);
	draw();
}

function readFilter({ target }) {
	const words = target.value.split(/[\s,]+/).filter(Boolean);
	const wrong = words.find((word) => !isPattern(word));
	target.setAttribute('aria-invalid', Boolean(wrong));
	problem('events-filter-problem', wrong &&
		`“${wrong}” is no event type and no pattern; try device.* or job.progress`);
	if (wrong)
		return;
	patterns = words;
	byId('events').replaceChildren(...entries.filter(wanted).map(rowOf).reverse());
	showCounts();
}

export function showEvents(hostcast) {
	byId('events-pause').addEventListener('click', togglePause);
	byId('events-filter').addEventListener('input', readFilter);
	hostcast.on('*', (payload, event) => add({ event }));
	hostcast.addEventListener('gap', ({ detail }) => gap(detail));
	hostcast.addEventListener('control', ({ detail: { type, payload } }) =>
		type === 'connection.resumed' && resumed(payload));
}
