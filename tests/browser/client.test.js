// SPDX-License-Identifier: MIT
/* hostcast.js in a real browser, against a hub that does what it is told. */

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';

import { closePage, launch, openPage } from './support/browser.js';
import { Hub } from './support/hub.js';

const QUICK = { minDelayMs: 20, maxDelayMs: 60 };

let browser;
let hub;
let page;

before(async () => {
	browser = await launch();
});

after(() => browser.close());

beforeEach(async () => {
	hub = await Hub.start();
	page = await openPage(browser, `${hub.url}blank`);
});

afterEach(async () => {
	await closePage(page);
	await hub.stop();
});

/** Makes window.client in the page; what it dispatches is noted in window.notes. */
function make(options = QUICK) {
	return page.evaluate(async (given) => {
		const { Hostcast } = await import('/hostcast.js');
		window.notes = [];
		window.client = new Hostcast(given);
		for (const type of ['statechange', 'gap', 'control'])
			client.addEventListener(type, ({ detail }) => notes.push([type, detail]));
		client.on('*', (payload, { type, sequence }) => notes.push(['event', { type, sequence, payload }]));
		client.connect();
	}, options);
}

async function makeConnected(options) {
	const connected = hub.connected();
	await make(options);
	await connected;
	await state('open');
}

function state(name) {
	return page.waitForFunction((wanted) => client.state === wanted, name);
}

function notes(kind) {
	return page.evaluate((wanted) =>
		notes.filter(([type]) => type === wanted).map(([, detail]) => detail), kind);
}

/** Waits until n events have been dispatched; returns their sequences. */
async function sequences(n) {
	await page.waitForFunction((wanted) =>
		notes.filter(([type]) => type === 'event').length >= wanted, n);
	return (await notes('event')).map(({ sequence }) => sequence);
}

const position = () => page.evaluate(() => client.position);

describe('connecting', () => {
	test('the greeting tells where the client stands', async () => {
		hub.publish('job.completed', {}, { silent: true });
		await makeConnected();
		assert.deepEqual(hub.urls, ['/ws/events']);
		await page.waitForFunction(() => client.position !== null);
		assert.equal(await position(), `${hub.epoch}-1`);
	});

	test('retained events behind the greeting are handed on, and the position is behind them', async () => {
		for (let i = 0; i < 3; i++)
			hub.publish('component.status', {}, { silent: true });
		hub.snapshot = [hub.log[0], hub.log[2]];
		await makeConnected();
		assert.deepEqual(await sequences(2), [1, 3]);
		assert.equal(await position(), `${hub.epoch}-3`);
	});

	test('a greeting does not move a client that has a position', async () => {
		await makeConnected();
		await page.waitForFunction(() => client.position !== null);
		const again = hub.connected();
		hub.cut();
		hub.publish('job.progress', {}, { silent: true });
		await again;
		assert.deepEqual(await sequences(1), [1]);
		assert.deepEqual(await notes('gap'), []);
	});

	test('events come without a greeting too, and a reconnect before the first is told as a gap', async () => {
		hub.greeting = false;
		await makeConnected();
		assert.deepEqual(hub.urls, ['/ws/events']);
		assert.equal(await position(), null);
		const again = hub.connected();
		hub.cut();
		await again;
		await page.waitForFunction(() => notes.some(([type]) => type === 'gap'));
		assert.deepEqual(await notes('gap'), [{ reason: 'unknown' }]);
		hub.publish('job.progress');
		assert.deepEqual(await sequences(1), [1]);
	});

	test('the address may be a function, and other parameters in it are kept', async () => {
		const connected = hub.connected();
		await page.evaluate(async () => {
			const { Hostcast } = await import('/hostcast.js');
			window.client = new Hostcast({ url: async () => '/ws/events?a=b' }).connect();
		});
		await connected;
		assert.deepEqual(hub.urls, ['/ws/events?a=b']);
	});

	test('a token is asked for before each attempt and is the first message', async () => {
		const connected = hub.connected();
		await page.evaluate(async (quick) => {
			const { Hostcast } = await import('/hostcast.js');
			let n = 0;
			window.client = new Hostcast({ ...quick, token: async () => `token ${++n}` });
			client.subscribe('job.*');
			client.connect();
		}, QUICK);
		await connected;
		await hub.hears(({ action }) => action === 'subscribe');
		const again = hub.connected();
		hub.clients()[0].close(4001, 'token expired');
		await again;
		await hub.hears(({ token }) => token === 'token 2');
		assert.deepEqual(hub.received.slice(0, 3), [
			{ action: 'authenticate', token: 'token 1' },
			{ action: 'subscribe', events: ['job.*'] },
			{ action: 'authenticate', token: 'token 2' },
		]);
	});

	test('a ticket is asked for before each attempt and is a subprotocol', async () => {
		let n = 0;
		hub.answers['/api/v1/tickets'] = () => ({ ticket: `t${++n}`, expires_in: 30 });
		const connected = hub.connected();
		await page.evaluate(async (quick) => {
			const { Hostcast, fetchTicket } = await import('/hostcast.js');
			window.client = new Hostcast({ ...quick, ticket: () => fetchTicket() }).connect();
		}, QUICK);
		await connected;
		const again = hub.connected();
		hub.clients()[0].close(4001, 'token expired');
		await again;
		assert.deepEqual(hub.protocols, ['hostcast.v1, ticket.t1', 'hostcast.v1, ticket.t2']);
		assert.deepEqual(hub.received, []);
	});

	test('without a ticket there is no attempt, but another try', async () => {
		let asked = 0;
		hub.answers['/api/v1/tickets'] = () => (++asked > 1 ? { ticket: 't', expires_in: 30 } : 401);
		const connected = hub.connected();
		await page.evaluate(async (quick) => {
			const { Hostcast, fetchTicket } = await import('/hostcast.js');
			window.client = new Hostcast({ ...quick, ticket: () => fetchTicket() }).connect();
		}, QUICK);
		await connected;
		assert.deepEqual(hub.protocols, ['hostcast.v1, ticket.t']);
	});

	test('a token that ends soon is replaced on the open connection', async () => {
		const connected = hub.connected();
		await page.evaluate(async (quick) => {
			const { Hostcast } = await import('/hostcast.js');
			let n = 0;
			window.client = new Hostcast({ ...quick, token: async () => `token ${++n}` }).connect();
		}, QUICK);
		await connected;
		await hub.hears(({ token }) => token === 'token 1');
		hub.send({ type: 'connection.expiring', payload: { expires_in_ms: 1000 } });
		await hub.hears(({ token }) => token === 'token 2');
		assert.equal(hub.urls.length, 1);
	});
});

