import { expect } from 'chai';
import fc from 'fast-check';
import type { KeyValueMap, SearchFilter } from 'fhir-works-on-aws-interface';
import type { AccessRequest } from '../../src/requests.js';
import { RUNS } from '../runs.js';
import { PEOPLE, anyIdentity, anyResource, anyScope, handlerWith, identity } from './world.js';

const handlers = {
  reference: handlerWith(),
  compartment: handlerWith({ membership: { read: 'compartment' } }),
  shared: handlerWith({ membership: { sharedTypes: ['Organization'], contained: 'refuse', patientLink: false } }),
  ruled: handlerWith({
    adminRules: [{ userTypes: ['Practitioner'], resourceType: 'Encounter', path: 'subject', claim: 'own' }],
  }),
};
const anyHandler = fc.constantFrom(...(Object.keys(handlers) as (keyof typeof handlers)[]));
const anyOperation = fc.constantFrom(
  'read',
  'vread',
  'create',
  'update',
  'delete',
  'search-type',
  'history-type' as const,
);

type Asked = Pick<AccessRequest, 'operation' | 'resourceType' | 'resource' | 'storedResource'>;

/** The question as the operation asks it: the resource read, the body written, the resource stored. */
function asks(operation: Asked['operation'], resource: Record<string, unknown>): Asked {
  const resourceType = String(resource['resourceType']);
  if (operation === 'delete') return { operation, resourceType, storedResource: resource };
  if (operation === 'update') return { operation, resourceType, resource, storedResource: resource };
  return { operation, resourceType, resource };
}

async function allowed(name: keyof typeof handlers, userIdentity: KeyValueMap, asked: Asked): Promise<boolean> {
  return handlers[name].isAuthorized({ ...asked, userIdentity });
}

const withScopes = (who: KeyValueMap, scopes: readonly string[]): KeyValueMap => ({
  ...who,
  scopes: [...scopes],
  usableScopes: [...scopes],
});

const scopesOf = (who: KeyValueMap): string[] => who['scopes'] as string[];

