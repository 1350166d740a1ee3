// Every way in which the library stands in front of a FHIR server.
import { createGateway } from '../../src/gateway/gateway.js';
import { isUnauthorizedError } from '../../src/errors.js';
import type { SMARTHandlerOptions } from '../../src/index.js';
import { SMARTHandler } from '../../src/index.js';
import type { GuardOptions } from '../../src/http/guard.js';
import type { Issuer } from '../http/clinic.js';
import { BASE } from '../http/clinic.js';
import type { Host } from '../http/hosts.js';
import { HOSTS } from '../http/hosts.js';
import { asymmetrikUpstream } from './asymmetrik-upstream.js';
import { openWorks } from './works-face.js';
import type { World } from './world.js';
import { FOUND_BY_PATIENT } from './world.js';

/** An open face. */
export interface Face {
  /** `http://127.0.0.1:PORT` */
  readonly origin: string;
  /** The path of the FHIR server there: '' or '/fhir'. */
  readonly prefix: string;
  /** The base URL by which it knows itself. */
  readonly base: string;
  /** How many answers of 5xx the server behind it gave; absent where it gives none. */
  readonly failures?: () => number;
  readonly close: () => Promise<void>;
}

/** @param paging As in GuardOptions: with `any`, whatever there is can be asked for on one page. */
export type OpenFace = (world: World, issuer: Issuer, paging?: GuardOptions['paging']) => Promise<Face>;

/** The types that the older server is told to serve. */
const SERVED = [
  ...['Patient', 'Observation', 'Condition', 'Practitioner', 'Task', 'Group', 'Encounter', 'Binary', 'Account'],
  ...['RelatedPerson', 'MedicationRequest', 'QuestionnaireResponse', 'AllergyIntolerance', 'Composition', 'List'],
  ...['Organization', 'EpisodeOfCare', 'ImmunizationEvaluation', 'MolecularSequence', 'Person'],
];

function guarded(name: string, more: Partial<GuardOptions> = {}): OpenFace {
  return async (world, issuer, paging = 'own') => {
    const open = HOSTS[name];
    if (!open) throw new Error(`${name} is no host`);
    const lookup = (type: string, id: string): unknown => world.clinic.stored(type, id);
    const options = { ...more, paging, ...(name !== 'the gateway' && { lookup }) };
    return faceOf(await open(world.clinic, issuer.handler(), options));
  };
}

function faceOf({ base, close }: Host): Face {
  return { origin: base.replace(/\/fhir$/, ''), prefix: '/fhir', base: BASE, close };
}

const gatewayToAsymmetrik: OpenFace = async (world, issuer, paging = 'own') => {
  const upstream = await asymmetrikUpstream(world.clinic, SERVED);
  const gateway = createGateway(issuer.handler(), {
    baseUrl: BASE,
    fhirVersion: '4.0.1',
    upstream: upstream.base,
    paging,
    drainTimeoutMs: 0,
  });
  const { port } = await gateway.listen({ port: 0 });
  const close = async (): Promise<void> => {
    await gateway.close();
    await upstream.close();
  };
  return { ...faceOf({ base: `http://127.0.0.1:${port}/fhir`, close }), failures: upstream.failures };
};

const works: OpenFace = async (world, issuer) => {
  const options: SMARTHandlerOptions = { lookup: (type, id) => world.clinic.stored(type, id) };
  const faults: unknown[] = [];
  const { origin, close } = await openWorks(world.clinic, (url) =>
    watched(new SMARTHandler(issuer.config, url, '4.0.1', ['Practitioner'], ['Practitioner'], false, options), faults),
  );
  // Guard and router are one server here. A 5xx is the router's own as long as the handler threw nothing but refusals.
  const failures = (): number => (faults.length === 0 ? Infinity : 0);
  return { origin, prefix: '', base: origin, failures, close };
};

/** A handler whose every error that is no refusal is noted. */
function watched(handler: SMARTHandler, faults: unknown[]): SMARTHandler {
  return new Proxy(handler, {
    get(target, name) {
      const method: unknown = Reflect.get(target, name);
      if (typeof method !== 'function') return method;
      return async (...args: unknown[]): Promise<unknown> => {
        try {
          return await (Reflect.apply(method, target, args) as Promise<unknown>);
        } catch (error) {
          if (!isUnauthorizedError(error)) faults.push(error);
          throw error;
        }
      };
    },
  });
}

const byPatient = (type: string, parameter: string): boolean => type in FOUND_BY_PATIENT && parameter === 'patient';

/** The first is what the others are compared with. */
export const FACES: Readonly<Record<string, OpenFace>> = {
  'Express and @medplum/fhir-router': guarded('Express 5'),
  // Narrowed exactly, so that nobody finds anything else.
  'Express that narrows and @medplum/fhir-router': guarded('Express 5', { narrowSearch: { supports: byPatient } }),
  'Fastify and @medplum/fhir-router': guarded('Fastify'),
  'the gateway and @medplum/fhir-router': guarded('the gateway'),
  'the gateway and @asymmetrik/node-fhir-server-core': gatewayToAsymmetrik,
  'the router of FHIR Works': works,
};

/** The same again, in hosts that differ in how they read requests. */
export const VARIANTS: Readonly<Record<string, OpenFace>> = {
  'Express 4 and @medplum/fhir-router': guarded('Express 4'),
  'Express behind a body parser and @medplum/fhir-router': guarded('Express 5 behind a body parser'),
  'Express that narrows searches and exports': guarded('Express 5', {
    narrowSearch: { mode: 'compartment', supports: { Observation: ['patient'], Patient: ['_id'] } },
    bulkData: {},
  }),
};