describe('handlers', () => {
	test('get the payload, and the event as second argument', async () => {
		await makeConnected();
		await page.evaluate(() => {
			window.got = new Promise((resolve) => client.on('device.mounted', (...args) => resolve(args)));
		});
		const event = hub.publish('device.mounted', { mount_path: '/mnt' });
		assert.deepEqual(await page.evaluate(() => got), [event.payload, event]);
	});

	test('are chosen by exact type, by domain and by star', async () => {
		await makeConnected();
		await page.evaluate(() => {
			window.got = [];
			for (const pattern of ['alert.*', 'alert.raised', 'alert', '*'])
				client.on(pattern, (payload, { type }) => got.push(`${pattern} < ${type}`));
		});
		['alert.raised', 'alerts.raised', 'alert', 'alert.a.b'].forEach((type) => hub.publish(type));
		await sequences(4);
		assert.deepEqual(await page.evaluate(() => got.sort()), [
			'* < alert', '* < alert.a.b', '* < alert.raised', '* < alerts.raised',
			'alert < alert', 'alert.* < alert.a.b', 'alert.* < alert.raised',
			'alert.raised < alert.raised',
		]);
	});

	test('are taken off by off, by what on returned, and all of a pattern at once', async () => {
		await makeConnected();
		await page.evaluate(() => {
			window.got = [];
			const note = (name) => () => got.push(name);
			const first = note('off');
			client.on('a.b', first);
			client.on('a.b', note('stays'));
			client.on('a.b', note('returned'))();
			client.on('a.*', note('all'));
			client.off('a.b', first);
			client.off('a.*');
			client.off('never.set', first);
		});
		hub.publish('a.b');
		await sequences(1);
		assert.deepEqual(await page.evaluate(() => got), ['stays']);
	});

	test('that throw are reported and do not keep the others from being called', async () => {
		await makeConnected();
		await page.evaluate(() => {
			window.got = [];
			client.on('a.b', () => { throw new Error('a mistake of the page'); });
			client.on('a.b', () => got.push('called'));
		});
		hub.publish('a.b');
		await page.waitForFunction(() => got.length);
		assert.deepEqual(page.complaints.splice(0), ['Error: a mistake of the page']);
	});

	test('cannot be set for what is no pattern', async () => {
		await makeConnected();
		const wrong = ['', 'a*', '*.a', 'a.*.b', 'a..b', '.a', 'a b', 'a.**', 'x'.repeat(129)];
		const thrown = await page.evaluate((patterns) => patterns.map((pattern) => {
			try {
				client.on(pattern, () => {});
				return pattern;
			} catch (error) {
				return error.name;
			}
		}), wrong);
		assert.deepEqual(thrown, wrong.map(() => 'TypeError'));
	});

	test('of other endpoints get data, or the fields beside the type', async () => {
		await makeConnected();
		hub.send({ type: 'fire.seen', data: { camera: 1 }, timestamp: 'now' });
		hub.send({ type: 'task.update', task: { id: 2 } });
		await sequences(2);
		assert.deepEqual((await notes('event')).map(({ payload }) => payload),
			[{ camera: 1 }, { type: 'task.update', task: { id: 2 } }]);
	});
});

