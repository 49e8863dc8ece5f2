// SPDX-License-Identifier: MIT
/*
 * A hub for tests of the client: the page's files, a little REST and /ws/events on one port, all
 * from memory. It speaks the wire format of the real one and does what no real one would on demand.
 */

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import { EventEmitter, once } from 'node:events';
import { fileURLToPath } from 'node:url';

import { WebSocketServer } from 'ws';

const FILES = fileURLToPath(new URL('../../../ws/browser/', import.meta.url));
const TYPES = {
	'.css': 'text/css', '.html': 'text/html', '.js': 'text/javascript', '.svg': 'image/svg+xml',
};
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'";

export class Hub extends EventEmitter {
	epoch = '00000000000000e1';
	log = []; // standard envelopes; the sequence of log[0] is 1
	oldest = 1;
	state = []; // retained events, for who has missed something
	snapshot = []; // for who comes without a position
	answers = {}; // path => function returning a JSON value, or a number for an HTTP status
	urls = []; // of the connections, in the order they came
	protocols = []; // that they offered, as the header has them
	received = []; // messages from clients
	refusing = false; // connections are cut before they open
	greeting = true; // clients of hostcast.v1 are told where they stand
	heartbeatMs = 30_000; // that the greeting says
	port = 0;
	links = new Set(); // every TCP connection, upgraded or not

	static async start() {
		const hub = new Hub();
		await hub.listen();
		return hub;
	}

	get url() {
		return `http://127.0.0.1:${this.port}/`;
	}

	/** The same port again after stop(), as a restarted hub has it. */
	async listen() {
		this.http = createServer((request, response) => this.answer(request, response));
		this.sockets = new WebSocketServer({
			noServer: true, handleProtocols: (offered) => [...offered][0],
		});
		this.http.on('upgrade', (request, socket, head) => {
			if (this.refusing)
				return socket.destroy();
			this.sockets.handleUpgrade(request, socket, head, (client) => this.welcome(client, request));
		});
		this.http.on('connection', (socket) => {
			this.links.add(socket);
			socket.on('close', () => this.links.delete(socket));
		});
		this.http.listen(this.port, '127.0.0.1');
		await once(this.http, 'listening');
		this.port = this.http.address().port;
	}

	/** Gone as after kill -9: no close frame, connection refused. */
	async stop() {
		this.http.close();
		this.links.forEach((socket) => socket.destroy());
		await once(this.http, 'close');
	}

	cut() {
		this.clients().forEach((client) => client.terminate());
	}

	clients() {
		return [...this.sockets.clients];
	}

	/** The nth connection from now on. */
	async connected(n = 1) {
		for (let i = 0; i < n; i++)
			await once(this, 'connected', { signal: AbortSignal.timeout(20_000) });
	}

	/** Waits until a client has said something for which test() is true. */
	async hears(test) {
		const signal = AbortSignal.timeout(20_000);
		while (!this.received.some(test))
			await once(this, 'received', { signal });
	}

	send(message) {
		this.clients().forEach((client) => client.send(JSON.stringify(message)));
	}

	/** Appends to the log; without `silent` all clients get it. */
	publish(type, payload = {}, { silent = false, timestamp = new Date().toISOString() } = {}) {
		const event = { type, payload, timestamp, sequence: this.log.length + 1, channel: 'tests' };
		this.log.push(event);
		if (!silent)
			this.send(event);
		return event;
	}

	welcome(client, request) {
		this.urls.push(request.url);
		this.protocols.push(request.headers['sec-websocket-protocol']);
		client.on('message', (text) => {
			const message = JSON.parse(text);
			this.received.push(message);
			this.emit('received');
			if (message.action === 'resume')
				this.resume(client, message.since);
		});
		if (this.greeting && client.protocol === 'hostcast.v1')
			this.greet(client);
		this.emit('connected', client);
	}

	greet(client) {
		client.send(JSON.stringify({
			type: 'connection.established',
			payload: {
				connection_id: this.urls.length, heartbeat_ms: this.heartbeatMs,
				position: `${this.epoch}-${this.log.length}`, oldest: `${this.epoch}-${this.oldest}`,
				...(this.snapshot.length && { state: this.snapshot.length }),
			},
			timestamp: new Date().toISOString(),
		}));
		this.snapshot.forEach((event) => client.send(JSON.stringify(event)));
	}

	resume(client, since) {
		const [epoch, after] = [since.slice(0, 16), Number(since.slice(17))];
		const end = this.log.length;
		if (epoch !== this.epoch)
			return this.sayResumed(client, since, { reason: 'epoch', from: `${epoch}-${after + 1}`, to: end });
		if (after > end)
			return this.sayResumed(client, since,
				{ reason: 'future', from: `${epoch}-${end + 1}`, to: after });
		const first = Math.max(after + 1, this.oldest);
		const replay = this.log.slice(first - 1);
		const gap = first > after + 1 &&
			{ reason: 'trimmed', from: `${epoch}-${after + 1}`, to: first - 1 };
		this.sayResumed(client, since, gap, replay.length);
		replay.forEach((event) => client.send(JSON.stringify(event)));
	}

	sayResumed(client, from, gap, replayed = 0, sent = this.state) {
		client.send(JSON.stringify({
			type: 'connection.resumed',
			payload: {
				from, to: `${this.epoch}-${this.log.length}`, replayed, complete: !gap,
				...(gap && {
					reason: gap.reason, missed_from: gap.from, missed_to: `${this.epoch}-${gap.to}`,
					state: this.state.length,
				}),
			},
			timestamp: new Date().toISOString(),
		}));
		if (gap)
			sent.forEach((event) => client.send(JSON.stringify(event)));
	}

	async answer({ url }, response) {
		const path = url.split('?')[0];
		const made = await this.answers[path]?.();
		if (typeof made === 'number')
			return response.writeHead(made, { 'content-type': 'application/problem+json' })
				.end(JSON.stringify({ title: 'made to fail', status: made }));
		if (made)
			return response.writeHead(200, { 'content-type': 'application/json' })
				.end(JSON.stringify(made));
		try {
			const name = path === '/' ? 'index.html' : path.slice(1);
			const text = name === 'blank' ? '<!doctype html><title>blank</title>'
				: await readFile(join(FILES, name));
			return response.writeHead(200, {
				'content-type': TYPES[extname(name)] ?? 'text/html', 'content-security-policy': POLICY,
			}).end(text);
		} catch {
			return response.writeHead(404).end();
		}
	}
}
