// A process of its own that loads a server and tells how long the answers took.
import autocannon from 'autocannon';
import { quantile } from './rounds.js';

export interface LoadOrder {
  readonly url: string;
  readonly token: string;
  readonly connections: number;
  readonly seconds: number;
}

export interface LoadReport {
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly requests: number;
  readonly failures: number;
}

function load({ url, token, connections, seconds }: LoadOrder): Promise<LoadReport> {
  return new Promise((resolve, reject) => {
    // autocannon's own histogram knows whole milliseconds only.
    const times: number[] = [];
    let failures = 0;
    const headers = { authorization: `Bearer ${token}`, accept: 'application/fhir+json' };
    const run = autocannon({ url, connections, duration: seconds, headers }, (error: unknown) => {
      if (error) reject(error instanceof Error ? error : new Error('autocannon failed'));
      else {
        const [p50, p99] = [quantile(times, 0.5), quantile(times, 0.99)];
        resolve({ p50, p99, requests: times.length, failures });
      }
    });
    run.on('response', (_client, status, _bytes, time) => {
      if (status === 200) times.push(time);
      else failures += 1;
    });
  });
}

process.on('message', (order: LoadOrder) => {
  load(order).then(
    (report) => process.send?.(report),
    (error: unknown) => {
      process.send?.({ p50: NaN, p99: NaN, requests: 0, failures: 1, error: String(error) });
    },
  );
});