describe('access: properties', function () {
  this.timeout(120_000);

  it('a scope that is removed never adds access, one that is added never removes any', async () => {
    await fc.assert(
      fc.asyncProperty(
        anyHandler,
        anyIdentity,
        anyScope,
        anyOperation,
        anyResource,
        async (name, who, scope, operation, resource) => {
          const asked = asks(operation, resource);
          const less = await allowed(name, who, asked);
          const more = await allowed(name, withScopes(who, [...scopesOf(who), scope]), asked);
          expect(!less || more).to.equal(true);
        },
      ),
      { numRuns: RUNS },
    );
  });

  it('the order of scopes does not matter', async () => {
    await fc.assert(
      fc.asyncProperty(anyHandler, anyIdentity, anyOperation, anyResource, async (name, who, operation, resource) => {
        const asked = asks(operation, resource);
        const reversed = withScopes(who, [...scopesOf(who)].reverse());
        expect(await allowed(name, reversed, asked)).to.equal(await allowed(name, who, asked));
      }),
      { numRuns: RUNS },
    );
  });

  it('v1 .read equals v2 .rs, .write equals .cud and .* equals .cruds where the rule is full', async () => {
    const same = { read: 'rs', write: 'cud', '*': 'cruds' };
    await fc.assert(
      fc.asyncProperty(anyHandler, anyIdentity, anyOperation, anyResource, async (name, who, operation, resource) => {
        const asked = asks(operation, resource);
        const translated = scopesOf(who).map((scope) =>
          scope.replace(/\.(read|write|\*)$/, (_, word: keyof typeof same) => `.${same[word]}`),
        );
        expect(await allowed(name, withScopes(who, translated), asked)).to.equal(await allowed(name, who, asked));
      }),
      { numRuns: RUNS },
    );
  });

  it('the search filter never hides what the read check allows', async () => {
    await fc.assert(
      fc.asyncProperty(anyHandler, anyIdentity, anyResource, async (name, who, resource) => {
        const resourceType = String(resource['resourceType']);
        if (!(await allowed(name, who, asks('search-type', resource)))) return;
        if (!(await isKept(name, who, resource))) return;
        const filters = await handlers[name].getSearchFilterBasedOnIdentity({
          operation: 'search-type',
          resourceType,
          userIdentity: who,
        });
        expect(passes(filters, resource)).to.equal(true);
      }),
      { numRuns: RUNS },
    );
  });

  it('the response filter keeps an entry exactly when a search for its type may show it', async () => {
    await fc.assert(
      fc.asyncProperty(
        anyHandler,
        anyIdentity,
        fc.array(anyResource, { maxLength: 4 }),
        async (name, who, resources) => {
          const kept = await filtered(name, who, resources);
          for (const resource of resources) {
            const alone = await isKept(name, who, resource);
            expect(kept.includes(resource)).to.equal(alone);
            const searches = withScopes(who, scopesOf(who).map(asReading));
            const read = await allowed(name, searches, {
              operation: 'read',
              resourceType: String(resource['resourceType']),
              resource,
            });
            expect(alone).to.equal(read);
          }
        },
      ),
      { numRuns: RUNS },
    );
  });

  it('a grant never uses the identity of another: each level alone allows what both together allow', async () => {
    await fc.assert(
      fc.asyncProperty(anyHandler, anyIdentity, anyOperation, anyResource, async (name, who, operation, resource) => {
        const asked = asks(operation, resource);
        const alone = await Promise.all(
          scopesOf(who).map((scope) => {
            const level = scope.split('/')[0] ?? '';
            const { fhirUserObject, patientLaunchContext, ...rest } = who;
            return allowed(
              name,
              withScopes(
                {
                  ...rest,
                  ...(level === 'user' &&
                    fhirUserObject !== undefined && { fhirUserObject: fhirUserObject as unknown }),
                  ...(level === 'patient' &&
                    patientLaunchContext !== undefined && { patientLaunchContext: patientLaunchContext as unknown }),
                },
                [scope],
              ),
              asked,
            );
          }),
        );
        expect(await allowed(name, who, asked)).to.equal(alone.includes(true));
      }),
      { numRuns: RUNS },
    );
  });

  it('an identity that no scope speaks of changes nothing', async () => {
    await fc.assert(
      fc.asyncProperty(
        anyIdentity,
        fc.constantFrom(...PEOPLE),
        anyOperation,
        anyResource,
        async (who, other, operation, resource) => {
          const asked = asks(operation, resource);
          const patientOnly = withScopes(
            who,
            scopesOf(who).filter((scope) => !scope.startsWith('user/')),
          );
          const somebody = {
            ...patientOnly,
            ...identity(scopesOf(patientOnly), other),
            patientLaunchContext: who['patientLaunchContext'] as unknown,
          };
          expect(await allowed('reference', somebody, asked)).to.equal(await allowed('reference', patientOnly, asked));
        },
      ),
      { numRuns: RUNS },
    );
  });

  it('a write without a lookup, refused on demand, is allowed only where every state would be', async () => {
    const strict = handlerWith({ writesWithoutLookup: 'deny' });
    await fc.assert(
      fc.asyncProperty(anyIdentity, anyResource, anyResource, async (who, stored, result) => {
        const resourceType = String(result['resourceType']);
        const blind = await strict.isAuthorized({
          operation: 'update',
          resourceType,
          resource: result,
          userIdentity: who,
        });
        if (!blind) return;
        const before = { ...stored, resourceType, id: result['id'] };
        const known = await strict.isAuthorized({
          operation: 'update',
          resourceType,
          resource: result,
          storedResource: before,
          userIdentity: who,
        });
        expect(known).to.equal(true);
      }),
      { numRuns: RUNS },
    );
  });
});

async function filtered(
  name: keyof typeof handlers,
  who: KeyValueMap,
  resources: readonly unknown[],
): Promise<unknown[]> {
  const bundle = (await handlers[name].authorizeAndFilterReadResponse({
    operation: 'search-type',
    userIdentity: who,
    readResponse: { resourceType: 'Bundle', type: 'searchset', entry: resources.map((resource) => ({ resource })) },
  })) as { entry: { resource: unknown }[] };
  return bundle.entry.map(({ resource }) => resource);
}

async function isKept(name: keyof typeof handlers, who: KeyValueMap, resource: unknown): Promise<boolean> {
  return (await filtered(name, who, [resource])).length === 1;
}

/** The same scope, reading what it searches and nothing more. */
function asReading(scope: string): string {
  const [head = '', query] = scope.split('?');
  const at = head.lastIndexOf('.');
  const permission = head.slice(at + 1);
  const searches = permission === 'read' || permission === '*' || permission.includes('s');
  if (!head.includes('/') || permission === 'sr') return scope;
  return `${head.slice(0, at)}.${searches ? 'r' : 'd'}${query === undefined ? '' : `?${query}`}`;
}

/** A host's search: all filters are joined by their own operator, references are indexed wherever they stand. */
function passes(filters: readonly SearchFilter[], resource: Record<string, unknown>): boolean {
  if (filters.length === 0) return true;
  const references = literals(resource);
  const matches = filters.map(({ key, value }) =>
    key === 'id' ? value.includes(String(resource['id'])) : value.some((each) => references.includes(each)),
  );
  return filters.every(({ logicalOperator }) => logicalOperator === 'OR')
    ? matches.includes(true)
    : matches.every(Boolean);
}

function literals(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(literals);
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, held]) =>
    name === 'reference' && typeof held === 'string' ? [held] : literals(held),
  );
}