describe('coming back', () => {
	test('continues behind the last event and gets what was missed, once', async () => {
		await makeConnected();
		hub.publish('job.progress');
		await sequences(1);
		const again = hub.connected();
		hub.cut();
		hub.publish('job.progress', {}, { silent: true });
		hub.publish('job.progress', {}, { silent: true });
		await again;
		assert.deepEqual(await sequences(3), [1, 2, 3]);
		assert.deepEqual(await notes('gap'), []);
		assert.deepEqual(hub.received, [{ action: 'resume', since: `${hub.epoch}-1` }]);
	});

	test('asks once the hub knows who it is and what it wants', async () => {
		await make({});
		await page.evaluate(async (options) => {
			const { Hostcast } = await import('/hostcast.js');
			client.close();
			window.client = new Hostcast({ ...options, token: () => 'secret' });
			client.on('*', (payload, { type, sequence }) => notes.push(['event', { type, sequence }]));
			client.subscribe('job.*');
			client.connect();
		}, QUICK);
		await hub.hears(({ action }) => action === 'subscribe');
		hub.publish('job.progress');
		await sequences(1);
		hub.received.length = 0;
		hub.cut();
		await hub.hears(({ action }) => action === 'resume');
		assert.deepEqual(hub.received.map(({ action }) => action),
			['authenticate', 'subscribe', 'resume']);
	});

	test('leaves what comes before the answer for after it', async () => {
		await makeConnected();
		hub.publish('job.progress');
		await sequences(1);
		const resume = hub.resume;
		hub.resume = (client, since) => {
			client.send(JSON.stringify(hub.log.at(-1))); // live, and ahead of what was missed
			resume.call(hub, client, since);
		};
		hub.refusing = true;
		hub.cut();
		for (let i = 0; i < 3; i++)
			hub.publish('job.progress', {}, { silent: true });
		hub.refusing = false;
		assert.deepEqual(await sequences(4), [1, 2, 3, 4]);
	});

	test('finds a hub that was away for many attempts', async () => {
		await makeConnected();
		hub.publish('job.progress');
		await sequences(1);
		await hub.stop();
		await page.waitForFunction(() =>
			notes.filter(([, { state }]) => state === 'waiting').length >= 8);
		hub.publish('job.progress', {}, { silent: true });
		await hub.listen();
		assert.deepEqual(await sequences(2), [1, 2]);
		assert.deepEqual(await notes('gap'), []);
	});

	test('drops events that it has seen', async () => {
		await makeConnected();
		const first = hub.publish('job.progress');
		const second = hub.publish('job.progress');
		[first, second, first].forEach((event) => hub.send(event));
		hub.publish('job.completed');
		await page.waitForFunction(() => notes.at(-1)[1].type === 'job.completed');
		assert.deepEqual(await sequences(3), [1, 2, 3]);
	});

	test('takes events without a sequence as they come, and stays where it is', async () => {
		await makeConnected();
		hub.publish('job.progress');
		hub.send({ type: 'cursor.moved', payload: {}, timestamp: 'now' });
		hub.send({ type: 'cursor.moved', payload: {}, timestamp: 'now' });
		assert.equal((await sequences(3)).length, 3);
		assert.equal(await position(), `${hub.epoch}-1`);
	});

	test('tells trimmed history as a gap, before the first newer event', async () => {
		await makeConnected();
		hub.publish('job.progress');
		await sequences(1);
		hub.refusing = true;
		hub.cut();
		for (let i = 0; i < 5; i++)
			hub.publish('job.progress', {}, { silent: true });
		hub.oldest = 4;
		hub.refusing = false;
		assert.deepEqual(await sequences(4), [1, 4, 5, 6]);
		assert.deepEqual(await notes('gap'), [{
			reason: 'trimmed', from: `${hub.epoch}-1`, to: `${hub.epoch}-6`,
			missedFrom: `${hub.epoch}-2`, missedTo: `${hub.epoch}-3`,
		}]);
		const order = await page.evaluate(() => notes.map(([type]) => type).join(' '));
		assert.match(order, /control gap event event event$/);
	});

	test('hands on the retained events behind a gap, though they are old, and keeps its position', async () => {
		await makeConnected();
		hub.publish('job.progress');
		await sequences(1);
		hub.refusing = true;
		hub.cut();
		for (let i = 0; i < 5; i++)
			hub.publish('job.progress', {}, { silent: true });
		hub.oldest = 4;
		hub.state = [1, 3].map((sequence) => ({ type: 'device.mounted', payload: {}, timestamp: 'then', sequence }));
		hub.log.length = 3; // nothing follows yet
		hub.refusing = false;
		assert.deepEqual(await sequences(3), [1, 1, 3]);
		assert.equal(await position(), `${hub.epoch}-3`);
		hub.publish('job.progress');
		assert.deepEqual(await sequences(4), [1, 1, 3, 4]);
	});

	test('takes no other hole for the answer', async () => {
		await makeConnected();
		hub.publish('job.progress');
		await sequences(1);
		const resume = hub.resume;
		hub.resume = (client, since) => {
			hub.sayResumed(client, `${hub.epoch}-2`, { reason: 'lagged', from: `${hub.epoch}-3`, to: 3 });
			resume.call(hub, client, since);
		};
		hub.refusing = true;
		hub.cut();
		for (let i = 0; i < 3; i++)
			hub.publish('job.progress', {}, { silent: true });
		hub.refusing = false;
		assert.deepEqual(await sequences(4), [1, 2, 3, 4]);
		assert.deepEqual(await notes('gap'), []);
	});

	test('is told again if it goes before the state is whole', async () => {
		await makeConnected();
		hub.publish('job.progress');
		await sequences(1);
		hub.epoch = '00000000000000e2';
		hub.state = [1, 2].map((sequence) => ({ type: 'device.mounted', sequence }));
		hub.resume = (client, since) => {
			const gap = { reason: 'epoch', from: since, to: 1 };
			hub.sayResumed(client, since, gap, 0, hub.state.slice(0, 1));
			client.terminate();
			hub.resume = Hub.prototype.resume;
		};
		hub.cut();
		await page.waitForFunction(() => notes.filter(([type]) => type === 'gap').length === 2);
		assert.deepEqual(await sequences(4), [1, 1, 1, 2]);
		assert.deepEqual((await notes('gap')).map(({ from }) => from),
			['00000000000000e1-1', '00000000000000e1-1']);
		assert.equal(await position(), `${hub.epoch}-1`);
	});

	test('takes the sequences of a new epoch, though they are lower', async () => {
		await makeConnected();
		for (let i = 0; i < 5; i++)
			hub.publish('job.progress');
		await sequences(5);
		hub.refusing = true;
		hub.cut();
		hub.epoch = '00000000000000e2';
		hub.log.length = 0;
		hub.publish('job.progress', {}, { silent: true });
		const again = hub.connected();
		hub.refusing = false;
		await again;
		await page.waitForFunction(() => notes.some(([type]) => type === 'gap'));
		assert.equal((await notes('gap'))[0].reason, 'epoch');
		assert.equal(await position(), `${hub.epoch}-1`);
		hub.publish('job.progress');
		assert.deepEqual(await sequences(6), [1, 2, 3, 4, 5, 2]);
		assert.equal(await position(), `${hub.epoch}-2`);
	});

	test('stands where a heartbeat says', async () => {
		await makeConnected();
		hub.publish('job.progress');
		await sequences(1);
		hub.send({ type: 'ping', position: `${hub.epoch}-700` });
		await page.waitForFunction(() => client.position.endsWith('-700'));
		hub.send({ type: 'ping', position: '00000000000000ff-800' });
		hub.send({ type: 'ping' });
		await hub.hears(() => hub.received.length === 3);
		assert.equal(await position(), `${hub.epoch}-700`);
	});

	test('tells it as a gap where it cannot resume, also if it was greeted', async () => {
		await makeConnected({ ...QUICK, resume: false });
		await page.waitForFunction(() => client.position !== null);
		hub.cut();
		await page.waitForFunction(() => notes.some(([type]) => type === 'gap'));
		assert.deepEqual(await notes('gap'), [{ reason: 'unknown' }]);
		assert.deepEqual(hub.received, []);
	});

	test('begins anew where it cannot resume, with the state, and with the sequences of a new epoch', async () => {
		await makeConnected({ ...QUICK, resume: false });
		for (let i = 0; i < 5; i++)
			hub.publish('job.progress');
		await sequences(5);
		hub.refusing = true;
		hub.cut();
		hub.epoch = '00000000000000e2';
		hub.log.length = 0;
		hub.snapshot = [hub.publish('component.status', {}, { silent: true })];
		const again = hub.connected();
		hub.refusing = false;
		await again;
		hub.publish('job.progress');
		assert.deepEqual(await sequences(7), [1, 2, 3, 4, 5, 1, 2]);
		assert.equal(await position(), `${hub.epoch}-2`);
	});

	test('reads the answer in whatever envelope it comes', async () => {
		await makeConnected();
		const told = { from: `${hub.epoch}-0`, to: `${hub.epoch}-9`, replayed: 0, complete: true };
		hub.send({ type: 'connection.resumed', data: told, timestamp: 'now' });
		await page.waitForFunction(() => client.position.endsWith('-9'));
		hub.send({ type: 'connection.resumed', ...told, to: `${hub.epoch}-10`, timestamp: 'now' });
		await page.waitForFunction(() => client.position.endsWith('-10'));
	});

	test('stands at the end when nothing was for it', async () => {
		hub.resume = (client, since) => client.send(JSON.stringify({
			type: 'connection.resumed',
			payload: { from: since, to: `${hub.epoch}-900`, replayed: 0, complete: true },
		}));
		await makeConnected();
		await page.waitForFunction(() => client.position !== null);
		hub.cut();
		await page.waitForFunction(() => client.position.endsWith('-900'));
	});

	test('goes back if the hub knows less than it', async () => {
		await makeConnected();
		for (let i = 1; i <= 3; i++)
			hub.publish('job.progress');
		await sequences(3);
		hub.log = [];
		hub.cut();
		await page.waitForFunction(() => notes.some(([type]) => type === 'gap'));
		assert.equal((await notes('gap'))[0].reason, 'future');
		hub.publish('job.progress');
		assert.deepEqual(await sequences(4), [1, 2, 3, 1]);
	});

	test('takes what follows a hole that opened while it was read to', async () => {
		await makeConnected();
		for (let i = 1; i <= 6; i++)
			hub.publish('job.progress', {}, { silent: true });
		hub.sayResumed(hub.clients()[0], `${hub.epoch}-0`,
			{ reason: 'lagged', from: `${hub.epoch}-1`, to: 3 });
		hub.log.slice(3).forEach((event) => hub.send(event));
		assert.deepEqual(await sequences(3), [4, 5, 6]);
		assert.equal((await notes('gap'))[0].reason, 'lagged');
	});

	test('is told what it misses when the hub has closed with 4010', async () => {
		await makeConnected();
		hub.publish('job.progress');
		await sequences(1);
		const before = hub.epoch;
		hub.epoch = '00000000000000e2';
		hub.publish('job.progress', {}, { silent: true });
		hub.clients()[0].close(4010, 'position lost');
		await page.waitForFunction(() => notes.some(([type]) => type === 'gap'));
		assert.deepEqual(await notes('gap'), [{
			reason: 'epoch', from: `${before}-1`, to: `${hub.epoch}-2`,
			missedFrom: `${before}-2`, missedTo: `${hub.epoch}-2`,
		}]);
		await page.waitForFunction(() => client.position?.endsWith('-2'));
	});
});

