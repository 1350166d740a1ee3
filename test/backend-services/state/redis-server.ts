import { spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';

export interface RedisServer {
  readonly url: string;
  connect(): Redis;
  /** Connections stay and are taken, and nothing is answered until {@link RedisServer.resume}. */
  pause(): void;
  resume(): void;
  stop(): Promise<void>;
}

/** Whether redis-server is installed. In CI it has to be: a test that is skipped there proves nothing. */
export function hasRedis(): boolean {
  const installed = spawnSync('redis-server', ['--version']).error === undefined;
  if (!installed && process.env['CI'] === 'true') throw new Error('redis-server is not installed, and CI needs it');
  return installed;
}

/** A real Redis of the test's own, on a free port, which keeps nothing. */
export async function startRedis(): Promise<RedisServer> {
  const folder = await mkdtemp(join(tmpdir(), 'redis-'));
  const port = await freePort();
  const child = spawn(
    'redis-server',
    ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder],
    { stdio: 'ignore' },
  );
  // A run that is broken off does not come to its after hooks.
  const endWithThisProcess = (): void => {
    child.kill('SIGKILL');
  };
  process.once('exit', endWithThisProcess);
  const url = `redis://127.0.0.1:${port}`;
  const clients: Redis[] = [];
  const connect = (): Redis => {
    const client = new Redis(url, { maxRetriesPerRequest: 1, lazyConnect: false });
    client.on('error', () => undefined);
    clients.push(client);
    return client;
  };
  const probe = connect();
  for (let attempt = 0; ; attempt += 1) {
    try {
      await probe.ping();
      break;
    } catch (error) {
      if (attempt > 100) throw error;
      await sleep(50);
    }
  }
  return {
    url,
    connect,
    pause: () => {
      child.kill('SIGSTOP');
    },
    resume: () => {
      child.kill('SIGCONT');
    },
    async stop() {
      for (const client of clients) client.disconnect();
      process.off('exit', endWithThisProcess);
      if (child.exitCode === null) {
        const ended = new Promise((resolve) => child.once('exit', resolve));
        child.kill('SIGTERM');
        await ended;
      }
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
