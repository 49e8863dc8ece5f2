// SPDX-License-Identifier: MIT
// node ws, as its documentation shows a broadcast. usage: node peer-ws.js <publisher's socket>
// Each line that is published goes to every client; prints "port <number>".
import { createServer } from "node:net";
import { WebSocketServer } from "ws";

const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false }, () => {
	console.log(`port ${server.address().port}`);
});
server.on("connection", (client) => client.on("error", () => {}));

function broadcast(line) {
	for (const client of server.clients)
		client.send(line, { binary: false });
}

createServer((publisher) => {
	let rest = Buffer.alloc(0);
	publisher.on("data", (chunk) => {
		const bytes = rest.length ? Buffer.concat([rest, chunk]) : chunk;
		let from = 0;
		for (let to; (to = bytes.indexOf(10, from)) >= 0; from = to + 1)
			broadcast(bytes.subarray(from, to));
		rest = bytes.subarray(from);
	});
	publisher.on("error", () => {});
}).listen(process.argv[2]);
