// SPDX-License-Identifier: MIT
/*
 * hostcast in a browser: what happens on the host, the moment it happens.
 *
 *	const hostcast = new Hostcast().connect();
 *	hostcast.on('device.*', (payload, event) => console.log(event.type, payload));
 *	hostcast.addEventListener('gap', () => fetchEverythingAgain());
 *
 * The client is a cursor. It knows its position in the hub's log, <epoch>-<sequence>, hands it over
 * whenever it comes back, and gets what it missed. What cannot be had any more is told by a `gap`
 * event before the first newer event; a page then asks REST for the present state. An event that
 * arrives twice is shown once. It never gives up, unless the hub says that coming back is no use.
 *
 * Dispatches `statechange`, `gap` and `control` (whatever else the hub says); hostcast.d.ts has the
 * shapes. Nothing is queued for sending: only what was subscribed to is said again.
 */

const PROTOCOL = 'hostcast.v1'; // the hub greets whoever asks for it
const CLOSE_IDLE = 4000; // ours: the connection is silent, so probably dead
const ASKED_DELAY_MAX_MS = 7_201_000; // of a hub that drains for an hour, the longest it can

const DEFAULTS = {
	url: '/ws/events',
	token: null,
	ticket: null,
	resume: true, // false for endpoints whose events carry no sequence
	minDelayMs: 500,
	maxDelayMs: 20_000,
	steadyMs: 5_000, // a connection that lived this long starts the delays anew
	idleMs: 75_000, // the hub says something every 30 s: two lost, and some patience
	answerMs: 10_000, // for a connection to open, or for a doubtful one to answer
};

const PATIENCE = 2.5; // heartbeats of a hub that greets with a longer one

/** How long to wait before the nth attempt: full jitter, so that clients do not return as a herd. */
export function delayFor(attempt, { minDelayMs, maxDelayMs } = DEFAULTS, random = Math.random) {
	const ceiling = Math.min(maxDelayMs, minDelayMs * 2 ** Math.min(attempt + 1, 30));
	return minDelayMs + random() * (ceiling - minDelayMs);
}

/**
 * A ticket for one connection, for the option `ticket`: from REST at `api`, for the bearer of
 * `token`, or without one for whoever the page's cookie says.
 */
export async function fetchTicket(api = '/api', token = null) {
	const answer = await fetch(`${api}/v1/tickets`, {
		method: 'POST',
		headers: token ? { authorization: `Bearer ${token}` } : {},
		signal: AbortSignal.timeout(DEFAULTS.answerMs),
	});
	if (!answer.ok)
		throw new Error(`no ticket: ${answer.status}`);
	return (await answer.json()).ticket;
}

/** What a hub that stops asks for by the reason of its close, or undefined. */
function askedDelay(reason) {
	try {
		const { retry_after_ms: ms } = JSON.parse(reason);
		return Number.isFinite(ms) && ms >= 0 ? Math.min(ms, ASKED_DELAY_MAX_MS) : undefined;
	} catch {
		return undefined;
	}
}

/** The grammar of the hub: `*`, `alert.*`, `job.progress`; a star stands only at the end. */
export function isPattern(text) {
	return text.length <= 128 && /^(\*|[\w-]+(\.[\w-]+)*(\.\*)?)$/.test(text);
}

/** Whether an event of that type is wanted; the pattern must be valid. */
export function matches(pattern, type) {
	return pattern.endsWith('*') ? type.startsWith(pattern.slice(0, -1)) : pattern === type;
}

function check(pattern) {
	if (!isPattern(pattern))
		throw new TypeError(`not an event type or pattern: ${JSON.stringify(pattern)}`);
	return pattern;
}

/** "<epoch>-<sequence>" in its parts, or null. */
function parsePosition(text) {
	const found = /^([0-9a-f]+)-(\d+)$/.exec(text ?? '');
	return found && { epoch: found[1], sequence: Number(found[2]) };
}

/** What the hub says about the connection, not about the host. */
function isControl({ type }) {
	return !type || /^(connection\..*|error|subscribed|unsubscribed)$/.test(type);
}

