// SPDX-License-Identifier: MIT
// uWebSockets as Bun has it: native topic publish. usage: bun peer-bun.js <publisher's socket>
// Each line that is published goes to every client; prints "port <number>".
const TOPIC = "bench";
const BACKPRESSURE_MAX = 1 << 30; // bytes; nothing may be dropped here

const server = Bun.serve({
	hostname: "127.0.0.1",
	port: 0,
	fetch(request, server) {
		return server.upgrade(request) ? undefined : new Response("WebSocket only", { status: 426 });
	},
	websocket: {
		idleTimeout: 0,
		sendPings: false,
		perMessageDeflate: false,
		backpressureLimit: BACKPRESSURE_MAX,
		open(client) {
			client.subscribe(TOPIC);
		},
		message() {},
	},
});

let rest = "";
Bun.listen({
	unix: process.argv[2],
	socket: {
		data(_socket, chunk) {
			const lines = (rest + chunk.latin1Slice()).split("\n");
			rest = lines.pop();
			for (const line of lines)
				server.publishText ? server.publishText(TOPIC, line) : server.publish(TOPIC, line);
		},
	},
});
console.log(`port ${server.port}`);
