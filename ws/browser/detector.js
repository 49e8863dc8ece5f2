// SPDX-License-Identifier: MIT
/* The detector widget: asked once, then told of each change. Never polled. */

import { byId, element, problem, show, timeElement } from './dom.js';
import { follow } from './snapshot.js';

const yesOrNo = (value) => (typeof value === 'boolean' ? (value ? 'yes' : 'no') : show(value));

function condition({ running, monitoring_enabled }) {
	if (!running)
		return ['stopped', 'not running'];
	return monitoring_enabled ? ['watching', 'watching'] : ['paused', 'monitoring switched off'];
}

function draw(status, timestamp) {
	const [name, text] = condition(status);
	byId('detector').dataset.condition = name;
	byId('detector-state').textContent = text;
	byId('detector-running').textContent = yesOrNo(status.running);
	byId('detector-monitoring').textContent = yesOrNo(status.monitoring_enabled);
	byId('detector-mode').textContent = show([status.mode, status.table].filter(Boolean).join(', '));
	byId('detector-time').replaceChildren(timeElement(timestamp));
	byId('detector-reasons').replaceChildren(
		...(status.reasons ?? []).map((reason) => element('li', {}, show(reason))));
}

export function showDetector(hostcast) {
	follow(hostcast, {
		path: '/api/services/detector/status',
		types: ['detector.status'],
		reset: (status) => draw(status, status.timestamp ?? new Date().toISOString()),
		apply: ({ payload, timestamp }) => draw(payload, timestamp),
		problem: (text) => problem('detector-problem', text),
	});
}
