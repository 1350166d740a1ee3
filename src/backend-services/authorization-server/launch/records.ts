import { hashedKey } from '../../state/hashed-key.js';
import type { StateStore } from '../../state/store.js';
import type { LaunchSettings } from '../settings.js';
import type { EhrLaunch, LaunchContext } from './options.js';

/** What was decided at the interaction page, kept beside the grant that came of it. */
export interface LaunchRecord extends LaunchContext {
  readonly fhirUser?: string;
}

/** Launches: those the EHR has announced, and those that became grants. */
export interface LaunchRecords {
  /** Keeps an EHR's launch and returns the opaque `launch` parameter for it. */
  announce(launch: EhrLaunch, lifetimeSeconds: number): Promise<string>;
  /** The announced launch, which stays. */
  announced(handle: string): Promise<EhrLaunch | undefined>;
  /**
   * Turns an announced launch into a visit and returns the visit's handle; undefined where there is no such launch. Of
   * any number of callers, in any number of processes, one gets the visit: a launch is good once.
   */
  beginVisit(handle: string, lifetimeSeconds: number): Promise<string | undefined>;

  /** The launch of a visit, which stays until the visit is completed. */
  visited(visit: string): Promise<EhrLaunch | undefined>;
  /** Ends a visit; true for the one caller who ended it. */
  endVisit(visit: string): Promise<boolean>;

  save(grantId: string, record: LaunchRecord, lifetimeSeconds: number): Promise<void>;
  find(grantId: string | undefined): Promise<LaunchRecord | undefined>;

  /** Remembers which grant a token came from: a JWT does not say, and introspection has to know. */
  nameGrantOf(tokenId: string, grantId: string, lifetimeSeconds: number): Promise<void>;
  grantOf(tokenId: string): Promise<string | undefined>;
}

export function createLaunchRecords(store: StateStore, newHandle: () => string): LaunchRecords {
  // Two namespaces, so that the handle of a visit is no launch parameter, and the other way round.
  const launchKey = (handle: string): string => hashedKey('ehrLaunch', handle);
  const visitKey = (visit: string): string => hashedKey('launchVisit', visit);
  return {
    async announce(launch, lifetimeSeconds) {
      const handle = newHandle();
      await store.set(launchKey(handle), JSON.stringify(launch), lifetimeSeconds);
      return handle;
    },
    announced: async (handle) => read(await store.get(launchKey(handle))) as EhrLaunch | undefined,
    async beginVisit(handle, lifetimeSeconds) {
      const launch = await store.take(launchKey(handle));
      if (launch === undefined) return undefined;
      const visit = newHandle();
      await store.set(visitKey(visit), launch, lifetimeSeconds);
      return visit;
    },
    visited: async (visit) => read(await store.get(visitKey(visit))) as EhrLaunch | undefined,
    endVisit: async (visit) => (await store.take(visitKey(visit))) !== undefined,
    save: (grantId, record, lifetimeSeconds) => store.set(`launch:${grantId}`, JSON.stringify(record), lifetimeSeconds),
    find: async (grantId) =>
      grantId === undefined ? undefined : (read(await store.get(`launch:${grantId}`)) as LaunchRecord | undefined),
    nameGrantOf: (tokenId, grantId, lifetimeSeconds) =>
      store.set(`tokenGrant:${tokenId}`, grantId, lifetimeSeconds + 1),
    grantOf: (tokenId) => store.get(`tokenGrant:${tokenId}`),
  };
}

/** SMART App Launch 2.2, Launch context: what the token response says besides the token. */
export function contextParameters(record: LaunchRecord): Record<string, unknown> {
  return {
    ...record.parameters,
    ...(record.patient === undefined ? {} : { patient: record.patient }),
    ...(record.encounter === undefined ? {} : { encounter: record.encounter }),
  };
}

/** The context as claims of the access token, for a resource server that asks nobody. */
export function contextClaims(record: LaunchRecord, settings: LaunchSettings): Record<string, unknown> {
  const { contextPrefix, fhirUserClaim } = settings;
  return {
    ...(record.patient === undefined
      ? {}
      : { patient: record.patient, [`${contextPrefix}patient`]: `Patient/${record.patient}` }),
    ...(record.encounter === undefined
      ? {}
      : { encounter: record.encounter, [`${contextPrefix}encounter`]: `Encounter/${record.encounter}` }),
    ...(record.fhirUser === undefined ? {} : { [fhirUserClaim]: record.fhirUser }),
  };
}

/** Trusted: this server wrote it. */
function read(text: string | undefined): unknown {
  return text === undefined ? undefined : JSON.parse(text);
}
