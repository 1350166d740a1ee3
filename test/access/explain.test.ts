import { expect } from 'chai';
import type { Decision } from '../../src/access/decision.js';
import { deny } from '../../src/access/decision.js';
import { explainDecision } from '../../src/access/explain.js';
import type { DenyReason } from '../../src/access/reason.js';

describe('access/explain: decisions as text', () => {
  const allowed = (rest: Partial<Extract<Decision, { decision: 'allow' }>>): Decision => ({
    decision: 'allow',
    code: 'referenced',
    reasons: [],
    ...rest,
  });
  const cases: readonly [decision: () => Decision, text: string][] = [
    [
      () => allowed({ grant: { scope: 'patient/*.rs', level: 'patient', identity: 'Patient/p1' }, path: 'subject' }),
      'Allowed by patient/*.rs for Patient/p1: the resource refers to the identity (at subject).',
    ],
    [
      () => allowed({ code: 'system', grant: { scope: 'system/*.rs', level: 'system' } }),
      'Allowed by system/*.rs: the scope is a system scope.',
    ],
    [() => allowed({ code: 'job-owner' }), 'Allowed: the job belongs to the caller.'],
    [
      () =>
        deny(
          { code: 'not-referenced', scope: 'patient/*.u', resourceType: 'Observation', state: 'stored' },
          { code: 'query-parameter', name: '_filter' },
          { code: 'scope-constraint-unsupported', scope: 'user/*.r?x=1', resourceType: 'Patient', name: 'x' },
          { code: 'patch-unusable' },
          { code: 'id-mismatch', state: 'result' },
        ),
      [
        'Refused:',
        '- patient/*.u: the resource does not refer to the identity (Observation, stored state) [not-referenced]',
        '- the query parameter would reveal what no scope covers (_filter) [query-parameter]',
        '- user/*.r?x=1: its granular part cannot be evaluated, so it grants nothing (Patient, x) [scope-constraint-unsupported]',
        '- the patch cannot be applied [patch-unusable]',
        '- the resource bears another id than the request (result state) [id-mismatch]',
      ].join('\n'),
    ],
  ];
  for (const [decision, text] of cases) {
    it(text.split('\n')[1] ?? text, () => {
      expect(explainDecision(decision())).to.equal(text);
    });
  }
});

describe('access/decision: what a refusal carries', () => {
  const reasonOf = (reason: DenyReason) => deny(reason).reasons[0];

  it('is cut to 256 characters a name, whatever a request or a token said', () => {
    const long = 'x'.repeat(10_000);
    const cut = 'x'.repeat(256);
    expect(reasonOf({ code: 'scope-unparsable', scope: long, name: long, resourceType: long })).to.deep.equal({
      code: 'scope-unparsable',
      scope: cut,
      name: cut,
      resourceType: cut,
    });
    expect(reasonOf({ code: 'operation-unknown', name: cut })).to.have.property('name', cut);
  });

  it('is the kind of what should have been a text, and nothing that a caller added', () => {
    const hostile = { code: 'operation-unknown', name: { secret: 1 }, scope: 7, resource: 'secret' };
    expect(reasonOf(hostile as unknown as DenyReason)).to.deep.equal({
      code: 'operation-unknown',
      name: '(object)',
      scope: '(number)',
    });
  });
});
