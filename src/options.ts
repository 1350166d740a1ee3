import isPlainObject from 'lodash/isPlainObject.js';
import type { RequestContext } from 'fhir-works-on-aws-interface';
import type { AccessPolicy, AdminRule, Membership, NarrowingContext, OperationRule } from './access/policy.js';
import type { DecisionEvent } from './decision-event.js';
import type { SMARTConfig } from './config.js';
import { ConfigError } from './errors.js';
import { isInteraction } from './fhir/interactions.js';
import type { TokenSettings } from './token/settings.js';
import { readSettings } from './token/settings.js';

/** When a resource belongs to an identity that is neither an admin nor a system. All members are optional. */
export interface MembershipOptions {
  /**
   * `reference` (default): the resource refers to the identity at any element that the official definitions let point
   * there. `compartment`: it is in the identity's compartment by the official CompartmentDefinition.
   */
  readonly read?: Membership;
  /** The same for writes. Default: as `read`. */
  readonly write?: Membership;
  /** Whether `Patient.link` makes a Patient resource the linked patient's. Default true. */
  readonly patientLink?: boolean;
  /** Whether `Group.member` makes a Group its members'. Default true. */
  readonly groupMember?: boolean;
  /**
   * `keep` (default) shows a covered resource with all that it contains. `refuse` covers it only if the same grant
   * covers the type of each contained resource, and none of them is a person's record.
   */
  readonly contained?: 'keep' | 'refuse';
  /**
   * Types that belong to nobody, such as Practitioner, Organization, Location, Medication and Device: a grant of any
   * identity opens them for reading as long as the resource names no Patient. Default none.
   */
  readonly sharedTypes?: readonly string[];
}

/** Looks up a resource as it is stored. Undefined or null if there is none; a rejection denies the request. */
export type ResourceLookup = (
  resourceType: string,
  id: string,
  vid?: string,
  context?: { readonly fhirServiceBaseUrl?: string },
) => unknown;

/** One issuer or tenant: a configuration of its own, bound to its base URL. */
export interface Tenant {
  readonly config: SMARTConfig;
  /** Base URL under which this tenant is served. */
  readonly apiUrl: string;
}

/** What a request tells about its tenant. */
export interface TenantRequest {
  readonly fhirServiceBaseUrl?: string;
  readonly requestContext?: RequestContext;
}

/** What is new against fhir-works-on-aws-authz-smart: everything beyond its six positional arguments. */
export interface SMARTHandlerOptions {
  /**
   * Looks up the stored resource, so that updates, patches and deletes are judged by what is stored AND what they
   * leave. Without it only the new body is known to the FHIR Works interface; see `writesWithoutLookup`.
   */
  readonly lookup?: ResourceLookup;
  /**
   * What to do with an update or patch when the stored resource cannot be looked up: `allow` (default) judges the new
   * body alone and warns once, `deny` refuses unless the grant opens every resource of the type.
   */
  readonly writesWithoutLookup?: 'allow' | 'deny';
  readonly membership?: MembershipOptions;
  /** Bounded admins; a user type that a rule names is no admin without bounds. Default none. */
  readonly adminRules?: readonly AdminRule[];
  /** `narrow`: with an encounter in the launch context, patient/ scopes open only what belongs to it. Default `ignore`. */
  readonly encounterContext?: 'ignore' | 'narrow';
  /**
   * Operations by name (`$lastn`), in terms of the interactions that they need. Default: `$everything` needs read and
   * search. Any other is refused.
   */
  readonly operations?: Readonly<Record<string, OperationRule>>;
  /** A rule of the host's that may only narrow: it returns true to let pass what was allowed. */
  readonly narrow?: (context: NarrowingContext) => boolean;
  /** Let system scopes start Patient/$export through verifyAccessToken. Default false, as in 3.1.4. */
  readonly patientExport?: boolean;
  /** Read `patient%2fObservation.rs` as `patient/Observation.rs`. Default false. */
  readonly decodeScopeSlash?: boolean;
  /** Search parameters of this server beyond the official ones, for the query gate. Default none. */
  readonly customSearchParameters?: readonly string[];
  /**
   * How access tokens are verified: algorithms and types, clock tolerance, limits, caches (a shared one for introspection
   * among them), clock and `fetch`. For every tenant alike.
   */
  readonly token?: TokenSettings;
  /** Receives every decision, for logs, audit and metrics. What it throws is dropped; it changes no outcome. */
  readonly onDecision?: (event: DecisionEvent) => void;
  /** Several issuers or tenants: the configuration for a request, or undefined to refuse it. */
  readonly tenantOf?: (request: TenantRequest) => Tenant | undefined;
}

/** The part of the policy that the options give. */
export type PolicyOptions = Pick<
  AccessPolicy,
  | 'adminRules'
  | 'membership'
  | 'encounterContext'
  | 'operations'
  | 'narrow'
  | 'patientExport'
  | 'refuseWritesWithoutStored'
>;

const EVERYTHING: OperationRule = { requires: ['read', 'search-type'] };