/** The endpoints differ in their envelope: `payload`, `data`, or fields beside the type. */
function payloadOf(message) {
	return message.payload ?? message.data ?? message;
}

export class Hostcast extends EventTarget {
	#options;
	#state = 'idle';
	#handlers = new Map(); // pattern => set of handlers
	#wanted = null; // patterns asked of the hub; null: never asked, it sends everything
	#socket = null;
	#run = 0; // counts attempts, so that a late answer for an older one is noticed
	#attempts = 0; // without a steady connection in between
	#epoch = null; // null: position unknown
	#sequence = null; // of the newest event seen
	#asking = false; // where we stand: what comes before the answer comes again behind it
	#stateLeft = 0; // retained events still to come, behind a gap or in the beginning
	#behindState = null; // where we stand once they have come
	#behindUs = false; // there was a connection: from now on, not knowing the position is a gap
	#openedAt = Infinity; // not open
	#heardAt = 0;
	#patienceMs = 0; // silence from heardAt on that is still all right
	#idleMs = 0; // the same between two messages
	#timer = 0; // the watchdog while connecting or open, the delay while waiting
	#listening = null; // an AbortController: ends listening to the page's waking up

	constructor(options = {}) {
		super();
		this.#options = { ...DEFAULTS, ...options };
	}

	/** idle, connecting, open, waiting (for the next attempt) or closed (for good) */
	get state() {
		return this.#state;
	}

	/** "<epoch>-<sequence>" of the newest event seen, or null while that is unknown */
	get position() {
		return this.#epoch === null ? null : `${this.#epoch}-${this.#sequence}`;
	}

	/** Calls handler(payload, event) for each event whose type matches; returns what undoes it. */
	on(pattern, handler) {
		const handlers = this.#handlers.get(check(pattern)) ?? new Set();
		this.#handlers.set(pattern, handlers.add(handler));
		return () => this.off(pattern, handler);
	}

	/** Removes one handler, or all of that pattern. */
	off(pattern, handler) {
		const handlers = this.#handlers.get(pattern);
		handlers?.delete(handler);
		if (!handler || !handlers?.size)
			this.#handlers.delete(pattern);
	}

	/**
	 * Asks the hub for these only, beside what was asked for before; also after a reconnect.
	 * Without an argument, for nothing at all.
	 */
	subscribe(...patterns) {
		const before = patterns.length ? this.#wanted ?? [] : [];
		this.#wanted = [...new Set([...before, ...patterns.map(check)])];
		this.#send({ action: 'subscribe', events: patterns });
	}

