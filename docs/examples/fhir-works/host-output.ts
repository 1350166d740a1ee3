/*
 * FHIR Works and oidc-provider write to the console as they like: each refused request with its stack, reminders that
 * this is a development set-up. Here every message becomes one short line on stderr, and none while the walk is on:
 * the walk shows each refusal itself. HOST_OUTPUT=1 shows all of it, as it is.
 *
 * main.ts imports this file first, because one reminder is written while oidc-provider is being loaded.
 */
let quiet = true;

export function showHostOutput(): void {
  quiet = false;
}

if (process.env['HOST_OUTPUT'] !== '1') {
  for (const method of ['debug', 'error', 'info', 'log', 'warn'] as const) {
    console[method] = (...messages: unknown[]) => {
      if (!quiet) process.stderr.write(`  log: ${messages.map(firstLine).join(' ')}\n`);
    };
  }
}

function firstLine(message: unknown): string {
  const text = message instanceof Error ? `${message.name}: ${message.message}` : String(message);
  return text.split('\n', 1)[0] ?? '';
}
