// SPDX-License-Identifier: MIT
/* A real Chromium, and pages in it whose every complaint fails the test. */

import assert from 'node:assert/strict';

import { chromium } from 'playwright-core';

const EXECUTABLE = process.env.CHROMIUM ?? '/usr/bin/chromium';

export function launch() {
	return chromium.launch({ executablePath: EXECUTABLE, args: ['--no-sandbox'] });
}

/**
 * A page in a context of its own. page.complaints collects uncaught errors and what the console
 * calls an error; failing connections are what many tests are about, so those do not count.
 */
export async function openPage(browser, url, options = {}) {
	const context = await browser.newContext(options);
	const page = await context.newPage();
	page.complaints = [];
	page.on('pageerror', (error) => page.complaints.push(String(error)));
	page.on('console', (message) => {
		if (message.type() === 'error' && !/WebSocket|Failed to load resource/.test(message.text()))
			page.complaints.push(message.text());
	});
	await page.goto(url);
	return page;
}

export async function closePage(page) {
	await page.context().close();
	assert.deepEqual(page.complaints, []);
}
