import { isDeepStrictEqual } from 'node:util';
import type { SMARTConfig } from '../../src/index.js';
import { SMARTHandler } from '../../src/index.js';
import type { HandlerSpec, Json, RecordedCase, Step } from './recorded-case.js';
import { readRecordedJson } from './recorded-case.js';
import type { RecordedIssuer } from './recorded-issuer.js';
import { USUAL_CLIENT } from './recorded-issuer.js';
import { mintToken } from './recorded-token.js';

/** What a call really led to. */
export type Outcome =
  | { readonly ok: unknown }
  | { readonly error: { readonly name: string; readonly isUnauthorizedError: boolean } }
  | { readonly mutated: string }
  | { readonly steps: readonly (Outcome | null)[] };

const { configs } = readRecordedJson('fixtures.json') as { readonly configs: Readonly<Record<string, Json>> };

/** Does what a case describes, against this library. */
export async function replayCase(recorded: RecordedCase, issuer: RecordedIssuer): Promise<Outcome> {
  let handler: SMARTHandler;
  try {
    handler = buildHandler(recorded, issuer);
  } catch (error) {
    return recorded.steps ? { steps: [] } : failure(error);
  }
  const { method, token, request = {}, steps = [] } = recorded;
  switch (method) {
    case 'constructor':
      return { ok: null };
    case 'sequence':
      return { steps: await replaySequence(handler, recorded.id, steps, issuer) };
    case 'flow':
      return { steps: await replayFlow(handler, recorded) };
    default:
      return (await call(handler, method, { ...request, ...(token && { accessToken: mintToken(token) }) })).outcome;
  }
}

function buildHandler({ id, method, handler }: RecordedCase, issuer: RecordedIssuer): SMARTHandler {
  const jwks = method === 'sequence' ? id : handler.jwks;
  return new SMARTHandler(
    buildConfig({ ...handler, ...(jwks !== undefined && { jwks }) }, issuer),
    handler.apiUrl,
    handler.fhirVersion,
    handler.adminAccessTypes,
    handler.bulkDataAccessTypes,
    handler.isUserScopeAllowedForSystemExport,
  );
}

function buildConfig(spec: HandlerSpec, issuer: RecordedIssuer): SMARTConfig {
  const { config, configPatch, jwks, jwksHeaders, introspect, creds = USUAL_CLIENT } = spec;
  // Some configurations are wrong on purpose: checking them is the handler's task.
  return withExpressions({
    ...configs[config],
    ...(jwks !== undefined && { jwksEndpoint: issuer.jwksUrl(jwks) }),
    ...(jwksHeaders && { jwksHeaders }),
    ...(introspect !== undefined && {
      tokenIntrospection: { ...creds, introspectUrl: issuer.introspectUrl(introspect) },
    }),
    ...configPatch,
  }) as SMARTConfig;
}

/** `{"$regex": "…", "flags": "…"}` stands for a regular expression. */
function withExpressions(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withExpressions);
  if (typeof value !== 'object' || value === null) return value;
  const { $regex: source, flags } = value as { readonly $regex?: unknown; readonly flags?: unknown };
  if (typeof source === 'string') return new RegExp(source, typeof flags === 'string' ? flags : '');
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, withExpressions(member)]));
}

/** Verifies tokens in turn while the issuer changes what it publishes. */
async function replaySequence(
  handler: SMARTHandler,
  id: string,
  steps: readonly Step[],
  issuer: RecordedIssuer,
): Promise<(Outcome | null)[]> {
  const outcomes: (Outcome | null)[] = [];
  for (const { jwks, token, request, concurrent = 1 } of steps) {
    if (jwks !== undefined) issuer.publish(id, jwks);
    if (!token) {
      outcomes.push(null);
      continue;
    }
    const accessToken = mintToken(token);
    const calls = Array.from({ length: concurrent }, () =>
      call(handler, 'verifyAccessToken', { ...request, accessToken }),
    );
    const [first, ...others] = (await Promise.all(calls)).map(({ outcome }) => outcome);
    const agreed = others.every((other) => isDeepStrictEqual(other, first));
    outcomes.push(agreed && first ? first : { error: { name: 'Divergent', isUnauthorizedError: false } });
  }
  return outcomes;
}

/** The calls of one request in the order of the router: what verifyAccessToken gives goes into all that follow. */
async function replayFlow(handler: SMARTHandler, { token, steps = [] }: RecordedCase): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  let userIdentity: unknown;
  for (const { method = '', request } of steps) {
    const isFirst = method === 'verifyAccessToken';
    const { outcome, value } = await call(handler, method, {
      ...request,
      ...(isFirst ? { accessToken: token && mintToken(token) } : { userIdentity }),
    });
    outcomes.push(outcome);
    if (isFirst && !('ok' in outcome)) break;
    if (isFirst) userIdentity = value;
  }
  return outcomes;
}

async function call(
  handler: SMARTHandler,
  method: string,
  recordedRequest: Json,
): Promise<{ outcome: Outcome; value?: unknown }> {
  const request = structuredClone(recordedRequest);
  const run = (handler as unknown as Record<string, (request: unknown) => Promise<unknown>>)[method];
  if (!run) throw new TypeError(`no method ${method}`);
  let outcome: Outcome;
  let value: unknown;
  try {
    value = await run.call(handler, request);
    outcome = { ok: plain(value, method) };
  } catch (error) {
    outcome = failure(error);
  }
  if (!isDeepStrictEqual(request, recordedRequest)) outcome = { mutated: method };
  return { outcome, value };
}

function failure(error: unknown): Outcome {
  if (!(error instanceof Error)) return { error: { name: typeof error, isUnauthorizedError: false } };
  const { isUnauthorizedError } = error as { readonly isUnauthorizedError?: unknown };
  return { error: { name: error.name, isUnauthorizedError: isUnauthorizedError === true } };
}

/** What JSON keeps of a result; of an identity without the times, which differ from run to run. */
function plain(value: unknown, method: string): unknown {
  if (value === undefined) return null;
  const copy = JSON.parse(JSON.stringify(value)) as unknown;
  return method === 'verifyAccessToken' ? withoutTimes(copy as Json) : copy;
}

export function withoutTimes(claims: Json): Json {
  return Object.fromEntries(Object.entries(claims).filter(([name]) => !['iat', 'exp', 'nbf'].includes(name)));
}
