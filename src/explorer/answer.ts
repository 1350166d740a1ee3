import { explainDecision } from '../access/explain.js';
import type { Decision } from '../access/decision.js';
import { deny } from '../access/decision.js';
import type { Settings } from '../config-file/settings.js';
import { INTERACTIONS } from '../fhir/interactions.js';
import { resourceTypes } from '../fhir/resource-types.js';
import { claimAt } from '../identity/claim-path.js';
import { callerOf } from '../replay/caller.js';
import { Replay } from '../replay/replay.js';
import type { RecordedRequest } from '../replay/request.js';
import { RequestLineError, readRequest } from '../replay/request.js';
import { scopeList } from '../scope/list.js';
import { EXAMPLE_IDENTITIES, EXAMPLE_RESOURCES } from './demo.js';
import type { Matrix } from './matrix.js';
import { matrixOf } from './matrix.js';
import type { ExplainedReason } from './nearest.js';
import { nearestFirst } from './nearest.js';
import type { SentEntry } from './sent-entries.js';
import { readSentEntries } from './sent-entries.js';

/** A decision, for people. */
export interface ShownDecision {
  readonly decision: Decision;
  readonly text: string;
  /** For a denial: what was tried, the nearest grant first. */
  readonly reasons: readonly ExplainedReason[];
}

/** An entry of a Bundle, and its fate. */
export interface ShownEntry extends ShownDecision {
  readonly visible: boolean;
  readonly name: string;
}

/** What the page shows about one request. */
export interface Answer extends ShownDecision {
  readonly removed?: readonly string[];
  /** For an export: the types that it may write out. */
  readonly types?: readonly string[];
  /** For a transaction that is refused: the entry for which it is, counted from 1. */
  readonly entry?: number;
  /**
   * For a Bundle of results: each entry, whether it is shown, and as it would be read by itself. For a batch or transaction:
   * each entry, and whether it passes.
   */
  readonly entries?: readonly ShownEntry[];
  /** How many entries there are, where more than are listed. */
  readonly entryCount?: number;
  readonly matrix: Matrix;
}

/** What the page has to know about the configuration. No secret and no URL beside the server's own is in it. */
export interface PageConfig {
  readonly name: string;
  readonly baseUrl: string;
  readonly fhirVersion: string;
  readonly scopeKey: string;
  readonly fhirUserClaimPath: string;
  readonly launchContextPathPrefix: string;
  readonly interactions: readonly string[];
  readonly operations: readonly string[];
  readonly resourceTypes: readonly string[];
  readonly identities: typeof EXAMPLE_IDENTITIES;
  readonly resources: typeof EXAMPLE_RESOURCES;
}

/** Answers the questions of the page, by one configuration. */
export class Explorer {
  readonly #settings: Settings & { readonly baseUrl: string };
  readonly #replay: Replay;
  readonly #name: string;

  /** @param name How the page calls the configuration: the name of its file. */
  constructor(settings: Settings & { readonly baseUrl: string }, name: string) {
    this.#settings = settings;
    this.#replay = new Replay(settings);
    this.#name = name;
  }

  config(): PageConfig {
    const { smart, baseUrl, fhirVersion = '4.0.1', access } = this.#settings;
    const { scopeKey, fhirUserClaimPath, launchContextPathPrefix } = smart;
    return {
      name: this.#name,
      baseUrl,
      fhirVersion,
      scopeKey,
      fhirUserClaimPath,
      launchContextPathPrefix,
      interactions: INTERACTIONS,
      operations: [...new Set(['$everything', ...Object.keys(access?.operations ?? {})])],
      resourceTypes: [...resourceTypes(fhirVersion)],
      identities: EXAMPLE_IDENTITIES,
      resources: EXAMPLE_RESOURCES,
    };
  }

