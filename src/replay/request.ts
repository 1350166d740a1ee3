import type { BulkDataAuth } from 'fhir-works-on-aws-interface';
import { z } from 'zod';
import { parseJson, JsonTextError } from '../config-file/parse-json.js';
import { printPath } from '../config-file/problem.js';
import { problemsOf } from '../config-file/schema/issue.js';
import { INTERACTIONS } from '../fhir/interactions.js';
import type { Interaction } from '../scope/rule.js';

/** One interaction or operation, as far as its judgement needs it: a whole request, or an entry of a batch or transaction. */
export interface RecordedQuestion {
  /** The interaction, or an operation by its name (`$everything`). */
  readonly operation: Interaction | `$${string}`;
  readonly resourceType?: string;
  readonly id?: string;
  readonly vid?: string;
  /** The query of a search, or of a conditional write: its parameters in order, decoded. */
  readonly query?: readonly (readonly [string, string])[];
  readonly conditional?: boolean;
  /** What was read or sent. Health data: absent unless the recorder was told to keep it. */
  readonly resource?: unknown;
  /** What was stored before a write; null if nothing was, or nobody knows. */
  readonly storedResource?: unknown;
  readonly patch?: unknown;
}

/** One recorded request, as a line of JSON. docs/tools.md describes each member. */
export interface RecordedRequest extends Omit<RecordedQuestion, 'operation'> {
  /** The claims of the access token, or those of them that matter. Never the token. Empty for a token that proved none. */
  readonly claims: Readonly<Record<string, unknown>>;
  /** As for a question; `authenticate` for a token that was refused before anybody read what was asked with it. */
  readonly operation: RecordedQuestion['operation'] | 'authenticate';
  /** Why the token was refused: the code of the TokenError, or of a decision. */
  readonly refused?: string;
  /** The base URL under which the request came, where a server has several. */
  readonly baseUrl?: string;
  readonly bulkDataAuth?: BulkDataAuth;
  /** The types that an export asks for (`_type`). Absent for all that may be exported. */
  readonly types?: readonly string[];
  /** The searches of an export (`_typeFilter`). */
  readonly filters?: readonly {
    readonly resourceType: string;
    readonly query: readonly (readonly [string, string])[];
  }[];
  /** The entries of a batch or transaction, in order. */
  readonly entries?: readonly RecordedQuestion[];
  /** A Bundle of results, to be judged entry by entry. */
  readonly bundle?: unknown;
}

const bulkData = z.strictObject({
  exportType: z.enum(['system', 'group', 'patient']).optional(),
  operation: z.enum(['initiate-export', 'get-status-export', 'cancel-export']),
});

const isOperation = (value: string): boolean =>
  (INTERACTIONS as readonly string[]).includes(value) || /^\$[A-Za-z][\w-]*$/.test(value);

const pairs = z.array(z.tuple([z.string(), z.string()]));

const question = {
  operation: z.string().refine(isOperation, 'must be a FHIR interaction, or an operation with its dollar sign'),
  resourceType: z.string().optional(),
  id: z.string().optional(),
  vid: z.string().optional(),
  query: pairs.optional(),
  conditional: z.boolean().optional(),
  resource: z.unknown().optional(),
  storedResource: z.unknown().optional(),
  patch: z.unknown().optional(),
};

const claims = z.record(z.string(), z.unknown());

const request = {
  ...question,
  claims,
  baseUrl: z.string().optional(),
  bulkDataAuth: bulkData.optional(),
  types: z.array(z.string()).optional(),
  filters: z.array(z.strictObject({ resourceType: z.string(), query: pairs })).optional(),
  entries: z.array(z.strictObject(question)).optional(),
  bundle: z.unknown().optional(),
};

const schema = z.strictObject(request);

/** Of a token that nobody could read neither the claims nor the request need be known. */
const refusedSchema = z.strictObject({
  ...request,
  refused: z.string().regex(/^[A-Za-z_-]{1,64}$/, 'must be the code of an error or a decision'),
  claims: claims.default({}),
  operation: z.union([question.operation, z.literal('authenticate')]).default('authenticate'),
});

/** A line that is no recorded request, with everything that is wrong with it. Its values are not repeated. */
export class RequestLineError extends Error {
  readonly code = 'ERR_REQUEST_LINE';
}

/** Reads one line. @throws RequestLineError */
export function readRequest(line: string): RecordedRequest {
  const value = parse(line);
  const isRefused = typeof value === 'object' && value !== null && Object.hasOwn(value, 'refused');
  const result = (isRefused ? refusedSchema : schema).safeParse(value);
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
  } catch (error) {
    throw new RequestLineError(`no JSON${line.length > MAX_EXPLAINED ? roughPlaceOf(error) : placeIn(line)}`);
  }
}

/** Characters of a line of which it is worked out in words where it is broken. */
const MAX_EXPLAINED = 65_536;

/** The engine's own message would quote the line; of it, only the place is told. */
function roughPlaceOf(error: unknown): string {
  const [, position] = /position (\d{1,9})/.exec(error instanceof Error ? error.message : '') ?? [];
  return position === undefined ? ': it ends too early' : `: at column ${Number(position) + 1}`;
}

function placeIn(line: string): string {
  try {
    parseJson(line);
    return '';
  } catch (error) {
    if (!(error instanceof JsonTextError)) throw error;
    return `: at column ${error.place.column}, ${error.problem}`;
  }
}