/** Checks the options and gives them their defaults. @throws ConfigError that names the option. */
export function policyOptions(options: SMARTHandlerOptions): PolicyOptions {
  if (!isPlainObject(options)) throw new ConfigError('options', 'must be an object');
  const { membership = {}, operations = {}, adminRules = [], encounterContext = 'ignore' } = options;
  const {
    read = 'reference',
    patientLink = true,
    groupMember = true,
    contained = 'keep',
    sharedTypes = [],
  } = membership;
  const { write = read } = membership;
  oneOf(read, ['reference', 'compartment'], 'options.membership.read');
  oneOf(write, ['reference', 'compartment'], 'options.membership.write');
  oneOf(contained, ['keep', 'refuse'], 'options.membership.contained');
  oneOf(encounterContext, ['ignore', 'narrow'], 'options.encounterContext');
  oneOf(options.writesWithoutLookup ?? 'allow', ['allow', 'deny'], 'options.writesWithoutLookup');
  for (const name of ['lookup', 'narrow', 'onDecision', 'tenantOf'] as const) {
    if (options[name] !== undefined && typeof options[name] !== 'function') {
      throw new ConfigError(`options.${name}`, 'must be a function');
    }
  }
  if (options.token !== undefined) checkToken(options.token);
  texts(sharedTypes, 'options.membership.sharedTypes');
  texts(options.customSearchParameters ?? [], 'options.customSearchParameters');
  adminRules.forEach(checkAdminRule);
  for (const [name, rule] of Object.entries(operations)) checkOperation(name, rule);
  return {
    membership: { read, write, patientLink, groupMember, contained, sharedTypes: new Set(sharedTypes) },
    adminRules: [...adminRules],
    encounterContext,
    operations: new Map([['$everything', EVERYTHING], ...Object.entries(operations)]),
    narrow: options.narrow,
    patientExport: options.patientExport ?? false,
    refuseWritesWithoutStored: options.writesWithoutLookup === 'deny',
  };
}

const TOKEN_KEYS = {
  token: [
    'algorithms',
    'acceptedTypes',
    'clockToleranceSeconds',
    'maxTokenLength',
    'jwks',
    'cache',
    'introspection',
    'now',
    'fetch',
    'onEvent',
  ],
  jwks: ['timeoutMs', 'maxAgeMs', 'maxStaleMs', 'cooldownMs', 'burst', 'maxBytes', 'maxKeys'],
  cache: ['maxEntries', 'maxChars'],
  introspection: ['maxBytes', 'cacheMaxAgeMs', 'cacheSize', 'cache', 'cacheTimeoutMs'],
} as const satisfies {
  readonly token: readonly (keyof TokenSettings)[];
  readonly jwks: readonly (keyof NonNullable<TokenSettings['jwks']>)[];
  readonly cache: readonly (keyof NonNullable<TokenSettings['cache']>)[];
  readonly introspection: readonly (keyof NonNullable<TokenSettings['introspection']>)[];
};

/** A misspelt limit would leave the default in force without a word. */
function checkToken(settings: TokenSettings): void {
  const known = (value: unknown, names: readonly string[], key: string): void => {
    if (!isPlainObject(value)) throw new ConfigError(key, 'must be an object');
    const unknown = Object.keys(value as object).find((name) => !names.includes(name));
    if (unknown !== undefined) throw new ConfigError(`${key}.${unknown}`, 'is no setting');
  };
  known(settings, TOKEN_KEYS.token, 'options.token');
  for (const part of ['jwks', 'cache', 'introspection'] as const) {
    if (settings[part] !== undefined) known(settings[part], TOKEN_KEYS[part], `options.token.${part}`);
  }
  readSettings(settings, 'options.token.');
}

function checkAdminRule(rule: AdminRule, index: number): void {
  const key = `options.adminRules[${index}]`;
  if (!isPlainObject(rule)) throw new ConfigError(key, 'must be an object');
  texts(rule.userTypes, `${key}.userTypes`);
  for (const name of ['resourceType', 'path', 'claim'] as const) texts([rule[name]], `${key}.${name}`);
}

function checkOperation(name: string, rule: OperationRule): void {
  const key = `options.operations.${name}`;
  if (!/^\$[A-Za-z][\w-]*$/.test(name)) throw new ConfigError(key, 'must be named as in the URL, with a dollar sign');
  const requires: unknown = isPlainObject(rule) ? rule.requires : undefined;
  if (!Array.isArray(requires) || requires.length === 0 || !requires.every(isInteraction)) {
    throw new ConfigError(`${key}.requires`, 'must be a list of FHIR interactions');
  }
}

function oneOf(value: unknown, allowed: readonly string[], key: string): void {
  if (typeof value !== 'string' || !allowed.includes(value))
    throw new ConfigError(key, `must be one of ${allowed.join(', ')}`);
}

function texts(value: unknown, key: string): void {
  if (!Array.isArray(value) || !value.every((each) => typeof each === 'string' && each !== '')) {
    throw new ConfigError(key, 'must hold strings');
  }
}
