#!/usr/bin/env node
import { run } from './run.js';

// A reader that has seen enough (`| head`) closes the pipe: that is no fault.
process.stdout.on('error', () => {
  process.exitCode = 0;
});

void run(process.argv.slice(2), {
  stdin: process.stdin,
  stdout: (text) => process.stdout.write(text),
  stderr: (text) => process.stderr.write(text),
  env: process.env,
  now: Date.now,
}).then((exitCode) => {
  // Not exit(): output to a pipe may still be on its way.
  process.exitCode = exitCode;
});
