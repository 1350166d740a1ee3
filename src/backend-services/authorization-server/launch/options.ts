import type { IncomingMessage, ServerResponse } from 'node:http';

/** The context of a launch: what the app is told besides its token. SMART App Launch 2.2, Scopes and Launch Context. */
export interface LaunchContext {
  /** Id of the patient, without its type: `123`. */
  readonly patient?: string;
  /** Id of the encounter, without its type. */
  readonly encounter?: string;
  /**
   * Further parameters of the token response, such as `need_patient_banner`, `smart_style_url` or `intent`. Names that
   * OAuth itself uses, or that tell a resource server who the user is, are refused.
   */
  readonly parameters?: Readonly<Record<string, unknown>>;
}

/** A launch that the EHR starts: the context behind an opaque `launch` parameter, which is good once. */
export interface EhrLaunch extends LaunchContext {
  /** The only account that may complete the launch. Default: any. */
  readonly accountId?: string;
  /** The only client that may use the launch. Default: any. Name it: then nobody else can use the launch up. */
  readonly clientId?: string;
}

/** What the user's visit to the interaction page came to. */
export interface LaunchResult extends LaunchContext {
  /**
   * Who the user is, in the issuer's own words: the `sub` of the id_token and the access token. Printable ASCII, up to 255
   * characters, and no client's `client_id`, which is the `sub` of that client's own tokens (RFC 9068 §5).
   */
  readonly accountId: string;
  /**
   * The FHIR resource of the user, absolute or relative to the FHIR base: `Practitioner/p1`. Without it no `user/` scope
   * is granted.
   */
  readonly fhirUser?: string;
  /** The scopes that the user agreed to, of those offered. Default: all that were offered. */
  readonly scopes?: readonly string[];
}

/** One visit of a user who came with an authorization request. */
export interface LaunchInteraction {
  readonly uid: string;
  readonly client: { readonly clientId: string; readonly clientName: string | undefined };
  /** What the client asked for and is registered for: the most that can be granted. */
  readonly scopes: readonly string[];
  /** The context that the EHR launched with; undefined for a standalone launch. */
  readonly launch: LaunchContext | undefined;
  /** Whether a patient has to be chosen: a standalone launch with `launch/patient` or `patient/` scopes. */
  readonly needsPatient: boolean;
  /** Whether an encounter has to be chosen: a standalone launch with `launch/encounter`. */
  readonly needsEncounter: boolean;
  /**
   * Sends the user back to the app with what was decided. Call it from a POST, after the user acted. Scopes that the
   * result leaves without their context are not granted: `patient/` without a patient, `user/` without a fhirUser.
   *
   * @throws TypeError for a result that is malformed or that contradicts the EHR's launch.
   */
  complete(result: LaunchResult): Promise<void>;
  /** Sends the user back with `access_denied`. */
  deny(): Promise<void>;
}

/** How users sign in and choose a patient. SMART App Launch 2.2. */
export interface LaunchOptions {
  /**
   * Serves the interaction page: sign-in, consent, choice of the patient. Called for every request below
   * `<issuer>/interaction/<uid>` that belongs to a pending authorization, GET and POST, with the untouched request and
   * response; it answers itself, or ends with `complete` or `deny`. The server keeps no session in the browser: whether
   * the user is signed in already is for this page, and its own cookies, to know.
   */
  readonly interaction: (
    req: IncomingMessage,
    res: ServerResponse,
    interaction: LaunchInteraction,
  ) => void | Promise<void>;

  /** Lifetime of a user's access token. Seconds, default 3,600, bounds 1 to 3,600. */
  readonly accessTokenLifetimeSeconds?: number;

  /** Lifetime of a refresh token, given with `offline_access`. Seconds, default 1,209,600 (14 days), bounds 60 to 31,536,000. */
  readonly refreshTokenLifetimeSeconds?: number;

  /** Time a user has for the interaction page. Seconds, default 900, bounds 30 to 3,600. */
  readonly interactionLifetimeSeconds?: number;

  /** Time between the EHR's `createLaunch` and the app's arrival, which uses the launch up. Seconds, default 300, bounds 10 to 3,600. */
  readonly launchLifetimeSeconds?: number;

  /** How the access token names the context, for the resource server. */
  readonly claims?: {
    /** The claim with the user's FHIR resource. Default: `fhirUser`. */
    readonly fhirUser?: string;
    /**
     * Put before `patient` and `encounter`, for claims with a whole reference (`Patient/123`). Default:
     * `launch_response_`. The bare ids stand under `patient` and `encounter` as well, as SMART names them.
     */
    readonly contextPrefix?: string;
  };
}
