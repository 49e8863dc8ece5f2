// SPDX-License-Identifier: MIT
/*
 * A snapshot by REST, and then its changes by events, with neither hole nor double in between.
 *
 * Events are applied as they come. Those that come while a snapshot is on its way are kept too, and
 * applied again on top of it if they are newer than its position. After a gap the snapshot is
 * fetched anew; a failed fetch is tried again, with the delays of the client.
 */

import { delayFor } from './hostcast.js';

const FETCH_MS = 10_000;

async function fetchJson(path) {
	const answer = await fetch(path, { cache: 'no-store', signal: AbortSignal.timeout(FETCH_MS) });
	if (answer.ok)
		return answer.json();
	const { title, detail } = await answer.json().catch(() => ({}));
	throw new Error(`${path}: ${answer.status} ${detail ?? title ?? answer.statusText}`);
}

function sequenceOf(position) {
	return Number(String(position ?? '').split('-')[1] ?? 0);
}

/**
 * @param path    of the snapshot
 * @param types   patterns of the events that change it
 * @param reset   called with a snapshot
 * @param apply   called with an event; doing it twice must be harmless
 * @param problem called with what went wrong, or null when it is over
 */
export function follow(hostcast, { path, types, reset, apply, problem }) {
	let meanwhile = [];
	let run = 0; // counts snapshots asked for: only the newest one counts

	function take(snapshot) {
		const after = sequenceOf(snapshot.position);
		reset(snapshot);
		problem(null);
		meanwhile.filter(({ sequence }) => !(sequence <= after)).forEach(apply);
		meanwhile = null;
	}

	async function fetchAgain(attempt = 0) {
		const mine = ++run;
		meanwhile = [];
		try {
			const snapshot = await fetchJson(path);
			if (mine === run)
				take(snapshot);
		} catch (error) {
			if (mine !== run)
				return;
			meanwhile = null;
			problem(error.message);
			setTimeout(() => mine === run && fetchAgain(attempt + 1), delayFor(attempt));
		}
	}

	for (const type of types)
		hostcast.on(type, (payload, event) => {
			meanwhile?.push(event);
			apply(event);
		});
	hostcast.addEventListener('gap', () => fetchAgain());
	fetchAgain();
}
