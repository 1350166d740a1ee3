import { readFileSync, readdirSync } from 'node:fs';

/** One line of test/data/recorded/*.jsonl; its README explains the members. */
export interface RecordedCase {
  readonly id: string;
  readonly method: string;
  readonly op: string;
  readonly name?: string;
  readonly tags?: readonly string[];
  readonly handler: HandlerSpec;
  readonly token?: TokenSpec;
  readonly request?: Json;
  readonly steps?: readonly Step[];
  readonly expect: Answer;
  readonly fixed?: Answer;
  /** It once ended the process: it is replayed in one of its own. */
  readonly isolated?: boolean;
}

export type Json = Readonly<Record<string, unknown>>;

/** The constructor arguments of a handler. */
export interface HandlerSpec {
  /** A name in fixtures.json. */
  readonly config: string;
  readonly configPatch?: Json;
  readonly apiUrl: string;
  readonly fhirVersion: string;
  readonly adminAccessTypes?: readonly string[];
  readonly bulkDataAccessTypes?: readonly string[];
  readonly isUserScopeAllowedForSystemExport?: boolean;
  /** A key set in issuer.json. */
  readonly jwks?: string;
  readonly jwksHeaders?: Readonly<Record<string, string>>;
  /** An introspection answer in issuer.json. */
  readonly introspect?: string;
  readonly creds?: { readonly clientId: string; readonly clientSecret: string };
}

/** A token to be made: what it says, and with which key it is signed by which algorithm. */
export interface TokenSpec {
  readonly header: Json;
  /** The claims; `{"$now": n}` stands for the current time in seconds plus n. */
  readonly claims?: Json;
  /** The payload as text, where it is no JSON object. */
  readonly payloadRaw?: string;
  /** A name in keys.json; null for an unsigned token. */
  readonly key: string | null;
  /** The algorithm that really signs, where the header names another. */
  readonly alg?: string;
  /** The public key text that serves as a shared secret. */
  readonly hmac?: 'spkiPem' | 'pkcs1Pem';
  readonly mutate?: 'flipSig' | 'junkSig' | 'newline' | 'truncateSig';
}

export interface Step {
  /** Absent in a sequence, where every step verifies a token. */
  readonly method?: string;
  readonly request?: Json;
  readonly token?: TokenSpec;
  /** From now on the issuer publishes this key set. */
  readonly jwks?: string;
  readonly concurrent?: number;
}

/** What a call led to, or should lead to. `noCrash` asks for any answer or an UnauthorizedError. */
export type Answer =
  | { readonly ok: unknown }
  | { readonly error: { readonly name: string; readonly isUnauthorizedError?: boolean } }
  | { readonly noCrash: true }
  | { readonly steps: readonly (Answer | null)[] };

/** A kind of deliberate differences: test/data/recorded/differences.json. */
export interface Difference {
  readonly name: string;
  readonly ids: readonly string[];
  readonly reason: string;
  /** What is answered instead, by case id, in the notation of `expect`. */
  readonly answers: Readonly<Record<string, Answer>>;
}

export const RECORDED = new URL('../data/recorded/', import.meta.url);

export function readRecordedJson(name: string): unknown {
  return JSON.parse(readFileSync(new URL(name, RECORDED), 'utf8'));
}

/** All cases, by file. */
export function readCases(): ReadonlyMap<string, readonly RecordedCase[]> {
  const files = readdirSync(RECORDED).filter((file) => file.endsWith('.jsonl'));
  return new Map(
    files.sort().map((file) => {
      const lines = readFileSync(new URL(file, RECORDED), 'utf8').trim().split('\n');
      return [file.replace('.jsonl', ''), lines.map((line) => JSON.parse(line) as RecordedCase)];
    }),
  );
}

export function readDifferences(): readonly Difference[] {
  return readRecordedJson('differences.json') as Difference[];
}