  /** @throws RequestLineError for what is no request. */
  async answer(value: unknown): Promise<Answer> {
    const request = readRequest(JSON.stringify(value));
    const { smart, baseUrl } = this.#settings;
    const caller = callerOf(request.claims, smart, baseUrl);
    const scopes = [...scopeList(claimAt(request.claims, smart.scopeKey))];
    return {
      ...(await this.#shown(request)),
      // Of a token that is refused as a whole, the scopes alone are drawn.
      matrix: matrixOf(this.#settings, 'denied' in caller ? { scopes, usableScopes: [] } : caller.identity),
    };
  }

  async #shown(request: RecordedRequest): Promise<Omit<Answer, 'matrix'>> {
    const { operation, resource } = request;
    if (operation === 'batch' || operation === 'transaction') {
      const sent = readSentEntries(resource, this.#settings.fhirVersion ?? '4.0.1');
      if (sent) return this.#sent({ ...request, operation }, sent);
    }
    const { decision, entries, removed, types } = await this.#replay.outcome(request);
    return {
      ...shown(decision),
      ...(removed !== undefined && removed.length > 0 && { removed }),
      ...(types && { types }),
      ...(entries && { entries: await this.#entries(request, entries), ...counted(entries) }),
    };
  }

  /** A batch or transaction: as a whole, and each entry as if it had come alone. */
  async #sent(
    request: RecordedRequest & { readonly operation: 'batch' | 'transaction' },
    sent: readonly SentEntry[],
  ): Promise<Omit<Answer, 'matrix'>> {
    const { claims, operation } = request;
    const entries = sent.flatMap(({ question }) => (question ? [question] : []));
    const whole = await this.#replay.outcome({ claims, operation, entries });
    const broken = sent.findIndex(({ question }) => question === undefined);
    const isPassedBefore = whole.decision.decision === 'allow' || (whole.entry ?? 0) > broken;
    const isBroken = operation === 'transaction' && broken !== -1 && isPassedBefore;
    const entry = isBroken ? broken + 1 : whole.entry;
    const decided = await Promise.all(
      sent.slice(0, MAX_ENTRIES).map(async ({ name, question }) => {
        if (!question) return { ...NO_REQUEST, visible: false, name };
        const judged = (await this.#replay.outcome({ claims, ...question })).decision;
        return { ...shown(judged), visible: judged.decision === 'allow', name };
      }),
    );
    const told = isBroken ? NO_REQUEST : shown(whole.decision);
    return { ...told, ...(entry !== undefined && { entry }), entries: decided, ...counted(sent) };
  }

  /** Why an entry is shown or not: what a read of it by itself would be answered. */
  async #entries(request: RecordedRequest, visible: readonly boolean[]): Promise<readonly ShownEntry[]> {
    const resources = entriesOf(request.bundle).slice(0, MAX_ENTRIES).map(resourceOf);
    return Promise.all(
      resources.map(async (resource, index) => {
        const { decision } = await this.#replay.outcome({
          claims: request.claims,
          operation: 'read',
          resource,
          ...('resourceType' in resource && { resourceType: String(resource['resourceType']) }),
        });
        return { ...shown(decision), visible: visible[index] === true, name: nameOf(resource) };
      }),
    );
  }
}

export { RequestLineError };

/** More would be no page to look at. */
const MAX_ENTRIES = 200;

const NOT_JUDGED = 'it is no request that could be judged: its method, its URL and its resource have to fit';

/** What is said of an entry that no server should execute. */
const NO_REQUEST = {
  decision: deny({ code: 'resource-malformed' }),
  text: NOT_JUDGED,
  reasons: [{ code: 'resource-malformed', text: NOT_JUDGED }],
} as const satisfies ShownDecision;

function counted(entries: readonly unknown[]): Pick<Answer, 'entryCount'> {
  return entries.length > MAX_ENTRIES ? { entryCount: entries.length } : {};
}

function shown(decision: Decision): ShownDecision {
  return { decision, text: explainDecision(decision), reasons: nearestFirst(decision) };
}

function entriesOf(bundle: unknown): readonly unknown[] {
  if (typeof bundle !== 'object' || bundle === null || !('entry' in bundle)) return [];
  return Array.isArray(bundle.entry) ? bundle.entry : [];
}

function resourceOf(entry: unknown): Readonly<Record<string, unknown>> {
  const resource: unknown = typeof entry === 'object' && entry !== null && 'resource' in entry ? entry.resource : {};
  return typeof resource === 'object' && resource !== null ? (resource as Readonly<Record<string, unknown>>) : {};
}

function nameOf({ resourceType, id }: Readonly<Record<string, unknown>>): string {
  return [resourceType, id].filter((part) => typeof part === 'string').join('/') || 'no resource';
}
