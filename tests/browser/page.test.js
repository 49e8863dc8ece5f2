// SPDX-License-Identifier: MIT
/* The page at /, against a hub that does what it is told. */

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';

import { closePage, launch, openPage } from './support/browser.js';
import { Hub } from './support/hub.js';

const STICK = {
	device_node: '/dev/sdb1', mount_path: '/media/stick', label: 'STICK', fstype: 'vfat',
	uuid: '4A21-0B7F', mount_id: 71, actor: { comm: 'udisksd', pid: 812, uid: 0 },
};
const DISK = {
	device_node: '/dev/sda2', mount_path: '/', label: 'root', fstype: 'ext4',
	uuid: 'b1d3c1a0-7f0e-4a55-8b7c-d2a7e4c0f311', mount_id: 20, reconciled: true,
};
const STATUS = '/api/services/detector/status';
const MOUNTS = '/api/state/device.mounted';

let browser;
let hub;
let page;

before(async () => {
	browser = await launch();
});

after(() => browser.close());

beforeEach(async () => {
	hub = await Hub.start();
	hub.mounts = [{ type: 'device.mounted', payload: DISK, timestamp: '2026-01-31T10:00:00.000Z' }];
	hub.answers[STATUS] = () => ({ running: true, monitoring_enabled: true, mode: 'bpf', reasons: [] });
	hub.answers[MOUNTS] = () => ({ position: `${hub.epoch}-${hub.log.length}`, events: hub.mounts });
});

afterEach(async () => {
	await closePage(page);
	await hub.stop();
});

async function open(options) {
	const connected = hub.connected();
	page = await openPage(browser, hub.url, options);
	await connected;
	await page.locator('body[data-connection=open]').waitFor();
}

const text = (id, wanted) => page.locator(`#${id}`, { hasText: wanted }).waitFor();
const mountRows = () => page.locator('#mounts tr').allInnerTexts();
const eventTypes = () => page.locator('#events .type').allInnerTexts();

async function published(...types) {
	const n = await page.locator('#events > li').count();
	types.forEach((type) => hub.publish(type, { n: 1 }));
	await page.waitForFunction((wanted) =>
		document.querySelectorAll('#events > li').length === wanted, n + types.length);
}

describe('the detector', () => {
	test('is asked once and then told of changes', async () => {
		let asked = 0;
		hub.answers[STATUS] = () => {
			asked++;
			return { running: true, monitoring_enabled: true, mode: 'bpf', reasons: [] };
		};
		await open();
		await text('detector-state', 'watching');
		await text('detector-mode', 'bpf');
		hub.publish('detector.status', {
			running: true, monitoring_enabled: false, mode: 'mountinfo', reasons: ['no BTF', 'no tracefs'],
		});
		await text('detector-state', 'monitoring switched off');
		await text('detector-monitoring', 'no');
		await text('detector-mode', 'mountinfo');
		assert.deepEqual(await page.locator('#detector-reasons li').allInnerTexts(),
			['no BTF', 'no tracefs']);
		hub.publish('detector.status', { running: false, monitoring_enabled: false });
		await text('detector-state', 'not running');
		assert.equal(await page.locator('#detector-reasons li').count(), 0);
		assert.equal(asked, 1);
	});

	test('is asked again while REST is away, and what is wrong is shown meanwhile', async () => {
		const answer = hub.answers[STATUS];
		hub.answers[STATUS] = () => 503;
		await open();
		await text('detector-problem', '503 made to fail');
		hub.answers[STATUS] = answer;
		await text('detector-state', 'watching');
		assert.equal(await page.locator('#detector-problem').isVisible(), false);
	});
});

