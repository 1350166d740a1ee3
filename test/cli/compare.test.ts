import { writeFile } from 'node:fs/promises';
import { expect } from 'chai';
import merge from 'lodash/merge.js';
import { smallest } from '../config-file/settings.js';
import { commandLine, useDirectory } from './command-line.js';

const claims = {
  iss: 'https://idp.example.org',
  aud: 'https://fhir.example.org',
  scope: 'patient/*.rs',
  launch_response_patient: 'p1',
};
const observation = (patient: string): object => ({
  resourceType: 'Observation',
  id: 'o1',
  subject: { reference: `Patient/${patient}` },
});
const read = { claims, operation: 'read', resourceType: 'Observation', id: 'o1' };

interface Printed {
  readonly requests: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly changes: readonly {
    readonly line: number;
    readonly kind: string;
    readonly request: string;
    readonly old: { readonly decision: { readonly decision: string; readonly reasons: readonly { code: string }[] } };
    readonly new: { readonly decision: { readonly decision: string; readonly reasons: readonly { code: string }[] } };
  }[];
  readonly unreadable: readonly { readonly line: number; readonly problem: string }[];
}

describe('smart-fhir-authz compare', () => {
  const file = useDirectory();

  async function run(requests: readonly unknown[] | string, change: object, ...options: string[]) {
    await writeFile(file('old.json'), JSON.stringify(smallest()));
    await writeFile(file('new.json'), JSON.stringify(merge(smallest(), change)));
    const lines =
      typeof requests === 'string' ? requests : requests.map((each) => `${JSON.stringify(each)}\n`).join('');
    await writeFile(file('requests.jsonl'), lines);
    return commandLine([
      'compare',
      '--requests',
      file('requests.jsonl'),
      file('old.json'),
      file('new.json'),
      ...options,
    ]);
  }

  async function printed(requests: readonly unknown[] | string, change: object, ...options: string[]) {
    const { stdout, exitCode } = await run(requests, change, '--json', ...options);
    return { ...(JSON.parse(stdout) as Printed), exitCode };
  }

  /** What changes, and the codes by which it is refused. */
  async function kinds(request: object, change: object): Promise<string[]> {
    const { changes } = await printed([request], change, '--reasons');
    return changes.map(({ kind, old: before, new: after }) =>
      [kind, ...[...before.decision.reasons, ...after.decision.reasons].map(({ code }) => code)].join(' '),
    );
  }

  it('ends with 0 when nothing changes', async () => {
    const { exitCode, stdout } = await run([read, { ...read, resource: observation('p2') }], {});
    expect(stdout).to.equal('2 requests, 2 decided alike\n');
    expect(exitCode).to.equal(0);
  });

  it('tells what changes, why, and in which line', async () => {
    const change = { smart: { expectedAudValue: 'https://other.example' } };
    const { exitCode, stdout } = await run([{ ...read, resource: observation('p1') }], change);
    expect(exitCode).to.equal(1);
    expect(stdout).to.equal(
      [
        'line 1  read Observation/o1  closed',
        '  old: allow referenced by patient/*.rs for Patient/p1 at subject',
        '  new: deny token-invalid (ERR_TOKEN_AUDIENCE)',
        '',
        '1 request, 0 decided alike',
        '  1 closed: allowed before, refused now',
        '',
      ].join('\n'),
    );
  });

  for (const [title, request, change, expected] of [
    ['an issuer', read, { smart: { expectedIssValue: 'https://x' } }, ['closed token-invalid']],
    [
      'claims without an issuer',
      { ...read, claims: { scope: 'patient/*.rs', launch_response_patient: 'p1' } },
      { smart: { expectedIssValue: 'https://x' } },
      [],
    ],
    ['an audience by expression', read, { smart: { expectedAudValue: { pattern: '^https://fhir\\.' } } }, []],
    [
      'the prefix of the launch context',
      read,
      { smart: { launchContextPathPrefix: 'ctx_' } },
      ['closed patient-missing'],
    ],
    ['the claim of the scopes', read, { smart: { scopeKey: 'scp' } }, ['closed scope-missing']],
    [
      'a claim that is broken now',
      { ...read, claims: { ...claims, profile: 'x' } },
      { smart: { fhirUserClaimPath: 'profile' } },
      ['closed identity-claim-malformed'],
    ],
    [
      'a rule that opens',
      { ...read, operation: 'vread' },
      { smart: { scopeRule: { patient: { read: ['read', 'search-type', 'vread'] } } } },
      ['opened scope-rule-excludes'],
    ],
    ['the FHIR version, without a difference', read, { fhirVersion: '5.0.0' }, []],
    [
      'a reason',
      { ...read, claims: { ...claims, scope: 'user/*.rs', fhirUser: 'Practitioner/1' }, resource: observation('p1') },
      { smart: { scopeRule: { user: { read: ['read'] } } } },
      ['opened scope-rule-excludes'],
    ],
    [
      'who is an admin',
      {
        ...read,
        claims: { ...claims, fhirUser: 'Person/1', scope: 'patient/*.rs user/*.rs' },
        resource: observation('p1'),
      },
      { smart: { scopeRule: { user: { read: ['read'] } } }, access: { adminAccessTypes: ['Person'] } },
      [],
    ],
    [
      'a query',
      {
        claims,
        operation: 'search-type',
        resourceType: 'Observation',
        query: [
          ['_count', '5'],
          ['ward', '3'],
        ],
      },
      { access: { customSearchParameters: ['ward'] } },
      ['opened query-parameter'],
    ],
  ] as const) {
    it(`sees a change of ${title}: ${expected.join(', ') || 'none'}`, async () => {
      expect(await kinds(request, change)).to.deep.equal(expected);
    });
  }

  it('compares Bundles entry by entry', async () => {
    const bundle = {
      resourceType: 'Bundle',
      type: 'searchset',
      entry: [
        { resource: observation('p1') },
        { resource: observation('p2') },
        { resource: { resourceType: 'Organization' } },
      ],
    };
    const request = { claims, operation: 'search-type', resourceType: 'Observation', bundle };
    const { stdout, exitCode } = await run([request], { access: { membership: { sharedTypes: ['Organization'] } } });
    expect(exitCode).to.equal(1);
    expect(stdout).to.match(/old: allow .*, 1 of 3 entries\n {2}new: allow .*, 2 of 3 entries\n/);
  });

  it('judges stored resources and patches', async () => {
    const scoped = { ...claims, scope: 'patient/*.cruds' };
    const patch = {
      claims: scoped,
      operation: 'patch',
      resourceType: 'Observation',
      id: 'o1',
      storedResource: observation('p1'),
      patch: [{ op: 'add', path: '/status', value: 'final' }],
    };
    const stolen = { ...patch, storedResource: observation('p2') };
    const change = { smart: { scopeRule: { patient: { write: ['patch'] } } } };
    expect(await kinds(patch, change)).to.deep.equal(['opened scope-rule-excludes']);
    // Refused by both: by the rule first, by the resource then.
    expect(await kinds(stolen, change)).to.deep.equal(['reason scope-rule-excludes not-referenced']);
  });

  it('counts reasons as alike unless it is asked to show them', async () => {
    const access = { adminAccessTypes: ['Person'] };
    const request = {
      ...read,
      claims: { ...claims, scope: 'user/*.rs', fhirUser: 'Patient/p1' },
      resource: observation('p1'),
    };
    const change = { smart: { scopeRule: { user: { read: ['read'] } } }, access };
    expect((await printed([request, request], change)).counts).to.include({ opened: 2 });
    const { changes, exitCode, counts } = await printed([{ ...read, resource: observation('p2') }], {
      access: { membership: { read: 'compartment' } },
    });
    expect(changes).to.deep.equal([]);
    expect(counts).to.include({ reason: 1 });
    expect(exitCode).to.equal(0);
  });

  it('takes SMARTConfigs by themselves, with the base URL from the command line', async () => {
    await writeFile(file('old.json'), JSON.stringify(smallest().smart));
    const stdin = `${JSON.stringify(read)}\n\n${JSON.stringify(read)}`;
    const argv = ['compare', '--requests', '-', file('old.json'), file('old.json')];
    const without = await commandLine(argv, { stdin });
    expect(without.exitCode).to.equal(2);
    expect(without.stderr).to.include('--base-url');
    const withIt = await commandLine([...argv, '--base-url', 'https://fhir.example.org'], { stdin });
    expect(withIt).to.include({ exitCode: 0, stdout: '2 requests, 2 decided alike\n' });
  });

  it('goes on after a line that it cannot read, says which, and repeats nothing of it', async () => {
    const lines = [
      '{"claims": {"scope": "hunter2"}',
      JSON.stringify({ ...read, operation: 'hunter2', token: 'x' }),
      JSON.stringify(read),
    ];
    const { unreadable, requests, exitCode } = await printed(lines.join('\n'), {});
    expect(exitCode).to.equal(3);
    expect(requests).to.equal(1);
    expect(unreadable.map(({ line, problem }) => `${line} ${problem}`)).to.deep.equal([
      '1 no JSON: at column 32, a comma or a closing brace is expected',
      '2 operation: must be a FHIR interaction, or an operation with its dollar sign; token: is no key that is known here',
    ]);
  });

  it('prints as many changes as it is told to', async () => {
    const { stdout } = await run(Array(7).fill(read), { smart: { scopeKey: 'scp' } }, '--limit', '2');
    expect(stdout.match(/^line /gm)).to.have.lengthOf(2);
    expect(stdout).to.include('and 5 more').and.to.include('7 closed');
  });

  it('says which file it misses', async () => {
    await run([], {});
    const argv = ['compare', file('old.json'), file('new.json'), '--requests', file('none.jsonl')];
    const { exitCode, stderr } = await commandLine(argv);
    expect(exitCode).to.equal(3);
    expect(stderr).to.include('ENOENT');
    expect((await commandLine(['compare', file('old.json'), file('new.json')])).exitCode).to.equal(2);
  });
});
