// SPDX-License-Identifier: MIT
/*
 * Everything that `make run` starts, in a mount namespace of its own: mounts of this machine are not
 * told in it, nor its own seen outside.
 */

import { execFile, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const UP_MS = 60_000; // a certificate is made, four programs start
const STOP_MS = 10_000;

export const BUILD = resolve(ROOT, process.env.B ?? '.build');
const MESSAGES = `${BUILD}/test/browser.messages`; // what the programs say; kept, to look into

/** Different ones: the first is held until the last is there. */
async function freePorts(n) {
	const servers = Array.from({ length: n }, () => createServer().listen(0, '127.0.0.1'));
	await Promise.all(servers.map((server) => once(server, 'listening')));
	const ports = servers.map((server) => server.address().port);
	await Promise.all(servers.map((server) => once(server.close(), 'close')));
	return ports;
}

export class Stack {
	/** Starts all of it and waits until a client can connect; `extra` is more configuration. */
	static async start(extra = '') {
		const stack = new Stack();
		stack.run = await mkdtemp('/tmp/hostcast-browser-');
		await chmod(stack.run, 0o755); /* the hub and Apache run as other users */
		const [http, https, ws] = await freePorts(3);
		stack.url = `http://127.0.0.1:${http}/`;
		stack.secureUrl = `https://127.0.0.1:${https}/`;
		stack.hubUrl = `http://127.0.0.1:${ws}/`;
		/* No events but those that a test wants. */
		await writeFile(`${stack.run}/extra.conf`, `[health]\ninterval = 0\n${extra}`);
		stack.process = spawn('unshare', ['-m', '--propagation', 'private', 'conf/run'], {
			cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'],
			env: {
				...process.env, RUN: stack.run, B: BUILD, HTTP_PORT: http, HTTPS_PORT: https,
				WS_PORT: ws, WSS_PORT: 0, MOUNT_NAMESPACE: 'self', CONF_EXTRA: `${stack.run}/extra.conf`,
			},
		});
		await mkdir(`${BUILD}/test`, { recursive: true });
		stack.process.stderr.pipe(createWriteStream(MESSAGES));
		try {
			await stack.up();
		} catch (error) {
			await stack.stop();
			const messages = await readFile(MESSAGES, 'utf8');
			throw new Error(`${error.message}\n${messages}`);
		}
		return stack;
	}

	async up() {
		const lines = createInterface({ input: this.process.stdout });
		const tooLate = AbortSignal.timeout(UP_MS);
		const up = new Promise((resolve, reject) => {
			lines.on('line', (line) => line.startsWith('hostcast is up: ') && resolve());
			lines.on('close', () => reject(new Error('conf/run ended')));
			tooLate.addEventListener('abort', () => reject(new Error('conf/run is not up in time')));
		});
		await up;
		this.token = (await readFile(`${this.run}/token`, 'utf8')).trim();
	}

	/** Runs a command where the loader watches. */
	inside(...command) {
		return run('nsenter', ['-t', String(this.process.pid), '-m', ...command]);
	}

	async makeDirectory(name) {
		const path = `${this.run}/${name}`;
		await mkdir(path);
		return path;
	}

	/** As the README shows it: by curl, with the token. */
	async publish(type, payload) {
		const { stdout } = await run('curl', ['-sS', '--fail-with-body', '-m', '10',
			'-H', `Authorization: Bearer ${this.token}`, '-H', 'Content-Type: application/json',
			'-d', JSON.stringify({ type, payload }), `${this.url}api/events`]);
		return JSON.parse(stdout);
	}

	/** The same while the hub may be away: until it is taken. */
	async publishWhenTaken(type, payload) {
		while (true) {
			try {
				return await this.publish(type, payload);
			} catch (error) {
				if (!/50[03]/.test(String(error)))
					throw error;
				await sleep(50);
			}
		}
	}

	/** The process of that name that conf/run has started. */
	async pidOf(comm) {
		const { stdout } = await run('ps', ['-o', 'pid=,comm=', '--ppid', String(this.process.pid)]);
		const line = stdout.split('\n').find((text) => text.trim().endsWith(` ${comm}`));
		return line && Number.parseInt(line, 10);
	}

	/** kill -9 of a program; conf/run starts it again after 1 s. */
	async kill(comm) {
		process.kill(await this.pidOf(comm), 'SIGKILL');
	}

	/** Until letHubBack(), its socket is something else, and no start of it succeeds. */
	async keepHubAway() {
		const pid = await this.pidOf('hostcast-ws');
		await rm(`${this.run}/ws.sock`);
		await writeFile(`${this.run}/ws.sock`, 'not a socket');
		process.kill(pid, 'SIGKILL');
	}

	letHubBack() {
		return rm(`${this.run}/ws.sock`);
	}

	async stop() {
		if (this.process.exitCode === null && this.process.signalCode === null) {
			const ended = once(this.process, 'exit');
			this.process.kill('SIGTERM');
			const inTime = await Promise.race([ended, sleep(STOP_MS, null, { ref: false })]);
			if (!inTime)
				this.process.kill('SIGKILL');
			await ended;
		}
		await rm(this.run, { recursive: true, force: true });
	}
}
