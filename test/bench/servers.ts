// Rows about servers: the same requests against a server with and without its guard, from another process.
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { LoadOrder, LoadReport } from './load.js';
import type { Bound, Result } from './result.js';
import type { Effort } from './rounds.js';
import { median, quantile } from './rounds.js';
import type { Addresses, ServerOrder } from './server.js';
import { startIssuer } from './tokens.js';

async function ask<T>(child: ChildProcess, message: ServerOrder | LoadOrder | 'cpu'): Promise<T> {
  child.send(message);
  const [answer] = (await once(child, 'message')) as [T];
  return answer;
}

/** How the server is, and how many ask it at once. */
const LOADS = [
  { id: 'memory-1', name: 'answered from memory, one client', delay: 0, connections: 1 },
  { id: 'memory-10', name: 'answered from memory, 10 clients, saturated', delay: 0, connections: 10 },
  { id: 'store-2', name: 'a store that takes 10 ms, 2 clients', delay: 10, connections: 2 },
] as const;

const KINDS = [
  { kind: 'express', work: 'guarded Express', yardstick: 'unguarded', bound: { must: 1.1, aim: 1.03 } },
  { kind: 'text', work: 'guarded Express that sends texts', yardstick: 'unguarded', bound: { must: 1.1, aim: 1.03 } },
  { kind: 'gateway', work: 'gateway', yardstick: 'bare undici proxy', bound: { must: 1.25, aim: 1.1 } },
] as const;

const REQUESTS = [
  { id: 'read', name: 'reads', path: '/Observation/r0' },
  { id: 'search', name: '50-entry searches', path: '/Observation?patient=p0' },
] as const;

export async function serverRows({ rounds }: Effort): Promise<Result[]> {
  const issuer = await startIssuer();
  const [server, loader] = ['server.js', 'load.js'].map((file) => fork(new URL(file, import.meta.url))) as [
    ChildProcess,
    ChildProcess,
  ];
  try {
    const token = issuer.mint(0);
    const rows: Result[] = [];
    for (const { id, name, delay, connections } of LOADS) {
      const order: ServerOrder = { jwksEndpoint: issuer.jwksEndpoint, delay };
      const { plain, guarded, plainText, guardedText, proxy, gateway } = await ask<Addresses>(server, order);
      const pairs = { express: [guarded, plain], text: [guardedText, plainText], gateway: [gateway, proxy] };
      for (const { kind, work, yardstick, bound } of KINDS) {
        for (const request of REQUESTS) {
          const reports = await alternate(
            server,
            loader,
            pairs[kind].map((side) => ({ url: `${side}${request.path}`, token, connections, seconds: 1 })),
            rounds,
          );
          rows.push(
            ...(['p50', 'p99', 'cpu'] as const).map((quantity) =>
              latencyRow(
                `${kind}-${request.id}-${id}-${quantity}`,
                `${work}, ${request.name}, ${name}, ${quantity === 'cpu' ? 'processor time' : quantity}`,
                yardstick,
                reports.map((side) => side.map((report) => report[quantity])),
                quantity === 'p50' ? bound : {},
              ),
            ),
          );
        }
      }
    }
    return rows;
  } finally {
    server.kill();
    loader.kill();
    await issuer.close();
  }
}

/** Times in milliseconds; `cpu` is processor time of the server for one request. */
type Report = LoadReport & { readonly cpu: number };

async function alternate(
  server: ChildProcess,
  loader: ChildProcess,
  orders: readonly LoadOrder[],
  rounds: number,
): Promise<readonly (readonly Report[])[]> {
  const reports: Report[][] = orders.map(() => []);
  for (let round = -1; round < rounds; round += 1) {
    for (let each = 0; each < orders.length; each += 1) {
      const side = (each + round + 1) % orders.length;
      const before = await ask<number>(server, 'cpu');
      const report = await ask<LoadReport>(loader, orders[side]!);
      const cpu = ((await ask<number>(server, 'cpu')) - before) / report.requests / 1000;
      if (report.failures > 0) throw new Error(`${orders[side]!.url}: ${report.failures} requests failed`);
      if (round >= 0) reports[side]!.push({ ...report, cpu });
    }
  }
  return reports;
}

function latencyRow(
  id: string,
  work: string,
  yardstick: string,
  [first = [], second = []]: readonly (readonly number[])[],
  bound: Bound,
): Result {
  const ratios = first.map((time, round) => time / second[round]!);
  return {
    id,
    work,
    yardstick,
    ratio: median(ratios),
    quartiles: [quantile(ratios, 0.25), quantile(ratios, 0.75)],
    rounds: ratios.length,
    measured: [median(first) * 1000, median(second) * 1000],
    unit: 'µs',
    bound,
  };
}
