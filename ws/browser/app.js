// SPDX-License-Identifier: MIT
/*
 * window.App.ws for every script of a page, also those that are no modules:
 *
 *	<script src="/app.js"></script>
 *	window.App.ws.on('device.mounted', function (payload) { ... });
 *
 * One connection a page, made at once. Handlers may be set before the client has been loaded; they
 * get every event from the first on. App.ws.ready is a promise of the client (hostcast.js).
 * <script src="/app.js" data-url="/ws/status"> chooses another endpoint.
 */
(function () {
	'use strict';

	const { src, dataset } = document.currentScript;
	const App = window.App = window.App || {};
	let early = []; // calls from before the client was there
	let client = null;

	function forward(verb) {
		return function (type, handler) {
			if (client)
				client[verb](type, handler);
			else
				early.push([verb, type, handler]);
		};
	}

	async function start() {
		const { Hostcast } = await import(new URL('hostcast.js', src));
		client = new Hostcast({ ...dataset });
		for (const [verb, type, handler] of early)
			client[verb](type, handler);
		early = null;
		return client.connect();
	}

	if (!App.ws)
		App.ws = { on: forward('on'), off: forward('off'), ready: start() };
})();
