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

  it('tells which entry of a transaction, and which of a batch, fares differently', async () => {
    const scoped = { ...claims, scope: 'patient/*.cruds' };
    const entries = ['p1', 'p2', 'p1'].map((patient, at) => ({
      operation: at === 0 ? 'read' : 'create',
      resourceType: 'Observation',
      resource: observation(patient),
    }));
    const write = ['create', 'batch', 'transaction'];
    const lines = [
      { claims: scoped, operation: 'batch', entries },
      { claims: scoped, operation: 'transaction', entries: [entries[0], entries[2]] },
      { claims: scoped, operation: 'transaction', entries },
    ];
    const whole = ['read', 'search-type'];
    const { stdout, exitCode } = await run(lines, {
      smart: { scopeRule: { patient: { read: whole, write } } },
    });
    expect(exitCode).to.equal(1);
    // Without a rule that knows them, neither is allowed at all.
    expect(stdout.match(/opened$/gm)).to.have.lengthOf(2);
    expect(stdout).to.include('line 1  batch of 3 entries  opened');
    const rule = (types: readonly string[]): object => ({
      smart: { scopeRule: { patient: { read: whole, write: types } } },
    });
    await writeFile(file('narrow.json'), JSON.stringify(merge(smallest(), rule(['batch', 'transaction']))));
    await writeFile(file('wide.json'), JSON.stringify(merge(smallest(), rule(write))));
    const argv = ['compare', '--requests', file('requests.jsonl'), file('narrow.json'), file('wide.json')];
    const { stdout: told } = await commandLine([...argv, '--reasons']);
    expect(told).to.include(
      [
        'line 1  batch of 3 entries  entries',
        '  old: allow scope-covers by patient/*.cruds for Patient/p1, 1 of 3 entries',
        '  new: allow scope-covers by patient/*.cruds for Patient/p1, 2 of 3 entries',
        '  entry 3: old deny scope-rule-excludes [patient/*.cruds]; new allow referenced by patient/*.cruds for Patient/p1 at subject',
        'line 2  transaction of 2 entries  opened',
        '  old: deny scope-rule-excludes [patient/*.cruds], for entry 2',
        '  new: allow scope-covers by patient/*.cruds for Patient/p1',
        // Refused by both, for the same entry: the other reason is none that changes anything.
        'line 3  transaction of 3 entries  reason',
        '  old: deny scope-rule-excludes [patient/*.cruds], for entry 2',
        '  new: deny not-referenced [patient/*.cruds], for entry 2',
        '',
      ].join('\n'),
    );
  });

  it('compares exports by their level, and by the types that they may write out', async () => {
    const start = (exportType: string, more: object = {}): object => ({
      claims: { ...claims, sub: 'x', scope: 'system/*.rs' },
      operation: '$export',
      bulkDataAuth: { operation: 'initiate-export', exportType },
      ...more,
    });
    const system = { read: ['read', 'search-type'], write: [] };
    const lines = [start('patient'), start('group', { types: ['Patient'] }), start('system')];
    const old = { smart: { scopeRule: { system } } };
    await run(lines, merge({ access: { patientExport: true } }, old));
    await writeFile(file('old.json'), JSON.stringify(merge(smallest(), old)));
    const argv = ['compare', '--requests', file('requests.jsonl'), file('old.json'), file('new.json')];
    const { stdout } = await commandLine(argv);
    expect(stdout).to.include('line 1  $export (initiate-export, patient)  opened').and.to.include('2 decided alike');
    await writeFile(file('new.json'), JSON.stringify(merge(smallest(), old, { fhirVersion: '5.0.0' })));
    const versions = await commandLine(argv);
    expect(versions.stdout).to.match(
      /line 3 {2}\$export \(initiate-export, system\) {2}types\n.*, \d+ types\n.*, \d+ types/,
    );
    expect(versions.stdout).to.include('1 types: the export may write out other types');
  });

  it('compares what tokens are taken, as far as their claims are known', async () => {
    const lines = [
      { refused: 'ERR_TOKEN_AUDIENCE', claims: { ...claims, aud: 'https://new.example' } },
      { refused: 'ERR_TOKEN_AUDIENCE', ...read, claims: { ...claims, aud: 'https://new.example' } },
      { refused: 'ERR_TOKEN_EXPIRED' },
      { refused: 'ERR_TOKEN_SIGNATURE', operation: 'read', resourceType: 'Patient' },
    ];
    const { stdout } = await run(lines, { smart: { expectedAudValue: 'https://new.example' } });
    expect(stdout).to.equal(
      [
        'line 1  token  opened',
        '  old: deny token-invalid (ERR_TOKEN_AUDIENCE)',
        '  new: the token is accepted; what was asked with it is not recorded',
        'line 2  read Observation/o1  opened',
        '  old: deny token-invalid (ERR_TOKEN_AUDIENCE)',
        '  new: allow scope-covers by patient/*.rs for Patient/p1',
        '',
        '4 requests, 2 decided alike',
        '  2 opened: refused before, allowed now',
        '',
      ].join('\n'),
    );
  });

  it('says under which base URL a request came', async () => {
    const baseUrl = 'https://fhir.example.org/tenant/a';
    const { stdout } = await run([{ ...read, baseUrl }], { smart: { expectedIssValue: 'https://x' } });
    expect(stdout).to.include(`line 1  read Observation/o1 at ${baseUrl}  closed`);
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
    const secret = 'kJ8sQ2vX9dLm4TzR7bWy1NcF6hGp3AeU';
    const given = await commandLine([...argv.slice(0, -1), file(secret)]);
    expect([given.exitCode, given.stderr.includes(secret)]).to.deep.equal([3, false]);
    expect((await commandLine(['compare', file('old.json'), file('new.json')])).exitCode).to.equal(2);
  });
});
