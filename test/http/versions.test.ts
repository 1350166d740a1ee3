import { expect } from 'chai';
import { resourceTypes } from '../../src/fhir/resource-types.js';
import type { FhirVersion } from '../../src/fhir/version.js';
import { FHIR_VERSIONS } from '../../src/fhir/version.js';
import { createGuard } from '../../src/http/guard.js';
import { parseFhirRequest } from '../../src/http/parse.js';
import { canonicalUrl } from '../../src/http/print.js';
import { isMalformed } from '../../src/http/request.js';
import { ConfigError, SMARTHandler } from '../../src/index.js';
import { BASE, Issuer } from './clinic.js';

const STU3 = '3.0.1';
const R4 = '4.0.1';
const R4B = '4.3.0';
const R5 = '5.0.0';

/** In which versions a type is one, from the resource lists of the specifications. */
const KNOWN_IN: Readonly<Record<string, readonly FhirVersion[]>> = {
  Patient: [STU3, R4, R4B, R5],
  BodySite: [STU3],
  ReferralRequest: [STU3],
  ProcedureRequest: [STU3],
  Sequence: [STU3],
  DataElement: [STU3],
  ServiceRequest: [R4, R4B, R5],
  MolecularSequence: [R4, R4B, R5],
  EffectEvidenceSynthesis: [R4],
  MedicinalProduct: [R4],
  DeviceUseStatement: [STU3, R4, R4B],
  RequestGroup: [STU3, R4, R4B],
  Citation: [R4B, R5],
  NutritionProduct: [R4B, R5],
  SubscriptionStatus: [R4B, R5],
  Transport: [R5],
  GenomicStudy: [R5],
  Permission: [R5],
  RequestOrchestration: [R5],
  // No resources in any version: abstract, a datatype, and nothing at all.
  Resource: [],
  DomainResource: [],
  HumanName: [],
  Nothing: [],
};

const parse = (version: FhirVersion, method: string, url: string) =>
  parseFhirRequest({ method, url, basePath: '', headers: {}, version });

describe('FHIR requests of each version', () => {
  for (const [type, versions] of Object.entries(KNOWN_IN)) {
    it(`${type} is a type in ${versions.join(', ') || 'none'}`, () => {
      for (const version of FHIR_VERSIONS) {
        const known = versions.includes(version);
        for (const [method, path] of [
          ['GET', `/${type}`],
          ['GET', `/${type}/1`],
          ['GET', `/${type}/1/_history/2`],
          ['POST', `/${type}`],
          ['POST', `/${type}/_search`],
          ['PUT', `/${type}/1`],
          ['DELETE', `/${type}/1`],
          ['GET', `/${type}/$x`],
          ['OPTIONS', `/${type}/1`],
        ] as const) {
          const verdict = parse(version, method, path);
          if (known) {
            expect(verdict, `${version} ${method} ${path}`).to.not.have.property('malformed');
            if (!isMalformed(verdict)) expect(canonicalUrl(verdict)).to.equal(path);
          } else expect(verdict, `${version} ${method} ${path}`).to.include({ malformed: 'type-unknown', status: 404 });
        }
      }
    });
  }

  it('every type of a version is one, and no type of another is', () => {
    const all = new Set(FHIR_VERSIONS.flatMap((version) => [...resourceTypes(version)]));
    expect(all.size).to.be.greaterThan(180);
    for (const version of FHIR_VERSIONS) {
      for (const type of all) {
        const verdict = parse(version, 'GET', `/${type}/1`);
        expect(!isMalformed(verdict), `${version} ${type}`).to.equal(resourceTypes(version).has(type));
      }
    }
  });

  it('a compartment holds the types that it holds in the version', () => {
    const cases: readonly (readonly [path: string, versions: readonly FhirVersion[]])[] = [
      ['/Patient/1/Observation', [STU3, R4, R4B, R5]],
      ['/Patient/1/ReferralRequest', [STU3]],
      ['/Patient/1/ServiceRequest', [R4, R4B, R5]],
      ['/Patient/1/GenomicStudy', [R5]],
      ['/Patient/1/Citation', []],
      ['/Organization/1/Patient', []],
    ];
    for (const [path, versions] of cases) {
      for (const version of FHIR_VERSIONS) {
        expect(!isMalformed(parse(version, 'GET', path)), `${version} ${path}`).to.equal(versions.includes(version));
      }
    }
  });

  it('are judged by the definitions of the version', async () => {
    const issuer = await Issuer.open();
    const { config } = issuer;
    const token = await issuer.token('patient/*.rs', { launch_response_patient: 'alice' });
    const subject = { reference: 'Patient/alice' };
    const status = async (version: FhirVersion, resource: { resourceType: string; id: string }): Promise<number> => {
      const guard = createGuard(new SMARTHandler(config, BASE, version), { baseUrl: BASE, fhirVersion: version });
      const admission = await guard.admit({
        method: 'GET',
        url: `/fhir/${resource.resourceType}/${resource.id}`,
        headers: { authorization: `Bearer ${token}` },
        body: async () => ({ bytes: new Uint8Array() }),
      });
      if (admission.verdict === 'refused') return admission.answer.status;
      const headers = { 'content-type': 'application/fhir+json' };
      const answer = await admission.judgeResponse?.({ status: 200, headers, body: JSON.stringify(resource) });
      return answer?.status ?? 0;
    };
    const genomic = { resourceType: 'GenomicStudy', id: '1', subject };
    expect(await status(R5, genomic)).to.equal(200);
    expect(await status(R4, genomic)).to.equal(404);
    const referral = { resourceType: 'ReferralRequest', id: '1', subject };
    expect(await status(STU3, referral)).to.equal(200);
    expect(await status(R5, { ...referral, resourceType: 'ServiceRequest' })).to.equal(200);
    // An element that one version has makes nothing anybody's in another.
    const procedure = { resourceType: 'Procedure', id: '1', subject: { reference: 'Patient/bob' } };
    const reported = { ...procedure, reportedReference: subject };
    expect(await status(R5, reported)).to.equal(200);
    expect(await status(R4, reported)).to.equal(403);
    expect(() => createGuard(new SMARTHandler(config, BASE, R4), { baseUrl: BASE, fhirVersion: '6.0.0' })).to.throw(
      ConfigError,
      'fhirVersion',
    );
    await issuer.close();
  });
});
