// SPDX-License-Identifier: MIT
/*
 * The browser clients of older systems as their pages describe them, in a real browser, through
 * Apache, against the real hub. Nothing of hostcast.js is in them.
 */

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';

import { closePage, launch, openPage } from './support/browser.js';
import { Stack } from './support/stack.js';

const NOT_ROOT = process.getuid() !== 0 && 'needs root, to start what make run starts';

describe('browser clients of older systems', { skip: NOT_ROOT }, () => {
	let browser;
	let page;
	let stack;

	before(async () => {
		[stack, browser] = await Promise.all([Stack.start(), launch()]);
	});

	after(async () => {
		await browser?.close();
		await stack?.stop();
	});

	beforeEach(async () => {
		page = await openPage(browser, `${stack.url}hostcast.js`); // of our origin, and does nothing
		await page.evaluate(() => {
			window.seen = [];
		});
	});

	afterEach(() => closePage(page));

	/** The first that the page's client has seen and that has these fields. */
	async function seen(fields) {
		const handle = await page.waitForFunction((wanted) => window.seen.find((one) =>
			Object.entries(wanted).every(([name, value]) => one[name] === value)), fields);
		return handle.jsonValue();
	}

	test('window.App.ws dispatches by type, and comes back after 3 s', async () => {
		await page.evaluate(() => {
			const handlers = {};
			const ws = {
				connections: 0,
				on: (type, handler) => (handlers[type] ??= []).push(handler),
				off: (type, handler) => {
					handlers[type] = handlers[type].filter((one) => one !== handler);
				},
				connect() {
					ws.socket = new WebSocket(`ws://${location.host}/ws/events`);
					ws.socket.onopen = () => ws.connections++;
					ws.socket.onclose = () => setTimeout(ws.connect, 3000);
					ws.socket.onmessage = ({ data }) => {
						const event = JSON.parse(data);
						for (const handler of handlers[event.type] ?? [])
							handler(event.payload);
					};
				},
			};
			window.App = { ws };
			ws.connect();
			window.App.ws.on('job.progress', (payload) => seen.push(payload));
		});
		await page.waitForFunction(() => App.ws.connections === 1);
		await stack.publish('job.progress', { job_id: 'one', percent: 1, step: 'x' });
		assert.deepEqual(await seen({ job_id: 'one' }),
			{ job_id: 'one', percent: 1, step: 'x' });
		await stack.kill('hostcast-ws');
		await page.waitForFunction(() => App.ws.connections === 2);
		await stack.publish('job.progress', { job_id: 'two', percent: 2, step: 'x' });
		await seen({ job_id: 'two' });
	});

	test('WebSocketClient subscribes to its three channels with a token in the address', async () => {
		await page.evaluate((token) => {
			class WebSocketClient {
				queue = [];

				connect() {
					this.ws = new WebSocket(`ws://${location.host}/ws?token=${token}`);
					this.ws.onopen = () => {
						for (const channel of ['media_updates', 'system_updates', 'analysis_updates'])
							this.subscribe(channel);
						for (const message of this.queue.splice(0))
							this.ws.send(JSON.stringify(message));
					};
					this.ws.onmessage = ({ data }) => seen.push(JSON.parse(data));
					this.ws.onclose = ({ code, reason, wasClean }) => seen.push({ code, reason, wasClean });
				}

				send(message) {
					if (this.ws?.readyState === WebSocket.OPEN)
						this.ws.send(JSON.stringify(message));
					else
						this.queue.push(message);
				}

				subscribe(channel) {
					this.send({ type: 'subscribe', channel });
				}

				disconnect() {
					this.ws.close(1000, 'Client disconnect');
				}
			}
			window.client = new WebSocketClient();
			client.send({ type: 'ping' }); // queued, as it is not connected yet
			client.connect();
		}, stack.token);
		await seen({ type: 'pong' });
		assert.deepEqual(await page.evaluate(() => window.seen.map(({ type, channel }) => [type, channel])), [
			['subscribed', 'media_updates'], ['subscribed', 'system_updates'],
			['subscribed', 'analysis_updates'], ['pong', undefined],
		]);
		const data = {
			action: 'deleted', media_id: 42, media: { id: 42, title: 'The Matrix (1999)' },
		};
		await stack.publish('media_update', data);
		const message = await seen({ type: 'media_update' });
		assert.deepEqual(message.data, data);
		assert.ok(Math.abs(Date.parse(message.timestamp) - Date.now()) < 60_000, message.timestamp);
		await page.evaluate(() => window.client.disconnect());
		assert.deepEqual(await seen({ code: 1000 }), { code: 1000, reason: '', wasClean: true });
	});

	test('WebSocketClient is closed with 4001 when its token is not good', async () => {
		await page.evaluate(() => {
			new WebSocket(`ws://${location.host}/ws?token=a.b.c`).onclose =
				({ code, wasClean }) => seen.push({ code, wasClean });
		});
		assert.deepEqual(await seen({ code: 4001 }), { code: 4001, wasClean: true });
	});

	test('useSystemHealth() gets health checks, its token in a cookie', async () => {
		await page.context().addCookies([{ name: 'hostcast_token', value: stack.token, url: stack.url }]);
		await page.evaluate(() => {
			/* What the hook needs of React. */
			const useState = (value) => [value, (next) => seen.push(next)];
			const useEffect = (effect) => {
				window.unmount = effect();
			};

			function useSystemHealth() {
				const [health, setHealth] = useState(null);

				useEffect(() => {
					const ws = new WebSocket(`ws://${location.host}/ws/system-health`);

					ws.onmessage = (event) => {
						const message = JSON.parse(event.data);
						if (message.type === 'health_check') {
							setHealth(message.data);
						}
					};
					ws.addEventListener('open', () => seen.push({ open: true }));

					return () => ws.close();
				}, []);

				return health;
			}

			useSystemHealth();
		});
		await seen({ open: true });
		const health = { status: 'healthy', cpu: 12.5, components: { api: 'healthy' } };
		await stack.publish('health_check', health);
		assert.deepEqual(await seen({ status: 'healthy' }), health);
		await page.evaluate(() => window.unmount());
	});

	test('EventSource gets the same events, and goes on behind the last', async () => {
		await page.evaluate(() => {
			window.source = new EventSource('/events?types=job.*');
			source.onopen = () => seen.push({ open: true });
			source.onmessage = ({ data, lastEventId }) => {
				const { type, payload } = JSON.parse(data);
				seen.push({ type, job: payload.job_id, lastEventId });
			};
		});
		await seen({ open: true });
		const { epoch, sequences: [sequence] } =
			await stack.publish('job.progress', { job_id: 'sse', percent: 3, step: 'x' });
		const event = await seen({ job: 'sse' });
		assert.equal(event.lastEventId, `${epoch}-${sequence}`);
		await stack.kill('hostcast-ws');
		await page.waitForFunction(() => window.seen.filter(({ open }) => open).length > 1);
		await stack.publishWhenTaken('job.progress', { job_id: 'again', percent: 4, step: 'x' });
		await seen({ job: 'again' });
		assert.deepEqual(await page.evaluate(() => window.seen.filter(({ job }) => job)
			.map(({ job }) => job)), ['sse', 'again']);
		await page.evaluate(() => window.source.close());
	});
});
