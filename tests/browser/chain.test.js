// SPDX-License-Identifier: MIT
/*
 * The whole chain, with the real programs: what the kernel and a POST through Apache tell reaches
 * the page in a real browser.
 */

import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { after, afterEach, before, describe, test } from 'node:test';

import { closePage, launch, openPage } from './support/browser.js';
import { BUILD, Stack } from './support/stack.js';

const SCREENSHOTS = `${BUILD}/screenshots`;
const NOT_ROOT = process.getuid() !== 0 && 'needs root, to mount and to load BPF programs';

describe('the page, with the real programs', { skip: NOT_ROOT }, () => {
	let browser;
	let page;
	let stack;

	before(async () => {
		await mkdir(SCREENSHOTS, { recursive: true });
		[stack, browser] = await Promise.all([Stack.start(), launch()]);
	});

	after(async () => {
		await browser?.close();
		await stack?.stop();
	});

	afterEach(() => page && closePage(page));

	async function open(url = stack.url, options = {}) {
		page = await openPage(browser, url, { ignoreHTTPSErrors: true, ...options });
		await page.locator('body[data-connection=open]').waitFor();
	}

	const mount = (path, source = 'hostcast-test') =>
		stack.inside('mount', '-t', 'tmpfs', '-o', 'size=64k', source, path);
	const watching = () => page.locator('#detector[data-condition=watching]').waitFor();
	const rowOf = (path) => page.locator('#mounts tr', { hasText: path });
	const eventOf = (type, text) => page.locator('#events > li').filter({ hasText: type })
		.filter({ hasText: text });

	test('shows the detector as it is', async () => {
		await open();
		await watching();
		assert.equal(await page.locator('#detector-running').innerText(), 'yes');
		assert.match(await page.locator('#detector-mode').innerText(), /mountinfo/);
	});

	for (const scheme of ['http', 'https'])
		test(`shows a mount and an unmount that happen while it is open, over ${scheme}`, async () => {
			const path = await stack.makeDirectory(`<b>over ${scheme}`);
			await open(scheme === 'http' ? stack.url : stack.secureUrl);
			await mount(path);
			await rowOf(path).waitFor();
			assert.match(await rowOf(path).innerText(), /hostcast-test[^]*tmpfs/);
			await eventOf('device.mounted', path).waitFor();
			await stack.inside('umount', path);
			await rowOf(path).waitFor({ state: 'detached' });
			await eventOf('device.unmounted', path).waitFor();
		});

	test('says who mounted, where the kernel tells it', async (t) => {
		await open();
		await watching();
		if (!/bpf/.test(await page.locator('#detector-mode').innerText()))
			return t.skip(`no BPF here: ${await page.locator('#detector-reasons').innerText()}`);
		const path = await stack.makeDirectory('by');
		await mount(path);
		await rowOf(path).waitFor();
		assert.match(await rowOf(path).locator('[data-name=By]').innerText(), /^mount \d+$/);
		await stack.inside('umount', path);
	});

	test('shows what was mounted before it was opened, and since when', async () => {
		const path = await stack.makeDirectory('before');
		await open();
		await mount(path);
		await rowOf(path).waitFor();
		const since = await rowOf(path).locator('time').getAttribute('datetime');
		await closePage(page);
		await open();
		await rowOf(path).waitFor();
		assert.equal(await rowOf(path).locator('time').getAttribute('datetime'), since);
		assert.equal(await page.locator('#events > li').count(), 0);
		await stack.inside('umount', path);
	});

	test('shows an event that curl publishes, at the position that curl was told', async () => {
		await open();
		const { epoch, sequences } = await stack.publish('job.progress', { job_id: 'x1', percent: 50 });
		await eventOf('job.progress', 'x1').waitFor();
		const position = `${epoch}-${sequences[0]}`;
		await page.waitForFunction((wanted) =>
			document.getElementById('position').textContent === wanted, position);
	});

	test('misses nothing when the hub is killed and comes back', async () => {
		const path = await stack.makeDirectory('while-away');
		await open();
		await stack.publish('job.progress', { job_id: 'first', percent: 1 });
		await eventOf('job.progress', 'first').waitFor();
		const waiting = page.locator('body[data-connection=waiting]').waitFor();
		await stack.kill('hostcast-ws');
		await waiting;
		await mount(path);
		await page.locator('body[data-connection=open]').waitFor();
		await rowOf(path).waitFor();
		await stack.publish('job.completed', { job_id: 'first', output_path: '/out' });
		await eventOf('job.completed', 'first').waitFor();
		const sequences = (await page.locator('#events .sequence').allInnerTexts()).map(Number);
		sequences.forEach((sequence, i) => assert.equal(sequence, sequences[0] - i, String(sequences)));
		assert.equal(await page.locator('#events .gap').count(), 0);
		await stack.inside('umount', path);
	});

	test('says so when the loader is killed, and when it is back', async () => {
		await open();
		await watching();
		const stopped = page.locator('#detector[data-condition=stopped]').waitFor();
		await stack.kill('hostcast-bpf');
		await stopped;
		await watching();
	});

	for (const [name, colorScheme, width] of [
		['page', 'light', 1600], ['page-dark', 'dark', 1600], ['page-narrow', 'light', 360]])
		test(`is worth looking at: screenshots/${name}.png`, async () => {
			const path = await stack.makeDirectory(name);
			await open(stack.url, { colorScheme, viewport: { width, height: 900 } });
			await mount(path);
			for (let percent = 0; percent <= 100; percent += 25)
				await stack.publish('job.progress', { job_id: 'holiday-film', percent, step: 'encoding' });
			await stack.publish('notification', {
				type: 'export', level: 'success', title: 'Film ready', message: 'after 4 minutes',
			});
			await eventOf('notification', 'Film ready').waitFor();
			await rowOf(path).waitFor();
			await page.locator('#mounts-empty').waitFor({ state: 'hidden' });
			await page.screenshot({ path: `${SCREENSHOTS}/${name}.png`, fullPage: width < 1100 });
			await stack.inside('umount', path);
		});
});
