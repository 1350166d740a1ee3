import { expect } from 'chai';
import { after, before, describe, it } from 'mocha';
import type { SMARTHandler } from '../../../src/index.js';
import { openFacility, outcome, verify, type Asked, type Facility } from './facility.js';

type ExportType = 'system' | 'group' | 'patient';

const start = (exportType: ExportType): Asked => ({
  operation: 'read',
  bulkDataAuth: { operation: 'initiate-export', exportType },
});
const FOLLOW = (['get-status-export', 'cancel-export'] as const).map((operation): Asked => ({
  operation: operation === 'cancel-export' ? 'delete' : 'read',
  bulkDataAuth: { operation, exportType: 'system' },
}));

describe('resource server: bulk data export', () => {
  let facility: Facility;
  let handler: SMARTHandler;
  before(async () => {
    facility = await openFacility();
    handler = facility.handler();
  });
  after(() => facility.close());

  const asked = async (scope: string, request: Asked) => outcome(handler, await facility.token(scope), request);
  const exported = async (scope: string, request: Asked) => {
    const userIdentity = await verify(handler, await facility.token(scope), request);
    return handler.getAllowedResourceTypesForOperation({ userIdentity, operation: 'read' });
  };

  describe('R16: scopes cover what is exported', () => {
    it('R16: a system export needs a scope for every type, since it exports every type', async () => {
      expect(await asked('system/*.rs', start('system'))).to.equal('allowed');
      expect(await exported('system/*.rs', start('system'))).to.include.members(['Patient', 'Observation', 'Group']);
      for (const scope of [
        'system/Patient.rs',
        'system/Patient.rs system/Observation.rs system/Group.rs',
        'system/*.cud',
        'system/*.s',
        'system/*.rs?category=laboratory',
      ]) {
        expect(await asked(scope, start('system')), scope).to.match(/^scope-not-for-export/);
      }
    });

    it('R16: a Group export carries out the types that are granted, and no other', async () => {
      const scope = 'system/Group.rs system/Patient.rs system/Immunization.rs system/Observation.cud';
      expect(await exported(scope, start('group'))).to.have.members(['Group', 'Patient', 'Immunization']);
    });

    it('R16: without a token nothing starts, and no status is told', async () => {
      for (const request of [start('system'), start('group'), ...FOLLOW]) {
        expect(await outcome(handler, '', request)).to.equal('ERR_TOKEN_MISSING');
        expect(await outcome(handler, 'no-token', request)).to.equal('ERR_TOKEN_MALFORMED');
      }
    });

    it('R16: status and cancelling need a token that may export, of the client whose job it is', async () => {
      for (const request of FOLLOW) {
        expect(await asked('system/Patient.cud', request)).to.match(/^scope-not-for-export/);
        const userIdentity = await verify(handler, await facility.token('system/*.rs'), request);
        const mayAccess = (jobOwnerId: string) =>
          handler
            .isAccessBulkDataJobAllowed({ userIdentity, jobOwnerId })
            .then(() => true)
            .catch((error: unknown) => {
              expect(error).to.include({ name: 'UnauthorizedError' });
              return false;
            });
        expect(await mayAccess('exporter')).to.equal(true);
        expect(await mayAccess('another-client')).to.equal(false);
        expect(await mayAccess('')).to.equal(false);
      }
    });
  });

  describe('R17: a Group export reads the Group', () => {
    it('R17: without a scope that reads Group it is refused', async () => {
      for (const scope of [
        'system/Patient.rs',
        'system/Patient.rs system/Observation.rs',
        'system/Patient.rs system/Group.cud',
        'system/Patient.rs system/Group.s',
      ]) {
        expect(await asked(scope, start('group')), scope).to.match(/^scope-not-for-export/);
      }
    });

    it('R17: with one, by its name or by the wildcard, it is allowed', async () => {
      expect(await asked('system/Patient.rs system/Group.rs', start('group'))).to.equal('allowed');
      expect(await asked('system/Patient.r system/Group.r', start('group'))).to.equal('allowed');
      expect(await asked('system/*.rs', start('group'))).to.equal('allowed');
    });
  });
});