describe('when it comes back', () => {
	for (const code of [1000, 1001, 1011, 3000, 4001, 4008, 4029, 4053, 4499])
		test(`it does after close code ${code}`, async () => {
			await makeConnected();
			const again = hub.connected();
			hub.clients()[0].close(code, 'a reason');
			await again;
			const waiting = (await notes('statechange')).find((detail) => detail.state === 'waiting');
			assert.equal(waiting.code, code);
			assert.equal(waiting.reason, 'a reason');
		});

	test('it does when a hub that stops has asked it to', async () => {
		await makeConnected({ minDelayMs: 20_000, maxDelayMs: 60_000 });
		const again = hub.connected();
		hub.clients()[0].close(1001, '{"retry_after_ms":321}');
		const began = performance.now();
		await again;
		const waiting = (await notes('statechange')).find((detail) => detail.state === 'waiting');
		assert.equal(waiting.retryMs, 321);
		assert.ok(performance.now() - began >= 300);
	});

	for (const reason of ['', '{', '7', 'null', '{}', '{"retry_after_ms":"1"}', '{"retry_after_ms":-1}',
		'{"retry_after_ms":null}', '{"retry_after_ms":1e999}'])
		test(`it does when it likes after the reason ${reason || 'of none'}`, async () => {
			await makeConnected();
			const again = hub.connected();
			hub.clients()[0].close(1001, reason);
			await again;
			const waiting = (await notes('statechange')).find((detail) => detail.state === 'waiting');
			assert.ok(waiting.retryMs >= QUICK.minDelayMs && waiting.retryMs <= QUICK.maxDelayMs);
		});

	test('no hub can keep it away for days', async () => {
		await makeConnected();
		hub.clients()[0].close(1001, '{"retry_after_ms":1e12}');
		await state('waiting');
		const waiting = (await notes('statechange')).find((detail) => detail.state === 'waiting');
		assert.equal(waiting.retryMs, 7_201_000);
	});

	for (const code of [4500, 4503, 4999])
		test(`it does not after close code ${code}, until asked to`, async () => {
			await makeConnected();
			hub.clients()[0].close(code, 'forbidden');
			await state('closed');
			assert.deepEqual((await notes('statechange')).at(-1),
				{ state: 'closed', previous: 'open', code, reason: 'forbidden' });
			await page.evaluate(() => dispatchEvent(new Event('online')));
			assert.equal(hub.urls.length, 1);
			const again = hub.connected();
			await page.evaluate(() => { client.connect(); });
			await again;
		});

	test('close() is for good, and the hub is told', async () => {
		await makeConnected();
		const closed = new Promise((resolve) => hub.clients()[0].on('close', resolve));
		await page.evaluate(() => client.close());
		assert.equal(await closed, 1000);
		await page.evaluate(() => dispatchEvent(new Event('online')));
		assert.equal(await page.evaluate(() => client.state), 'closed');
		assert.equal(hub.urls.length, 1);
	});

	for (const moment of ['connecting', 'open', 'waiting'])
		test(`close() while ${moment} is told is for good too`, async () => {
			await page.clock.install();
			await page.evaluate(async (wanted) => {
				const { Hostcast } = await import('/hostcast.js');
				window.states = [];
				window.client = new Hostcast({});
				client.addEventListener('statechange', ({ detail: { state } }) => {
					states.push(state);
					if (state === wanted)
						client.close();
				});
				client.connect();
			}, moment);
			if (moment === 'waiting') {
				await state('open');
				hub.cut();
			}
			await state('closed');
			await page.clock.runFor(200_000);
			const states = await page.evaluate(() => window.states);
			assert.equal(states.indexOf('closed'), states.length - 1, String(states));
		});

	test('each delay lies between half a second and a ceiling that doubles up to 20 s', async () => {
		const delays = await page.evaluate(async () => {
			const { delayFor } = await import('/hostcast.js');
			const at = (random) => [0, 1, 2, 3, 4, 5, 6, 50, 5000].map((n) =>
				Math.round(delayFor(n, undefined, () => random)));
			const drawn = Array.from({ length: 1000 }, () => delayFor(9));
			return { low: at(0), high: at(1), drawn };
		});
		assert.deepEqual(delays.low, Array(9).fill(500));
		assert.deepEqual(delays.high, [1000, 2000, 4000, 8000, 16000, 20000, 20000, 20000, 20000]);
		assert.ok(delays.drawn.every((ms) => ms >= 500 && ms <= 20000));
		for (const [low, high] of [[500, 7000], [7000, 13500], [13500, 20000]])
			assert.ok(delays.drawn.filter((ms) => ms >= low && ms < high).length > 200, 'not spread');
	});

	test('the delays that are told grow, and begin anew after a steady connection', async () => {
		await makeConnected({ minDelayMs: 10, maxDelayMs: 5000, steadyMs: 100 });
		hub.refusing = true;
		hub.cut();
		await page.waitForFunction(() =>
			notes.filter(([, { state }]) => state === 'waiting').length >= 6);
		const again = hub.connected();
		hub.refusing = false;
		await again;
		await state('open');
		/* Steady from here on: more than steadyMs by the page's own clock. */
		await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 120)));
		const n = await page.evaluate(() => notes.length);
		hub.cut();
		await page.waitForFunction((seen) =>
			notes.slice(seen).some(([, { state }]) => state === 'waiting'), n);
		const waits = (await notes('statechange')).filter((detail) => detail.state === 'waiting');
		waits.slice(0, 6).forEach(({ retryMs }, attempt) =>
			assert.ok(retryMs >= 10 && retryMs <= 10 * 2 ** (attempt + 1), `${attempt}: ${retryMs}`));
		assert.ok(waits.at(-1).retryMs <= 20, `${waits.at(-1).retryMs} after a steady connection`);
	});

	for (const [name, target] of [
		['online', 'window'], ['pageshow', 'window'], ['visibilitychange', 'document']])
		test(`${name} ends the waiting at once`, async () => {
			await makeConnected({ minDelayMs: 60_000, maxDelayMs: 60_000 });
			hub.cut();
			await state('waiting');
			const again = hub.connected();
			await page.evaluate(([on, type]) => { globalThis[on].dispatchEvent(new Event(type)); },
				[target, name]);
			await again;
			await state('open');
			assert.equal(hub.urls.length, 2);
		});
});

