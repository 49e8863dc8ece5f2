// SPDX-License-Identifier: MIT
/* The types of hostcast.js. */

/** An event as the standard envelope carries it; other endpoints have `data` or bare fields. */
export interface HostcastEvent<Payload = any> {
	type: string;
	payload: Payload;
	/** when it happened: RFC 3339, UTC, milliseconds */
	timestamp: string;
	/** strictly increasing within an epoch; absent from volatile events */
	sequence?: number;
	channel?: string;
	correlation_id?: string;
}

export type State = 'idle' | 'connecting' | 'open' | 'waiting' | 'closed';

export interface StateChange {
	state: State;
	previous: State;
	/** why, after a connection: its close code, 4000 for one that fell silent */
	code?: number;
	reason?: string;
	/** with `waiting`: milliseconds to the next attempt */
	retryMs?: number;
}

/** Events are missing here: those that follow are newer. Ask REST for the present state. */
export interface Gap {
	/** what the hub said, or `unknown`: connected again without a position to go on from */
	reason: 'trimmed' | 'epoch' | 'future' | 'lagged' | 'unknown' | (string & {});
	/** positions; the missing events are those from missedFrom to missedTo, both included */
	from?: string;
	to?: string;
	missedFrom?: string;
	missedTo?: string;
}

export interface Options {
	/** endpoint, relative to the page, or what finds it out before each attempt; `/ws/events` */
	url?: string | URL | (() => string | URL | Promise<string | URL>);
	/** asked before each attempt and before the token in use expires, so that it can be replaced */
	token?: (() => string | null | Promise<string | null>) | null;
	/**
	 * asked before each attempt: 43 characters that stand for the user once, sent as a subprotocol,
	 * so that no token leaves REST; `() => fetchTicket()`
	 */
	ticket?: (() => string | null | Promise<string | null>) | null;
	/**
	 * false for an endpoint whose events carry no sequence: to come back is then a gap; else what
	 * came since the last heartbeat would come again
	 */
	resume?: boolean;
	minDelayMs?: number;
	maxDelayMs?: number;
	/** a connection that lived this long starts the delays anew */
	steadyMs?: number;
	/** silence after which a connection is given up */
	idleMs?: number;
	/** time for a connection to open, or for a doubtful one to answer */
	answerMs?: number;
}

export type Handler<Payload = any> = (payload: Payload, event: HostcastEvent<Payload>) => void;

interface HostcastEventMap {
	statechange: CustomEvent<StateChange>;
	gap: CustomEvent<Gap>;
	/** `connection.resumed`, `error`, acknowledgements: whatever is not an event */
	control: CustomEvent<Record<string, any>>;
}

export class Hostcast extends EventTarget {
	constructor(options?: Options);
	readonly state: State;
	/** `<epoch>-<sequence>` of the newest event seen, null while unknown */
	readonly position: string | null;
	/** Handlers of `*`, `alert.*` or one type; returns what undoes it. Purely local. */
	on<Payload = any>(pattern: string, handler: Handler<Payload>): () => void;
	off(pattern: string, handler?: Handler): void;
	/** Tells the hub to send only these, beside those asked for before; without any, nothing. */
	subscribe(...patterns: string[]): void;
	unsubscribe(...patterns: string[]): void;
	connect(): this;
	close(code?: number, reason?: string): void;
	addEventListener<K extends keyof HostcastEventMap>(type: K,
		listener: (event: HostcastEventMap[K]) => void,
		options?: boolean | AddEventListenerOptions): void;
	addEventListener(type: string, listener: EventListenerOrEventListenerObject | null,
		options?: boolean | AddEventListenerOptions): void;
	removeEventListener<K extends keyof HostcastEventMap>(type: K,
		listener: (event: HostcastEventMap[K]) => void,
		options?: boolean | EventListenerOptions): void;
	removeEventListener(type: string, listener: EventListenerOrEventListenerObject | null,
		options?: boolean | EventListenerOptions): void;
}

/** A ticket from `${api}/v1/tickets`, for the bearer of `token` or whoever the cookie says. */
export function fetchTicket(api?: string, token?: string | null): Promise<string>;

export function delayFor(attempt: number,
	limits?: { minDelayMs: number; maxDelayMs: number }, random?: () => number): number;
export function isPattern(text: string): boolean;
export function matches(pattern: string, type: string): boolean;

declare global {
	interface Window {
		/** made by app.js */
		App: {
			ws: {
				on: Hostcast['on'];
				off: Hostcast['off'];
				ready: Promise<Hostcast>;
			};
		};
	}
}
