import type { BulkDataAuth } from 'fhir-works-on-aws-interface';
import { z } from 'zod';
import { parseJson, JsonTextError } from '../config-file/parse-json.js';
import { printPath } from '../config-file/problem.js';
import { problemsOf } from '../config-file/schema/issue.js';
import { INTERACTIONS } from '../fhir/interactions.js';
import type { Interaction } from '../scope/rule.js';

/** One recorded request, as a line of JSON. docs/tools.md describes each member. */
export interface RecordedRequest {
  /** The claims of the access token, or those of them that matter. Never the token. */
  readonly claims: Readonly<Record<string, unknown>>;
  /** The interaction, or an operation by its name (`$everything`). */
  readonly operation: Interaction | `$${string}`;
  readonly resourceType?: string;
  readonly id?: string;
  readonly vid?: string;
  /** The base URL under which the request came, where a server has several. */
  readonly baseUrl?: string;
  /** The query of a search: its parameters in order, decoded. */
  readonly query?: readonly (readonly [string, string])[];
  readonly conditional?: boolean;
  readonly bulkDataAuth?: BulkDataAuth;
  /** What was read or sent. Health data: absent unless the recorder was told to keep it. */
  readonly resource?: unknown;
  /** What was stored before a write. */
  readonly storedResource?: unknown;
  readonly patch?: unknown;
  /** A Bundle of results, to be judged entry by entry. */
  readonly bundle?: unknown;
}

const bulkData = z.strictObject({
  exportType: z.enum(['system', 'group', 'patient']).optional(),
  operation: z.enum(['initiate-export', 'get-status-export', 'cancel-export']),
});

const isOperation = (value: string): boolean =>
  (INTERACTIONS as readonly string[]).includes(value) || /^\$[A-Za-z][\w-]*$/.test(value);

const schema = z.strictObject({
  claims: z.record(z.string(), z.unknown()),
  operation: z.string().refine(isOperation, 'must be a FHIR interaction, or an operation with its dollar sign'),
  resourceType: z.string().optional(),
  id: z.string().optional(),
  vid: z.string().optional(),
  baseUrl: z.string().optional(),
  query: z.array(z.tuple([z.string(), z.string()])).optional(),
  conditional: z.boolean().optional(),
  bulkDataAuth: bulkData.optional(),
  resource: z.unknown().optional(),
  storedResource: z.unknown().optional(),
  patch: z.unknown().optional(),
  bundle: z.unknown().optional(),
});

/** A line that is no recorded request, with everything that is wrong with it. Its values are not repeated. */
export class RequestLineError extends Error {
  readonly code = 'ERR_REQUEST_LINE';
}

/** Reads one line. @throws RequestLineError */
export function readRequest(line: string): RecordedRequest {
  const value = parse(line);
  const result = schema.safeParse(value);
  if (result.success) return result.data as RecordedRequest;
  const problems = problemsOf(result.error.issues, value).map(({ path, problem }) => {
    const key = printPath(path);
    return key === '' ? problem : `${key}: ${problem}`;
  });
  throw new RequestLineError(problems.join('; '));
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    throw new RequestLineError(`no JSON${placeIn(line)}`);
  }
}

/** The engine's own message would quote the line. */
function placeIn(line: string): string {
  try {
    parseJson(line);
    return '';
  } catch (error) {
    if (!(error instanceof JsonTextError)) throw error;
    return `: at column ${error.place.column}, ${error.problem}`;
  }
}
