#!/usr/bin/env node
import { realpathSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { run } from './run.js';

// A reader that has seen enough (`| head`) closes the pipe: that is no fault.
process.stdout.on('error', () => {
  process.exitCode = 0;
});

void run(process.argv.slice(2), {
  stdin: process.stdin,
  stdout: (text) => process.stdout.write(text),
  stderr: (text) => process.stderr.write(text),
  isTerminal: process.stderr.isTTY,
  env: process.env,
  now: Date.now,
  untilStopped: () =>
    new Promise((resolve) => {
      for (const signal of ['SIGINT', 'SIGTERM'] as const) {
        process.once(signal, () => {
          resolve();
        });
      }
    }),
  // This file is what node was told to run, by its own name or by the link that npm makes to it.
  ...(process.argv[1] !== undefined && { pages: new URL('../', pathToFileURL(realpathSync(process.argv[1]))) }),
}).then((exitCode) => {
  // Not exit(): output to a pipe may still be on its way.
  process.exitCode = exitCode;
});