describe('the mounts', () => {
	test('are those there are, then those that come and go, in order of their paths', async () => {
		await open();
		await text('mounts', '/dev/sda2');
		hub.publish('device.mounted', { ...STICK, mount_path: '/zzz' });
		hub.publish('device.mounted', STICK);
		await text('mounts', '/media/stick');
		const rows = await mountRows();
		assert.match(rows[0], /\/dev\/sda2\s+\/\s+root\s+ext4\s+b1d3c1a0\S+\s+–\s+–/);
		assert.match(rows[1], /\/dev\/sdb1\s+\/media\/stick\s+STICK\s+vfat\s+4A21-0B7F\s+\d\d:\d\d:\d\d\s+udisksd 812/);
		assert.match(rows[2], /\/zzz/);
		await text('mounts-count', '3');
		hub.publish('device.unmounted', { device_node: '/dev/sdb1', mount_path: '/media/stick' });
		await page.waitForFunction(() => document.querySelectorAll('#mounts tr').length === 2);
		await text('mounts-news', 'Unmounted: /media/stick');
	});

	test('at the same path are one row', async () => {
		await open();
		hub.publish('device.mounted', STICK);
		hub.publish('device.mounted', { ...STICK, label: 'OTHER' });
		await text('mounts', 'OTHER');
		assert.equal((await mountRows()).length, 2);
	});

	test('that change while the snapshot is on its way are applied on top of it', async () => {
		let deliver;
		const late = new Promise((resolve) => { deliver = resolve; });
		const asked = new Promise((resolve) => {
			hub.answers[MOUNTS] = () => {
				const old = { position: `${hub.epoch}-${hub.log.length}`, events: hub.mounts };
				resolve();
				return late.then(() => old);
			};
		});
		await open();
		await asked;
		hub.publish('device.mounted', STICK);
		await text('mounts', 'STICK');
		assert.equal(await page.locator('#mounts-empty').innerText(), 'Asking what is mounted.');
		deliver();
		await text('mounts', 'root');
		assert.equal(await page.locator('#mounts-empty').isVisible(), false);
		assert.equal((await mountRows()).length, 2);
	});

	test('that a newer snapshot has are not undone by older events', async () => {
		let deliver;
		const late = new Promise((resolve) => { deliver = resolve; });
		hub.answers[MOUNTS] = () => late.then(() => ({
			position: `${hub.epoch}-2`,
			events: [...hub.mounts, { payload: { ...STICK, label: 'NEWER' } }],
		}));
		await open();
		hub.publish('device.mounted', STICK);
		hub.publish('device.unmounted', { device_node: '/dev/sdb1', mount_path: '/media/stick' });
		await page.waitForFunction(() => document.querySelectorAll('#events li').length === 2);
		deliver();
		await text('mounts', 'NEWER');
		assert.equal((await mountRows()).length, 2);
	});

	test('are fetched anew after a gap', async () => {
		await open();
		await text('mounts', 'root');
		hub.publish('device.mounted', STICK);
		await text('mounts', 'STICK');
		hub.refusing = true;
		hub.cut();
		hub.publish('device.unmounted', { mount_path: '/media/stick' }, { silent: true });
		hub.publish('job.progress', {}, { silent: true });
		hub.oldest = 3;
		hub.refusing = false;
		await page.waitForFunction(() => document.querySelectorAll('#mounts tr').length === 1);
		await text('events', 'gap: events 2 to 2 are missing, the hub no longer keeps them');
	});

	test('with hostile labels are text, whatever they say', async () => {
		await open();
		const hostile = ['<img src=x onerror="document.title=1">', '</td></tr><script>document.title=1</script>',
			'\u202egnp.exe', 'a\nb\u0000c', '&lt;b&gt;', 'x'.repeat(65536), '', ' '];
		hostile.forEach((label, i) => hub.publish('device.mounted', {
			device_node: label, mount_path: `/h/${i}${label.slice(0, 99)}`, label, fstype: label,
			uuid: label, actor: { comm: label, pid: label, uid: label },
		}));
		await text('mounts-count', String(hostile.length + 1));
		assert.equal(await page.locator('#mounts img, #mounts script, #events img').count(), 0);
		assert.equal(await page.title(), 'hostcast');
		const cells = await page.locator('#mounts td[data-name=Label]').allTextContents();
		assert.deepEqual(cells.slice(1).sort(), [...hostile.slice(0, 5), `${'x'.repeat(300)}…`, '–', ' ']
			.sort());
		const width = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
		assert.ok(width <= 0, `${width} px wider than the window`);
	});
});

