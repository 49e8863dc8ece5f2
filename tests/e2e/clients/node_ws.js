// SPDX-License-Identifier: MIT
/*
 * The `ws` package of npm as a client that is told on standard input what to do, one JSON array a
 * line, and tells on standard output what happens, likewise.
 */

import { createInterface } from 'node:readline';

import WebSocket from 'ws';

const [url, ...subprotocols] = process.argv.slice(2);
const tell = (...what) => console.log(JSON.stringify(what));
const socket = new WebSocket(url, subprotocols);

socket.on('open', () => tell('open', socket.protocol, socket.extensions));
socket.on('message', (data, isBinary) => tell(isBinary ? 'binary' : 'text', String(data)));
socket.on('ping', (data) => tell('ping', String(data)));
socket.on('pong', (data) => tell('pong', String(data)));
socket.on('unexpected-response', (_request, response) => tell('refused', response.statusCode));
socket.on('error', (error) => tell('error', error.message));
socket.on('close', (code, reason) => {
	tell('close', code, String(reason));
	process.exit();
});

for await (const line of createInterface({ input: process.stdin })) {
	const [verb, ...how] = JSON.parse(line);
	socket[verb](...how);
}
