// SPDX-License-Identifier: MIT
/* Whether the page hears the host at all, and up to where it has heard it. */

import { byId, oncePerFrame } from './dom.js';

const NAMES = {
	idle: 'not connected',
	connecting: 'connecting',
	open: 'connected',
	waiting: 'connection lost',
	closed: 'closed by the hub',
};

function describe({ state, code, reason, retryMs }) {
	const why = [code, reason].filter(Boolean).join(' ');
	const next = retryMs && `next attempt in ${(retryMs / 1000).toFixed(1)} s`;
	return [NAMES[state], why && state === 'closed' && why, next].filter(Boolean).join(', ');
}

export function showConnection(hostcast) {
	const place = byId('connection');
	const showPosition = oncePerFrame(() => {
		byId('position').textContent = hostcast.position ?? 'unknown';
	});

	function showState(detail) {
		document.body.dataset.connection = detail.state;
		place.textContent = describe(detail);
		place.title = detail.reason ?? '';
		showPosition();
	}

	hostcast.addEventListener('statechange', ({ detail }) => showState(detail));
	hostcast.addEventListener('control', showPosition);
	hostcast.on('*', showPosition);
	showState(hostcast);
}
