import { appendFileSync, closeSync, constants, fchmodSync, fstatSync, openSync } from 'node:fs';
import pick from 'lodash/pick.js';
import type { SMARTHandler } from '../handler.js';
import type { FoundResources } from './lookups.js';
import { withLookups } from './lookups.js';
import type { RecorderOptions } from './notebook.js';
import { Notebook } from './notebook.js';

/** A reader that is done with recording. Writes what is not complete yet. */
export type StopRecording = () => void;

/**
 * Records what a handler is asked, whatever face stands before it: FHIR Works, Express, Fastify or the gateway. What it
 * decides stays the same, also when recording fails. Tokens are never written: only claims, and of these the ones that
 * decisions depend on.
 *
 * Queries, ids and the identity's own reference are written: they may tell about people. Keep the file as you keep an access
 * log of the FHIR server.
 */
export function recordRequests(handler: SMARTHandler, options: RecorderOptions): StopRecording {
  const notebook = new Notebook(options);
  const ask = {
    decide: handler.decide.bind(handler),
    decideAtOnce: handler.decideAtOnce.bind(handler),
    authorizeSearch: handler.authorizeSearch.bind(handler),
    authorizeSearchAtOnce: handler.authorizeSearchAtOnce.bind(handler),
    authorizeExport: handler.authorizeExport.bind(handler),
    filterBundle: handler.filterBundle.bind(handler),
    filterBundleAtOnce: handler.filterBundleAtOnce.bind(handler),
    authenticate: handler.authenticate.bind(handler),
    verifyAccessToken: handler.verifyAccessToken.bind(handler),
    authorizeAndFilterReadResponse: handler.authorizeAndFilterReadResponse.bind(handler),
    isWriteRequestAuthorized: handler.isWriteRequestAuthorized.bind(handler),
    isBundleRequestAuthorized: handler.isBundleRequestAuthorized.bind(handler),
  };
  const own: typeof ask = {
    decide: (request) =>
      noting(
        () => ask.decide(request),
        (found, decision) => {
          notebook.decided(request, found, decision);
        },
      ),
    decideAtOnce: (request) => {
      const decision = ask.decideAtOnce(request);
      noted(() => {
        notebook.decided(request, NOTHING_FOUND, decision);
      });
      return decision;
    },
    authorizeSearch: (request) =>
      noting(
        () => ask.authorizeSearch(request),
        (found, answer) => {
          notebook.decided(request, found, answer?.decision);
        },
      ),
    authorizeSearchAtOnce: (request) => {
      const answer = ask.authorizeSearchAtOnce(request);
      noted(() => {
        notebook.decided(request, NOTHING_FOUND, answer.decision);
      });
      return answer;
    },
    authorizeExport: (request) =>
      noting(
        () => ask.authorizeExport(request),
        (_, answer) => {
          notebook.exported(request, answer?.decision);
        },
      ),
    filterBundle: (request) =>
      noting(
        () => ask.filterBundle(request),
        () => {
          notebook.filtered(request);
        },
      ),
    filterBundleAtOnce: (request) => {
      try {
        return ask.filterBundleAtOnce(request);
      } finally {
        noted(() => {
          notebook.filtered(request);
        });
      }
    },
    authenticate: (request) =>
      noting(
        () => ask.authenticate(request),
        (_, identity, error) => {
          if (identity === undefined) notebook.refused(request, error);
        },
      ),
    verifyAccessToken: (request) =>
      noting(
        () => ask.verifyAccessToken(request),
        (_, identity, error) => {
          if (identity === undefined) notebook.refused(request, error);
          else notebook.verified(identity, request);
        },
      ),
    authorizeAndFilterReadResponse: (request) =>
      noting(
        () => ask.authorizeAndFilterReadResponse(request),
        () => {
          notebook.responded(request);
        },
      ),
    isWriteRequestAuthorized: (request) =>
      noting(
        () => ask.isWriteRequestAuthorized(request),
        (found) => {
          notebook.written(request, found);
        },
      ),
    isBundleRequestAuthorized: (request) =>
      noting(
        () => ask.isBundleRequestAuthorized(request),
        (found) => {
          notebook.bundled(request, found);
        },
      ),
  };
  // Another recorder may stand on this one, or this one on another.
  const replaced: Partial<typeof own> = pick(
    handler,
    Object.keys(own).filter((name) => Object.hasOwn(handler, name)),
  );
  Object.assign(handler, own);
  return () => {
    for (const [name, method] of Object.entries(own)) {
      if (Reflect.get(handler, name) !== method) continue;
      // What the class says stands below, untouched.
      Reflect.deleteProperty(handler, name);
      Object.assign(handler, pick(replaced, name));
    }
    notebook.close();
  };
}

/** Asks, and notes what was asked before anybody learns the answer. A note that fails changes nothing. */
function noting<T>(
  ask: () => Promise<T>,
  note: (found: FoundResources, answer: T | undefined, error?: unknown) => void,
): Promise<T> {
  const { answer, found } = withLookups(ask);
  answer.then(
    (given) => {
      noted(() => {
        note(found, given);
      });
    },
    (error: unknown) => {
      noted(() => {
        note(found, undefined, error);
      });
    },
  );
  return answer;
}

/** A recorder that fails must not turn a permission into a refusal, nor the other way round. */
function noted(note: () => void): void {
  try {
    note();
  } catch {
    // The answer goes its way all the same.
  }
}

const NOTHING_FOUND: FoundResources = new Map();

/**
 * Appends lines to a file that only its owner may read: one that is there already has others shut out.
 *
 * @throws Error of Node's for what cannot be written, and for what is no file: a symbolic link, a pipe, a device.
 */
export function appendLines(path: string): RecorderOptions['write'] & {
  /** Closes the file. */
  readonly close: () => void;
} {
  const { O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_WRONLY } = constants;
  // A pipe that nobody reads would keep the process waiting.
  const file = openSync(path, O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_WRONLY, OWNER_ONLY);
  try {
    if (!fstatSync(file).isFile()) throw Object.assign(new Error('not a file'), { code: 'ENOTSUP' });
    fchmodSync(file, OWNER_ONLY);
  } catch (error) {
    closeSync(file);
    throw error;
  }
  return Object.assign(
    (line: string) => {
      appendFileSync(file, `${line}\n`);
    },
    {
      close: () => {
        closeSync(file);
      },
    },
  );
}

const OWNER_ONLY = 0o600;
