// A clinic of two patients behind a guard: an issuer of tokens, a FHIR server in memory, and every host that can guard it.
import { randomUUID } from 'node:crypto';
import type { Server } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { indexSearchParameter } from '@medplum/core';
import type { FhirRequest as RouterRequest } from '@medplum/fhir-router';
import { FhirRouter, MemoryRepository } from '@medplum/fhir-router';
import type { CryptoKey } from 'jose';
import { SignJWT, exportJWK, generateKeyPair } from 'jose';
import type { SMARTConfig, SMARTHandlerOptions } from '../../src/index.js';
import { FULL_RULE, SMARTHandler } from '../../src/index.js';

export const BASE = 'https://fhir.example.org/fhir';
const ISSUER = 'https://idp.example.org';

export interface Resource {
  readonly resourceType: string;
  readonly id: string;
  readonly [name: string]: unknown;
}

/** What stands in every resource of a person, and in no other. */
export const secretOf = (owner: string): string => `SECRET-${owner}`;

function resourcesOf(owner: string): readonly Resource[] {
  const subject = { reference: `Patient/${owner}` };
  const note = [{ text: secretOf(owner) }];
  const code = { coding: [{ system: 'http://loinc.org', code: '1234-5' }] };
  const observations = [1, 2, 3].map((n) => ({
    resourceType: 'Observation',
    id: `${owner}-obs-${n}`,
    status: 'final',
    code,
    subject,
    note,
  }));
  return [
    { resourceType: 'Patient', id: owner, active: true, name: [{ family: secretOf(owner) }] },
    ...observations,
    { resourceType: 'Condition', id: `${owner}-condition`, code, subject, note },
  ];
}

/** A FHIR server in memory that guards nothing. */
export class Clinic {
  readonly repository = new MemoryRepository();
  readonly router = new FhirRouter();
  /** How many requests came through. */
  executed = 0;

  static async open(): Promise<Clinic> {
    index('Observation', 'subject', 'reference', 'Observation.subject');
    index('Observation', 'patient', 'reference', 'Observation.subject');
    index('Observation', 'status', 'token', 'Observation.status');
    index('Patient', 'active', 'token', 'Patient.active');
    index('Patient', 'name', 'string', 'Patient.name');
    index('Practitioner', 'name', 'string', 'Practitioner.name');
    const clinic = new Clinic();
    await clinic.reset();
    return clinic;
  }

  async reset(): Promise<void> {
    this.repository.clear();
    for (const resource of [...resourcesOf('alice'), ...resourcesOf('bob')]) {
      await this.repository.createResource(resource as never);
    }
    await this.repository.createResource({ resourceType: 'Practitioner', id: 'dr', active: true } as never);
    await this.repository.createResource({
      resourceType: 'Binary',
      id: 'bin',
      contentType: 'text/plain',
      data: 'eA==',
    } as never);
    this.executed = 0;
  }

  async stored(resourceType: string, id: string): Promise<Resource | null> {
    try {
      return (await this.repository.readResource(resourceType, id)) as unknown as Resource;
    } catch {
      return null;
    }
  }

  /** Executes a request, given the URL below the base. */
  async execute(method: string, url: string, body: unknown, headers: RouterRequest['headers'] = {}): Promise<Executed> {
    this.executed += 1;
    const path = url.replace(/^\//, '');
    if (/^Patient\/[^/?]+\/\$everything(?:\?|$)/.test(path)) return { status: 200, resource: await this.#everything() };
    const request = {
      method,
      url: path,
      pathname: '',
      query: {},
      params: {},
      body,
      headers,
    } as unknown as RouterRequest;
    const [outcome, resource] = await this.router.handleRequest(request, this.repository);
    const failed = outcome.issue.some(({ severity }) => severity === 'error');
    if (!failed) return { status: outcome.id === 'created' ? 201 : 200, resource: resource ?? outcome };
    const diagnostics = `${secretOf('bob')} in a stack trace`;
    const issue = outcome.issue.map((each) => ({ ...each, diagnostics }));
    return { status: outcome.id === 'not-found' ? 404 : 400, resource: { ...outcome, issue } };
  }

  /** Whatever is stored, whoever asks: the guard has to filter it. */
  async #everything(): Promise<unknown> {
    const types = ['Patient', 'Observation', 'Condition', 'Practitioner'] as const;
    const bundles = await Promise.all(types.map(async (resourceType) => this.repository.search({ resourceType })));
    const entry = bundles.flatMap((bundle) => bundle.entry ?? []);
    return { resourceType: 'Bundle', type: 'searchset', total: entry.length, entry };
  }
}

export interface Executed {
  readonly status: number;
  readonly resource: unknown;
}

/** Lets the router search by a parameter. */
export function index(base: string, code: string, type: string, expression: string): void {
  const status = 'active';
  indexSearchParameter({
    resourceType: 'SearchParameter',
    status,
    base: [base],
    code,
    name: code,
    type,
    expression,
  } as never);
}

/** What grants everything that SMART defines, to tokens of an issuer whose keys are there. */
export function configTrusting(jwksEndpoint: string): SMARTConfig {
  return {
    version: 1,
    scopeKey: 'scope',
    scopeRule: { patient: FULL_RULE, user: FULL_RULE, system: FULL_RULE },
    expectedAudValue: BASE,
    expectedIssValue: ISSUER,
    fhirUserClaimPath: 'fhirUser',
    launchContextPathPrefix: 'launch_response_',
    jwksEndpoint,
  };
}

/** An issuer that publishes its keys on 127.0.0.1. */
export class Issuer {
  readonly #privateKey: CryptoKey;
  readonly #server: Server;

  private constructor(privateKey: CryptoKey, server: Server) {
    this.#privateKey = privateKey;
    this.#server = server;
  }

  static async open(): Promise<Issuer> {
    const { publicKey, privateKey } = await generateKeyPair('ES256');
    const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: 'k', alg: 'ES256', use: 'sig' }] };
    const server = createServer((_request, response) => {
      response.setHeader('content-type', 'application/json').end(JSON.stringify(jwks));
    });
    return new Issuer(privateKey, await listening(server));
  }

  get jwksEndpoint(): string {
    return `${originOf(this.#server)}/jwks`;
  }

  /** What trusts this issuer. */
  get config(): SMARTConfig {
    return configTrusting(this.jwksEndpoint);
  }

  async close(): Promise<void> {
    await closed(this.#server);
  }

  handler(options: SMARTHandlerOptions = {}, jwksEndpoint = this.jwksEndpoint): SMARTHandler {
    const config = configTrusting(jwksEndpoint);
    return new SMARTHandler(config, BASE, '4.0.1', ['Practitioner'], ['Practitioner'], false, options);
  }

  /** A signed token. */
  async token(scope: string, claims: Readonly<Record<string, unknown>> = {}): Promise<string> {
    const now = Math.floor(Date.now() / 1000);
    const defaults = { iss: ISSUER, aud: BASE, sub: 'x', client_id: 'x', iat: now, exp: now + 300, jti: randomUUID() };
    return new SignJWT({ ...defaults, scope, ...claims })
      .setProtectedHeader({ alg: 'ES256', kid: 'k', typ: 'at+jwt' })
      .sign(this.#privateKey);
  }
}

export async function listening(server: Server): Promise<Server> {
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return server;
}

export function originOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

export async function closed(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}