describe('silence', () => {
	test('a ping is answered with a pong', async () => {
		await makeConnected();
		hub.send({ type: 'ping' });
		await hub.hears(({ type }) => type === 'pong');
		assert.deepEqual(await notes('event'), []);
	});

	test('after 75 s without anything the connection is given up', async () => {
		await page.clock.install({ time: 0 });
		await page.clock.pauseAt(60_000); // else the clock goes on between what we do
		await makeConnected({});
		await page.clock.runFor(74_000);
		assert.equal(await page.evaluate(() => client.state), 'open');
		const again = hub.connected();
		await page.clock.runFor(2_000);
		await page.clock.runFor(1_000);
		await again;
		const waiting = (await notes('statechange')).find((detail) => detail.state === 'waiting');
		assert.deepEqual([waiting.code, waiting.reason], [4000, 'silent for 75 s']);
		assert.ok(waiting.retryMs <= 1000, 'the first delay, for the connection was steady');
	});

	test('any message keeps it', async () => {
		await page.clock.install();
		await makeConnected({});
		for (let i = 1; i <= 4; i++) {
			await page.clock.runFor(40_000);
			hub.publish('job.progress');
			await sequences(i);
		}
		assert.equal(await page.evaluate(() => client.state), 'open');
		assert.equal(hub.urls.length, 1);
	});

	test('a connection that never opens is given up too', async () => {
		await page.clock.install();
		let asked;
		const request = new Promise((resolve) => { asked = resolve; });
		hub.http.removeAllListeners('upgrade');
		hub.http.on('upgrade', (_, socket) => asked(socket));
		await make({});
		const socket = await request;
		await page.clock.runFor(11_000);
		const waiting = (await notes('statechange')).find((detail) => detail.state === 'waiting');
		assert.equal(waiting.reason, 'silent for 10 s');
		socket.destroy();
	});

	test('a page that wakes up asks a doubtful connection for a sign of life', async () => {
		await page.clock.install();
		await makeConnected({});
		await page.evaluate(() => { document.dispatchEvent(new Event('visibilitychange')); });
		await hub.hears(({ type }) => type === 'ping');
		hub.send({ type: 'pong' });
		hub.publish('job.progress');
		await sequences(1);
		await page.clock.runFor(20_000);
		assert.ok(!(await notes('statechange')).some((detail) => detail.state === 'waiting'));
		await page.evaluate(() => { dispatchEvent(new Event('online')); });
		await page.clock.runFor(11_000);
		const waiting = (await notes('statechange')).find((detail) => detail.state === 'waiting');
		assert.equal(waiting?.reason, 'silent for 10 s');
	});
});

