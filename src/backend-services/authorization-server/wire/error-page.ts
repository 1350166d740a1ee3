import { setHeaders } from './send.js';
import type { ServerResponse } from 'node:http';

/** No script, no frame, no referrer: the page shows text that came with a request. */
export const PAGE_HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
} as const;

/**
 * The page a user sees when an authorization request cannot be answered to the app: an unknown client, a redirect URI
 * that is not registered, an interaction that has expired.
 */
export function errorPage(error: string, description: string): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>The app could not be started</title>
<style>:root{color-scheme:light dark}body{font:1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:3rem auto;padding:0 1rem}</style>
<h1>The app could not be started</h1>
<p>Please go back to the app and start again. If that does not help, tell whoever runs the app what it says here:</p>
<p><code>${escapeHtml(error)}</code>: ${escapeHtml(description)}</p>
</html>
`;
}

export function sendErrorPage(res: ServerResponse, status: number, error: string, description: string): void {
  setHeaders(res, PAGE_HEADERS);
  res.statusCode = status;
  res.end(errorPage(error, description));
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${String(character.charCodeAt(0))};`);
}
