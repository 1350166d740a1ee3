import { explainDecision } from '../access/explain.js';
import type { Decision } from '../access/decision.js';
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

/** A decision, for people. */
export interface ShownDecision {
  readonly decision: Decision;
  readonly text: string;
  /** For a denial: what was tried, the nearest grant first. */
  readonly reasons: readonly ExplainedReason[];
}

/** What the page shows about one request. */
export interface Answer extends ShownDecision {
  readonly removed?: readonly string[];
  /** For a Bundle: each entry, as it is shown, and as it would be read by itself. */
  readonly entries?: readonly (ShownDecision & { readonly visible: boolean; readonly name: string })[];
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
    const { decision, entries, removed } = await this.#replay.outcome(request);
    const { smart, baseUrl } = this.#settings;
    const caller = callerOf(request.claims, smart, baseUrl);
    const scopes = [...scopeList(claimAt(request.claims, smart.scopeKey))];
    return {
      ...shown(decision),
      ...(removed !== undefined && removed.length > 0 && { removed }),
      ...(entries && { entries: await this.#entries(request, entries) }),
      // Of a token that is refused as a whole, the scopes alone are drawn.
      matrix: matrixOf(this.#settings, 'denied' in caller ? { scopes, usableScopes: [] } : caller.identity),
    };
  }

  /** Why an entry is shown or not: what a read of it by itself would be answered. */
  async #entries(request: RecordedRequest, visible: readonly boolean[]): Promise<NonNullable<Answer['entries']>> {
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