describe('the events', () => {
	test('come newest first, with type, time, payload and sequence', async () => {
		await open();
		await published('job.progress', 'alert.raised');
		assert.deepEqual(await eventTypes(), ['alert.raised', 'job.progress']);
		const first = await page.locator('#events > li').first().innerText();
		assert.match(first, /^\d\d:\d\d:\d\d\.\d{3}\s+alert\.raised\s+n 1\s+2$/);
		await page.locator('#events summary').first().click();
		assert.equal(await page.locator('#events pre').innerText(), '{\n  "n": 1\n}');
	});

	test('are the newest 500 after a flood', async () => {
		await open();
		for (let i = 0; i < 2000; i++)
			hub.publish('job.progress', { i });
		await text('position', `${hub.epoch}-2000`);
		await page.waitForFunction(() => document.querySelectorAll('#events > li').length === 500);
		const sequences = await page.locator('#events .sequence').allInnerTexts();
		assert.deepEqual(sequences, Array.from({ length: 500 }, (_, i) => String(2000 - i)));
	});

	test('wait while paused, and are all there afterwards', async () => {
		await open();
		await published('job.progress');
		await page.getByRole('button', { name: 'Pause' }).click();
		hub.publish('job.completed');
		hub.publish('alert.raised');
		const button = page.getByRole('button', { name: 'Resume (2)' });
		await button.waitFor();
		assert.equal(await button.getAttribute('aria-pressed'), 'true');
		assert.deepEqual(await eventTypes(), ['job.progress']);
		await button.click();
		await page.getByRole('button', { name: 'Pause' }).waitFor();
		assert.deepEqual(await eventTypes(), ['alert.raised', 'job.completed', 'job.progress']);
	});

	test('are filtered by patterns, those there are and those that come', async () => {
		await open();
		await published('job.progress', 'alert.raised', 'device.found');
		const filter = page.getByRole('searchbox', { name: 'Show only these types' });
		await filter.fill('alert.* job.progress');
		assert.deepEqual(await eventTypes(), ['alert.raised', 'job.progress']);
		await text('events-count', '2 of 3');
		await published('alert.cleared');
		hub.publish('device.found');
		await text('events-count', '3 of 5');
		assert.deepEqual(await eventTypes(), ['alert.cleared', 'alert.raised', 'job.progress']);
		await filter.fill('');
		assert.equal((await eventTypes()).length, 5);
	});

	test('are not filtered by what is no pattern: that is said instead', async () => {
		await open();
		await published('job.progress', 'alert.raised');
		const filter = page.getByRole('searchbox');
		await filter.fill('*.raised');
		await text('events-filter-problem', '“*.raised” is no event type and no pattern');
		assert.equal(await filter.getAttribute('aria-invalid'), 'true');
		assert.equal((await eventTypes()).length, 2);
		await filter.fill('*');
		assert.equal(await page.locator('#events-filter-problem').isVisible(), false);
	});

	test('keep an open row open while others come', async () => {
		await open();
		await published('job.progress');
		await page.locator('#events summary').click();
		await published('alert.raised', 'alert.cleared');
		assert.equal(await page.locator('#events details[open] .type').innerText(), 'job.progress');
	});
});

describe('the connection', () => {
	test('shows its state and position, and what was missed when it is back', async () => {
		await open();
		await published('job.progress');
		await text('connection', 'connected');
		await text('position', `${hub.epoch}-1`);
		hub.refusing = true;
		hub.cut();
		await text('connection', /connection lost, next attempt in \d+\.\d s/);
		hub.publish('job.completed', {}, { silent: true });
		hub.refusing = false;
		await text('connection', 'connected');
		await text('position', `${hub.epoch}-2`);
		await text('events', 'back again: 1 missed event follows');
		assert.deepEqual(await eventTypes(), ['job.completed', 'job.progress']);
	});

	test('says why the hub wants no more of it', async () => {
		await open();
		hub.clients()[0].close(4503, 'not for you');
		await text('connection', 'closed by the hub, 4503 not for you');
	});
});

describe('other scripts of the page', () => {
	test('have window.App.ws with on and off, before the client is there too', async () => {
		page = await openPage(browser, `${hub.url}blank`);
		const connected = hub.connected();
		await page.evaluate(() => new Promise((resolve) => {
			const script = document.createElement('script');
			const unwanted = () => got.push('unwanted');
			window.got = [];
			script.onload = () => {
				App.ws.on('a.b', unwanted);
				App.ws.on('a.b', (payload) => got.push(payload));
				App.ws.off('a.b', unwanted);
				App.ws.ready.then(() => App.ws.on('c.*', (payload, { type }) => got.push(type)));
				resolve();
			};
			script.src = '/app.js';
			document.head.append(script);
		}));
		await connected;
		hub.publish('a.b', { n: 1 });
		hub.publish('c.d');
		await page.waitForFunction(() => got.length === 2);
		assert.deepEqual(await page.evaluate(() => got), [{ n: 1 }, 'c.d']);
	});
});

describe('at every size', () => {
	for (const width of [320, 360, 700, 1024, 1100, 1600])
		test(`nothing is cut off at ${width} px`, async () => {
			await open({ viewport: { width, height: 800 } });
			hub.publish('device.mounted', { ...STICK, mount_path: `/media/${'very-long-'.repeat(30)}` });
			hub.publish('job.progress');
			await text('events', 'job.progress');
			const wider = await page.evaluate(() =>
				document.documentElement.scrollWidth - document.documentElement.clientWidth);
			assert.ok(wider <= 0, `${wider} px wider than the window`);
			const small = await page.locator('button, input').evaluateAll((all) =>
				all.filter((one) => one.getBoundingClientRect().height < 28).map((one) => one.id));
			assert.deepEqual(small, []);
		});
});
