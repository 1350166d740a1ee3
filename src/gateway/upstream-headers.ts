import type { RequestScope } from './scope.js';

/** The headers of every request to upstream: none of the client's own, but what the options let through. */
export function upstreamHeaders(
  { trace, authorization }: RequestScope,
  headers: Readonly<Record<string, string | undefined>> = {},
): Record<string, string> {
  const all = {
    ...trace,
    accept: 'application/fhir+json',
    'accept-encoding': 'identity',
    authorization,
    ...headers,
  };
  return Object.fromEntries(
    Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}