	/** Takes subscriptions back; without an argument all of them, and then nothing comes. */
	unsubscribe(...patterns) {
		if (patterns.length && !this.#wanted)
			return; /* everything comes, and none of it was asked for */
		this.#wanted = patterns.length ? this.#wanted.filter((p) => !patterns.includes(p)) : [];
		this.#send({ action: 'unsubscribe', ...(patterns.length && { events: patterns }) });
	}

	connect() {
		if (this.#state !== 'idle' && this.#state !== 'closed')
			return this;
		this.#attempts = 0;
		this.#listen();
		this.#start();
		return this;
	}

	close(code = 1000, reason = '') {
		this.#abandon(code, reason);
		this.#end({ code, reason });
	}

	/* ---- connecting; a listener of what is dispatched may call close(), so that comes last -- */

	async #start() {
		const run = ++this.#run;
		const known = this.#options.resume && this.#epoch !== null;
		this.#expect(this.#options.answerMs);
		this.#enter('connecting');
		try {
			const token = await this.#options.token?.();
			const { url } = this.#options;
			const address = typeof url === 'function' ? await url() : url;
			const ticket = await this.#options.ticket?.(); // last: it does not keep long
			if (run !== this.#run)
				return;
			this.#dial(new URL(address, globalThis.location?.href), { token, ticket, known });
		} catch (error) {
			if (run === this.#run)
				this.#retry({ reason: String(error) });
		}
	}

	#dial(url, { token, ticket, known }) {
		url.protocol = url.protocol.replace('http', 'ws');
		const socket = new WebSocket(url, [PROTOCOL, ...(ticket ? [`ticket.${ticket}`] : [])]);
		socket.onopen = () => this.#opened(token, known);
		socket.onmessage = ({ data }) => this.#received(data);
		socket.onclose = ({ code, reason }) => this.#closed(code, reason);
		this.#socket = socket;
	}

	#opened(token, known) {
		const missed = this.#behindUs && !known;
		this.#behindUs = true;
		this.#openedAt = performance.now();
		this.#stateLeft = 0;
		this.#idleMs = this.#options.idleMs;
		this.#expect(this.#idleMs);
		if (!known)
			this.#moveTo(null); // what follows is new, whatever its sequence: the greeting says where we are
		if (token)
			this.#send({ action: 'authenticate', token });
		if (this.#wanted)
			this.#send({ action: 'subscribe', events: this.#wanted });
		this.#asking = known; // only now does the hub know who we are and what we want
		if (known)
			this.#send({ action: 'resume', since: this.position });
		this.#enter('open');
		if (missed)
			this.#emit('gap', { reason: 'unknown' });
	}

	#closed(code, reason) {
		this.#socket = null;
		if (code >= 4500 && code <= 4999)
			this.#end({ code, reason });
		else
			this.#retry({ code, reason }, askedDelay(reason));
	}

	/** @askedMs: when the hub wants us back, which knows better than we do */
	#retry(why, askedMs) {
		this.#abandon(CLOSE_IDLE, '');
		if (performance.now() - this.#openedAt >= this.#options.steadyMs)
			this.#attempts = 0;
		const retryMs = askedMs ?? delayFor(this.#attempts++, this.#options);
		this.#openedAt = Infinity;
		this.#timer = setTimeout(() => this.#start(), retryMs);
		this.#enter('waiting', { ...why, retryMs });
	}

	#end(why) {
		clearTimeout(this.#timer);
		this.#listening?.abort();
		this.#enter('closed', why);
	}

	/** Lets go of the socket at once: a dead one may take minutes to tell that it closed. */
	#abandon(code, reason) {
		const socket = this.#socket;
		this.#run++;
		this.#socket = null;
		clearTimeout(this.#timer);
		if (!socket)
			return;
		socket.onopen = socket.onmessage = socket.onclose = null;
		socket.close(code, reason);
	}

	#listen() {
		const wake = ({ type }) => (type === 'visibilitychange' && document.hidden) || this.#wake();
		this.#listening = new AbortController();
		for (const type of ['online', 'pageshow', 'visibilitychange']) {
			const target = type === 'visibilitychange' ? globalThis.document : globalThis;
			target?.addEventListener?.(type, wake, { signal: this.#listening.signal });
		}
	}

	/** The network or the page is back: timers may have slept, and a connection died, meanwhile. */
	#wake() {
		if (this.#state === 'waiting') {
			clearTimeout(this.#timer);
			this.#start();
		} else if (this.#state === 'open') {
			this.#send({ type: 'ping' });
			this.#expect(this.#options.answerMs);
		}
	}

	/** Arms the watchdog: something must be heard within that time. */
	#expect(patienceMs) {
		this.#heardAt = performance.now();
		this.#patienceMs = patienceMs;
		this.#watch();
	}

	/* Not armed anew for every message: it looks again when the time it was armed for is over. */
	#watch() {
		clearTimeout(this.#timer);
		const leftMs = this.#heardAt + this.#patienceMs - performance.now();
		if (leftMs > 0)
			this.#timer = setTimeout(() => this.#watch(), leftMs);
		else
			this.#retry({ code: CLOSE_IDLE, reason: `silent for ${this.#patienceMs / 1000} s` });
	}

	/* ---- talking ----------------------------------------------------------------------- */

	#send(message) {
		if (this.#socket?.readyState === 1)
			this.#socket.send(JSON.stringify(message));
	}

	#received(text) {
		this.#heardAt = performance.now();
		this.#patienceMs = this.#idleMs;
		const message = JSON.parse(text);
		if (message.type === 'ping')
			this.#pinged(message);
		else if (isControl(message))
			this.#heed(message);
		else if (message.type !== 'pong')
			this.#deliver(message);
	}

	/** Up to the position in it there was nothing else for us. */
	#pinged({ position }) {
		const here = parsePosition(position);
		this.#send({ type: 'pong' });
		if (here && here.epoch === this.#epoch && !this.#asking && !this.#stateLeft)
			this.#moveTo(here);
	}

	#heed(message) {
		if (message.type === 'connection.established')
			this.#greeted(payloadOf(message));
		const news = message.type === 'connection.resumed' && this.#resumed(payloadOf(message));
		if (message.type === 'connection.expiring')
			this.#renew(this.#run);
		this.#emit('control', message);
		if (news)
			this.#emit('gap', news);
	}