describe('subscriptions', () => {
	test('are sent at once, and again after a reconnect', async () => {
		await makeConnected();
		await page.evaluate(() => {
			client.subscribe('job.*', 'alert.raised');
			client.subscribe('device.mounted');
			client.unsubscribe('alert.raised');
		});
		await hub.hears(({ action }) => action === 'unsubscribe');
		assert.deepEqual(hub.received, [
			{ action: 'subscribe', events: ['job.*', 'alert.raised'] },
			{ action: 'subscribe', events: ['device.mounted'] },
			{ action: 'unsubscribe', events: ['alert.raised'] },
		]);
		hub.received.length = 0;
		const again = hub.connected();
		hub.cut();
		await again;
		await hub.hears(() => true);
		assert.deepEqual(hub.received[0], { action: 'subscribe', events: ['job.*', 'device.mounted'] });
	});

	test('hold for what is replayed before the hub has heard of them', async () => {
		await makeConnected();
		await page.evaluate(() => client.subscribe('job.*'));
		await hub.hears(({ action }) => action === 'subscribe');
		const again = hub.connected();
		hub.cut();
		hub.publish('alert.raised', {}, { silent: true });
		hub.publish('job.progress', {}, { silent: true });
		await again;
		assert.deepEqual(await sequences(1), [2]);
	});

	test('to nothing leave nothing of what was asked for before', async () => {
		await makeConnected();
		await page.evaluate(() => {
			client.subscribe('job.*');
			client.subscribe();
			client.subscribe('task.*');
		});
		await hub.hears(({ events }) => events?.[0] === 'task.*');
		assert.deepEqual(hub.received, [
			{ action: 'subscribe', events: ['job.*'] },
			{ action: 'subscribe', events: [] },
			{ action: 'subscribe', events: ['task.*'] },
		]);
		hub.received.length = 0;
		const again = hub.connected();
		hub.cut();
		await again;
		await hub.hears(() => true);
		assert.deepEqual(hub.received[0], { action: 'subscribe', events: ['task.*'] });
	});

	test('taken back all at once leave nothing', async () => {
		await makeConnected();
		await page.evaluate(() => client.unsubscribe());
		await hub.hears(({ action }) => action === 'unsubscribe');
		assert.deepEqual(hub.received, [{ action: 'unsubscribe' }]);
		hub.received.length = 0;
		const again = hub.connected();
		hub.cut();
		await again;
		await hub.hears(() => true);
		assert.deepEqual(hub.received[0], { action: 'subscribe', events: [] });
	});
});

describe('what else the hub says', () => {
	test('that its heartbeat is slow is heeded', async () => {
		hub.heartbeatMs = 60_000;
		await makeConnected({ ...QUICK, idleMs: 2000 });
		await page.waitForFunction(() => client.position !== null);
		await new Promise((resolve) => setTimeout(resolve, 2500));
		assert.equal(hub.urls.length, 1);
	});

	test('comes as control, not as an event', async () => {
		hub.greeting = false;
		await makeConnected({ ...QUICK, resume: false });
		const said = [
			{ type: 'error', code: 'invalid_params', message: 'no such action' },
			{ action: 'subscribed', events: ['job.*'] },
			{ type: 'subscribed', channel: 'jobs' },
			{ type: 'connection.expiring', payload: {} },
		];
		said.forEach((message) => hub.send(message));
		await page.waitForFunction(() => notes.filter(([type]) => type === 'control').length === 4);
		assert.deepEqual(await notes('control'), said);
		assert.deepEqual(await notes('event'), []);
		assert.deepEqual(hub.urls, ['/ws/events']);
	});
});
