import { spawnSync } from 'node:child_process';
import { chromium } from 'playwright-core';
import type { Browser } from 'playwright-core';

/** Where Chromium is installed. In CI it has to be: a test that is skipped there proves nothing. */
export function chromiumPath(): string | undefined {
  const found = spawnSync('/bin/sh', ['-c', 'command -v chromium || command -v chromium-browser'], {
    encoding: 'utf8',
  });
  const path = found.stdout.trim();
  if (path !== '') return path;
  if (process.env['CI'] === 'true') throw new Error('chromium is not installed, and CI needs it');
  return undefined;
}

/** A browser without a window that talks to nobody but the pages' own servers. */
export function openChromium(executablePath: string): Promise<Browser> {
  return chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}
