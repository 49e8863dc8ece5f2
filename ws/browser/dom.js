// SPDX-License-Identifier: MIT
/*
 * The few helpers that build the page. What comes from the host is hostile: it only ever becomes
 * text, of bounded length, and its direction does not spread (page.css isolates it).
 */

const TEXT_MAX = 300; // characters shown of one value

export const ABSENT = '–'; // stands for a value that is not known

export const byId = (id) => document.getElementById(id);

/** An element with attributes and children; strings become text. Absent attributes are left out. */
export function element(name, attributes = {}, ...children) {
	const made = document.createElement(name);
	for (const [key, value] of Object.entries(attributes))
		if (value !== undefined && value !== null)
			made.setAttribute(key, value);
	made.append(...children);
	return made;
}

/** Any value as text to show. */
export function show(value) {
	if (value === undefined || value === null || value === '')
		return ABSENT;
	const text = typeof value === 'string' ? value : JSON.stringify(value);
	return text.length > TEXT_MAX ? `${text.slice(0, TEXT_MAX)}…` : text;
}

/** A point in time: the time of day, and the date too if it is not today's. */
export function timeElement(timestamp, { milliseconds = false } = {}) {
	const date = new Date(timestamp);
	if (!timestamp || Number.isNaN(date.valueOf()))
		return element('span', {}, show(timestamp));
	const today = date.toDateString() === new Date().toDateString();
	const text = date.toLocaleTimeString('en-GB', {
		hour: '2-digit', minute: '2-digit', second: '2-digit',
		...(milliseconds && { fractionalSecondDigits: 3 }),
	});
	return element('time', { datetime: date.toISOString(), title: date.toString() },
		today ? text : `${date.toLocaleDateString('sv-SE')} ${text}`);
}

/** Shows a message in its place, or hides that place. */
export function problem(id, text) {
	const place = byId(id);
	if (place.textContent !== (text ?? ''))
		place.textContent = text ?? '';
	place.hidden = !text;
}

/** Runs draw() once before the next frame, however often it is asked to. */
export function oncePerFrame(draw) {
	let asked = false;
	return () => {
		if (asked)
			return;
		asked = true;
		requestAnimationFrame(() => {
			asked = false;
			draw();
		});
	};
}
