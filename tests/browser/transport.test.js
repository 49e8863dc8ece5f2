// SPDX-License-Identifier: MIT
/* Server-Sent Events and deflated WebSockets, with the real hub, in a real browser and in ws. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, afterEach, before, describe, test } from 'node:test';

import WebSocket from 'ws';

import { closePage, launch, openPage } from './support/browser.js';
import { Stack } from './support/stack.js';

const NOT_ROOT = process.getuid() !== 0 && 'needs root, to start what make run starts';
const STEP = 'all work and no play '.repeat(100);

describe('streams and deflated frames', { skip: NOT_ROOT }, () => {
	let browser;
	let page;
	let stack;

	before(async () => {
		[stack, browser] = await Promise.all([
			Stack.start('[clients]\ncompression = on\n'), launch(),
		]);
	});

	after(async () => {
		await browser?.close();
		await stack?.stop();
	});

	afterEach(async () => {
		/* What the browser says of connections that fail is what these tests are about. */
		page.complaints = page.complaints.filter((text) => !/EventSource|event-stream/.test(text));
		await closePage(page);
	});

	const publish = (job, step = 'x') =>
		stack.publish('job.progress', { job_id: job, percent: 1, step });

	const publishWhenTaken = (job) =>
		stack.publishWhenTaken('job.progress', { job_id: job, percent: 1, step: 'x' });

	/** Makes window.source; what comes is in window.jobs, window.ids and window.resumed. */
	function listen() {
		return page.evaluate(async () => {
			window.jobs = [];
			window.ids = [];
			window.resumed = [];
			window.source = new EventSource('/events?types=job.*');
			source.onmessage = ({ data, lastEventId }) => {
				jobs.push(JSON.parse(data).payload.job_id);
				ids.push(lastEventId);
			};
			source.addEventListener('connection.resumed',
				({ data }) => resumed.push(JSON.parse(data).payload));
			await new Promise((resolve) => {
				source.onopen = resolve;
			});
		});
	}

	const has = (n) => page.waitForFunction((wanted) => jobs.length >= wanted, n);

	test('an EventSource gets events through Apache', async () => {
		page = await openPage(browser, stack.url);
		await listen();
		await publish('one');
		await publish('two');
		await has(2);
		assert.deepEqual(await page.evaluate(() => jobs), ['one', 'two']);
		for (const id of await page.evaluate(() => ids))
			assert.match(id, /^[0-9a-f]{16}-[0-9]+$/);
	});

	test('an EventSource comes back to a hub that was killed, and misses nothing', async () => {
		page = await openPage(browser, `${stack.hubUrl}nothing`); // a page of its origin
		await listen();
		const connecting = page.waitForFunction(() => source.readyState === EventSource.CONNECTING);
		await stack.kill('hostcast-ws');
		await connecting;
		await publishWhenTaken('meanwhile');
		await has(1);
		assert.deepEqual(await page.evaluate(() => jobs), ['meanwhile']);
		assert.deepEqual(await page.evaluate(() => resumed.map(({ complete }) => complete)), [true]);
	});

	test('an EventSource behind Apache outlives a hub that is away for long', async () => {
		page = await openPage(browser, stack.url);
		await listen();
		await publish('before');
		await has(1);
		await page.evaluate(() => {
			window.tries = 0;
			source.onerror = () => tries++;
		});
		await stack.keepHubAway();
		await page.waitForFunction(() => tries >= 2, null, { timeout: 30_000 }); /* the cut, and an answer */
		assert.notEqual(await page.evaluate(() => source.readyState), 2);
		await stack.letHubBack();
		await publishWhenTaken('meanwhile');
		await has(2);
		assert.deepEqual(await page.evaluate(() => jobs), ['before', 'meanwhile']);
		assert.deepEqual(await page.evaluate(() => resumed.map(({ complete }) => complete)), [true]);
	});

	test('Chromium reads deflated frames', async () => {
		page = await openPage(browser, stack.url);
		const extensions = await page.evaluate(async () => {
			window.texts = [];
			window.socket = new WebSocket(`${location.href.replace('http', 'ws')}ws/events`);
			socket.onmessage = ({ data }) => texts.push(data);
			await new Promise((resolve) => {
				socket.onopen = resolve;
			});
			return socket.extensions;
		});
		assert.match(extensions, /^permessage-deflate/);
		await publish('deflated', STEP);
		await page.waitForFunction((step) => texts.some((text) => text.includes(step)), STEP);
		await page.evaluate((pad) => socket.send(JSON.stringify({ type: 'ping', pad })), STEP);
		await page.waitForFunction(() => texts.includes('{"type":"pong"}'));
	});

	test('ws reads deflated frames, and is read', async () => {
		page = await openPage(browser, stack.url);
		const url = `${stack.hubUrl.replace('http', 'ws')}ws/events`;
		const socket = new WebSocket(url, { perMessageDeflate: { threshold: 0 } });
		await once(socket, 'open');
		assert.match(socket.extensions, /^permessage-deflate/);
		const [seen] = await Promise.all([once(socket, 'message'), publish('for ws', STEP)]);
		assert.equal(JSON.parse(seen[0]).payload.step, STEP);
		for (const pad of ['', 'x', STEP]) {
			socket.send(JSON.stringify({ type: 'ping', pad }));
			const [pong] = await once(socket, 'message');
			assert.equal(String(pong), '{"type":"pong"}');
		}
		socket.close();
		await once(socket, 'close');
	});
});