	/** The token of this connection ends soon; without a new one the hub closes it with 4001. */
	async #renew(run) {
		try {
			const token = await this.#options.token?.();
			if (token && run === this.#run)
				this.#send({ action: 'authenticate', token });
		} catch {
			/* the close will say it, and the next attempt asks for a token again */
		}
	}

	/**
	 * Comes before the first replayed event. Where the client stands then decides what it takes for
	 * a repetition: behind what is missing; at the end if all is well and nothing of it is for us.
	 * Returns what is missing, if anything is.
	 */
	#resumed({ from, to, replayed, complete, reason, missed_from, missed_to, state }) {
		const [end, hole] = [to, missed_to].map(parsePosition);
		if (this.#asking && from !== this.position)
			return null; /* of what we shall leave behind when our question is answered */
		this.#asking = false;
		if (!complete)
			this.#moveBehind(hole?.sequence < end?.sequence ? hole : end, state);
		else if (!replayed)
			this.#moveTo(end);
		return complete ? null : { reason, from, to, missedFrom: missed_from, missedTo: missed_to };
	}

	/** The first message: what follows is behind the position in it, unless we gave one. */
	#greeted({ position, state, heartbeat_ms: heartbeatMs = 0 }) {
		if (this.#epoch === null)
			this.#moveBehind(parsePosition(position), state);
		this.#idleMs = Math.max(this.#options.idleMs, heartbeatMs * PATIENCE);
		this.#patienceMs = this.#idleMs;
	}

	/** Not before all of the state has come: who goes in between is to get it again. */
	#moveBehind(position, state = 0) {
		this.#stateLeft = state;
		this.#behindState = position;
		if (!state)
			this.#moveTo(position);
	}

	#moveTo(position) {
		const known = position?.epoch && Number.isInteger(position.sequence);
		this.#epoch = known ? position.epoch : null;
		this.#sequence = known ? position.sequence : null;
	}

	#deliver(event) {
		const { type, sequence } = event;
		if (this.#stateLeft > 0) {
			if (!--this.#stateLeft) /* older than where we will stand, and not a repetition */
				this.#moveTo(this.#behindState);
		} else if (Number.isInteger(sequence)) {
			if (this.#asking || (this.#sequence !== null && sequence <= this.#sequence))
				return; /* at least once on the wire, once here */
			this.#sequence = sequence;
		}
		/* What was sent before the hub had heard of our subscriptions. */
		if (this.#wanted && !this.#wanted.some((pattern) => matches(pattern, type)))
			return;
		for (const [pattern, handlers] of [...this.#handlers])
			if (matches(pattern, type))
				[...handlers].forEach((handler) => call(handler, event));
	}

	#enter(state, detail = {}) {
		const previous = this.#state;
		this.#state = state;
		this.#emit('statechange', { state, previous, ...detail });
	}

	#emit(type, detail) {
		this.dispatchEvent(new CustomEvent(type, { detail }));
	}
}

/** A handler that throws is its page's mistake: reported, and the others are called all the same. */
function call(handler, event) {
	try {
		handler(payloadOf(event), event);
	} catch (error) {
		reportError(error);
	}
}
