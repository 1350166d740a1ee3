import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import type { Browser, BrowserContext, Page, Request } from 'playwright-core';
import { DEMO_SETTINGS } from '../../src/explorer/demo.js';
import type { RunningExplorer } from '../../src/explorer/server.js';
import { serveExplorer } from '../../src/explorer/server.js';
import { chromiumPath, openChromium } from '../backend-services/browser/chromium.js';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const pictures = fileURLToPath(new URL('../../.cache/explorer/', import.meta.url));

/** A token for p1, signed by nobody. */
const TOKEN = [
  { alg: 'RS256', typ: 'at+jwt' },
  { scope: 'patient/Observation.rs', launch_response_patient: 'p1', fhirUser: 'Patient/p1', name: 'Zoë', tenant: 't1' },
]
  .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
  .concat('c2lnbmF0dXJlLW9mLW5vYm9keQ')
  .join('.');

describe('the page of the explorer, in Chromium', function () {
  this.timeout(60_000);
  let chromium: Browser;
  let explorer: RunningExplorer;
  let context: BrowserContext;
  let page: Page;
  let requests: Request[];
  let faults: string[];

  before(async function () {
    const path = chromiumPath();
    // Needs Debian's chromium: apt-get install chromium
    if (path === undefined) this.skip();
    mkdirSync(pictures, { recursive: true });
    explorer = await serveExplorer(DEMO_SETTINGS, { pages: new URL('../../src/explorer/page/', import.meta.url) });
    chromium = await openChromium(path);
  });
  after(() =>
    Promise.all([(chromium as Browser | undefined)?.close(), (explorer as RunningExplorer | undefined)?.close()]),
  );

  async function open(colorScheme: 'light' | 'dark' = 'light', fragment = '', width = 1280): Promise<void> {
    context = await chromium.newContext({ colorScheme, viewport: { width, height: 1000 } });
    page = await context.newPage();
    requests = [];
    faults = [];
    page.on('request', (request) => requests.push(request));
    page.on('pageerror', (error) => faults.push(error.message));
    page.on('console', (message) => {
      // A question that is answered with 400 is no fault of the page.
      if (message.type() === 'error' && !message.text().includes('400')) faults.push(message.text());
    });
    page.on('dialog', (dialog) => {
      faults.push(`dialog ${dialog.message()}`);
      void dialog.dismiss();
    });
    await page.goto(`${explorer.url}${fragment}`);
    await page.waitForSelector('.verdict, #decision .error');
  }
  afterEach(async () => {
    await context.close();
    expect(faults).to.deep.equal([]);
    const elsewhere = requests.filter((request) => !request.url().startsWith(explorer.url));
    expect(elsewhere.map((request) => request.url())).to.deep.equal([]);
  });

  const textOf = (selector: string): Promise<string> => page.locator(selector).innerText();

  /** Does something, and waits for the answer that it causes. */
  async function answered(act: () => Promise<unknown>): Promise<void> {
    const answer = page.waitForResponse((response) => response.url().endsWith('/api/answer'));
    await act();
    await (await answer).finished();
    // The page draws in the same turn in which it has read the answer.
    await page.waitForTimeout(50);
  }

  async function violations(): Promise<string[]> {
    await page.evaluate(axe);
    return page.evaluate(async () => {
      const { axe: tester } = globalThis as unknown as {
        axe: { run: () => Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
      };
      const found = await tester.run();
      return found.violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
    });
  }

  for (const scheme of ['light', 'dark'] as const) {
    it(`is accessible, in ${scheme} (axe), allowed, refused and with a Bundle`, async () => {
      await open(scheme);
      expect(await textOf('.verdict')).to.equal('✓ Allowed');
      await page.screenshot({ path: `${pictures}allowed-${scheme}.png`, fullPage: true });
      expect(await violations()).to.deep.equal([]);
      await answered(() => page.selectOption('#example', '3'));
      expect(await textOf('.verdict')).to.equal('✕ Refused');
      await page.click('#more-claims summary');
      await page.fill('#claims', '{');
      await page.waitForSelector('#claims[aria-invalid=true]');
      await page.screenshot({ path: `${pictures}refused-${scheme}.png`, fullPage: true });
      expect(await violations()).to.deep.equal([]);
      await page.fill('#claims', '');
      await answered(() => page.selectOption('#example', '4'));
      await answered(() => page.selectOption('#identity', '5'));
      await page.screenshot({ path: `${pictures}bundle-${scheme}.png`, fullPage: true });
      expect(await violations()).to.deep.equal([]);
    });
  }

  it('fits a telephone', async () => {
    await open('dark', '', 390);
    const width = await page.evaluate('document.documentElement.scrollWidth');
    expect(width).to.be.at.most(390);
    await page.screenshot({ path: `${pictures}telephone.png`, fullPage: true });
  });

  it('needs no scrolling in two directions, at four times the size (WCAG 2.2, 1.4.10), whatever the names', async () => {
    await open('light', '', 320);
    const long = 'x'.repeat(300);
    await answered(() => page.fill('#scopes', `patient/*.rs patient/${long}.rs ${long}`));
    await answered(() => page.selectOption('#operation', 'batch'));
    const entry = [{ request: { method: 'GET', url: `Patient/${long}` }, resource: { resourceType: long } }];
    await answered(() => page.fill('#resource', JSON.stringify({ resourceType: 'Bundle', type: 'batch', entry })));
    await page.click('#entries button');
    await page.screenshot({ path: `${pictures}narrow.png`, fullPage: true });
    expect(await page.evaluate('document.documentElement.scrollWidth')).to.be.at.most(320);
    expect(await violations()).to.deep.equal([]);
  });

  it('lights the reference that carried the decision, and that one only', async () => {
    await open();
    expect(await page.locator('#lit mark').allInnerTexts()).to.deep.equal([
      '  "subject": {',
      '    "reference": "Patient/p1"',
      '  },',
    ]);
    await answered(() => page.selectOption('#example', '2'));
    const lit = await page.locator('#lit mark').allInnerTexts();
    expect(lit.join(''))
      .to.include('Patient/p1')
      .and.not.to.match(/Practitioner|RelatedPerson/);
    await answered(() => page.selectOption('#example', '1'));
    expect(await page.locator('#lit mark').allInnerTexts()).to.deep.equal(['  "id": "p1",']);
    await answered(() => page.selectOption('#example', '3'));
    expect(await page.locator('#lit mark').count()).to.equal(0);
    expect(await textOf('#decision'))
      .to.include('The nearest grant')
      .and.to.include('not-referenced');
  });

  it('works by keyboard alone', async () => {
    await open();
    await page.keyboard.press('Tab');
    expect(await page.evaluate('document.activeElement.textContent')).to.equal('Skip to the decision');
    await page.keyboard.press('Enter');
    expect(await page.evaluate('document.activeElement.id')).to.equal('result');
    const reached = new Set<string>();
    await page.evaluate('document.activeElement.blur()');
    for (let step = 0; step < 40; step += 1) {
      await page.keyboard.press('Tab');
      reached.add(await page.evaluate<string>('document.activeElement.id || document.activeElement.tagName'));
    }
    for (const id of [
      'identity',
      'scopes',
      'fhirUser',
      'patient',
      'SUMMARY',
      'example',
      'operation',
      'resource',
      'copy',
      'lit',
      'matrix',
    ]) {
      expect([...reached]).to.include(id);
    }
    await page.focus('#scopes');
    await page.keyboard.press('Control+A');
    await answered(() => page.keyboard.type('patient/Patient.r'));
    await page.waitForSelector('.verdict.deny');
    expect(await textOf('#decision')).to.include('scope-other-type');
  });

  it('shows each entry of a Bundle, and lights what counted in the one that is looked at', async () => {
    await open();
    await answered(() => page.selectOption('#example', '4'));
    const entries = await page.locator('#entries li').allInnerTexts();
    expect(entries.map((text) => /✓ shown|✕ left out/.exec(text)?.[0])).to.deep.equal([
      '✓ shown',
      '✓ shown',
      '✓ shown',
      '✕ left out',
    ]);
    await page.click('#entries li:nth-child(3) button');
    expect(await page.locator('#lit mark').count()).to.be.greaterThan(0);
    expect(await page.evaluate('document.activeElement.id')).to.equal('lit');
  });

  it('draws what the scopes open', async () => {
    await open();
    await answered(() => page.fill('#scopes', 'patient/Observation.rs?category=laboratory user/*.c system/*.d'));
    const row = page.locator('tbody tr', { hasText: 'Observation' });
    expect(await row.locator('td.granular').count()).to.equal(2);
    expect(await row.locator('td.open').count()).to.equal(2);
    await answered(() => page.fill('#fhirUser', ''));
    expect(await row.locator('td.nobody').count()).to.equal(1);
    expect(await row.locator('td').first().innerText()).to.equal('closed');
  });

  it('decodes a token in the page, forgets it, and sends none of it', async () => {
    await open();
    await page.click('#more-claims summary');
    for (const field of ['#token', '#scopes', '#claims']) {
      await answered(() => page.fill(field, `Bearer ${TOKEN}`));
      expect(await page.inputValue('#scopes')).to.equal('patient/Observation.rs');
      expect(await page.inputValue('#patient')).to.equal('p1');
      expect(JSON.parse(await page.inputValue('#claims'))).to.deep.equal({ name: 'Zoë', tenant: 't1' });
      expect(await page.inputValue('#token')).to.equal('');
    }
    // Even where no token belongs.
    await answered(() => page.fill('#resource', JSON.stringify({ resourceType: 'Observation', note: TOKEN })));
    await page.check('#with-resource');
    await answered(() => page.fill('#fhirUser', TOKEN));
    const sent = requests.map(
      (request) => `${request.url()} ${request.postData() ?? ''} ${JSON.stringify(request.headers())}`,
    );
    expect(sent.join()).to.include('"tenant":"t1"');
    expect(sent.join()).not.to.match(/eyJ|c2lnbmF0dXJl/);
    const [, fragment = ''] = page.url().split('#');
    expect(Buffer.from(fragment, 'base64url').toString()).not.to.match(/eyJ|tenant|Zoë/);
    expect(await page.evaluate('JSON.stringify({ ...localStorage, ...sessionStorage }) + document.cookie')).to.equal(
      '{}',
    );
  });

  it('says what is wrong with a token', async () => {
    await open();
    await page.click('#more-claims summary');
    for (const [token, problem] of [
      ['2YotnFZFEjr1zCsicMWpAA', 'no JSON Web Token'],
      ['eyJhbGciOiJub25lIn0.eyJ.x', 'cannot be decoded'],
      [`eyJhbGciOiJub25lIn0.${Buffer.from('[1]').toString('base64url')}.x`, 'holds no claims'],
    ] as const) {
      await page.fill('#token', token);
      expect(await textOf('#claims-error')).to.include(problem);
    }
  });

  it('carries its state in the link, and comes back by it', async () => {
    await open();
    await answered(() => page.fill('#scopes', 'user/*.rs'));
    await answered(() => page.fill('#fhirUser', 'Practitioner/dr-1'));
    await answered(() => page.selectOption('#operation', 'search-type'));
    await answered(() => page.fill('#query', 'subject:Patient.name=x&_count=5'));
    const link = page.url();
    expect(requests.every((request) => !request.url().includes('#'))).to.equal(true);
    await page.goto('about:blank');
    await page.goto(link);
    await page.waitForSelector('.verdict');
    expect(await page.inputValue('#scopes')).to.equal('user/*.rs');
    expect(await page.inputValue('#fhirUser')).to.equal('Practitioner/dr-1');
    expect(await page.inputValue('#operation')).to.equal('search-type');
    expect(await page.inputValue('#query')).to.equal('subject:Patient.name=x&_count=5');
    requests = requests.filter((request) => request.url() !== 'about:blank');
  });

  it('leaves resources out of the link until it is told to put them in', async () => {
    await open();
    await answered(() => page.fill('#resource', '{"resourceType":"Observation","id":"secret-finding"}'));
    const decoded = (): string => Buffer.from(page.url().split('#')[1] ?? '', 'base64url').toString();
    expect(decoded()).not.to.include('secret-finding');
    await answered(() => page.check('#with-resource'));
    expect(decoded()).to.include('secret-finding');
  });

  it('takes a link of somebody else’s for texts, whatever is in it', async () => {
    const hostile = {
      scopes: '<img src=x onerror=alert(1)>',
      fhirUser: '"><script>alert(2)</script>',
      patient: { toString: 'x' },
      operation: 'javascript:alert(3)',
      __proto__: { polluted: 'yes' },
      constructor: 'x',
      resource: '{"resourceType":"<svg onload=alert(4)>","id":"</textarea><script>alert(5)</script>"}',
    };
    for (const text of [JSON.stringify(hostile), 'null', '[]', '{"scopes":', 'x'.repeat(1000)]) {
      await open('light', `#${Buffer.from(text).toString('base64url')}`);
      expect(await page.locator('#result img, #result script, #result svg').count()).to.equal(0);
      expect(await page.evaluate('({}).polluted')).to.equal(undefined);
      if (text === 'null') expect(await page.inputValue('#scopes')).to.include('patient/*.rs');
      expect(faults).to.deep.equal([]);
      await context.close();
    }
    await open('light', '#%%%');
    expect(await textOf('.verdict')).to.equal('✓ Allowed');
  });

  it('shows bad JSON as an error, and hostile strings as text', async () => {
    await open();
    await page.fill('#resource', '{"resourceType": "Observation",}');
    await page.waitForSelector('#resource[aria-invalid=true]');
    expect(await textOf('#resource-error')).to.match(/^Not valid JSON: /);
    expect(await textOf('#decision')).to.equal('A field cannot be read; it says why.');
    expect(await page.locator('#lit').isVisible()).to.equal(false);
    const hostile = '<img src=x onerror=alert(1)><script>alert(2)</script>\u202e';
    const resource = {
      resourceType: 'Observation',
      id: hostile,
      [hostile]: hostile,
      subject: { reference: 'Patient/p1' },
    };
    await answered(() => page.fill('#resource', JSON.stringify(resource)));
    expect(await page.getAttribute('#resource', 'aria-invalid')).to.equal('false');
    expect(await textOf('#lit')).to.include('<img src=x onerror=alert(1)>');
    await answered(() => page.fill('#scopes', `${hostile} patient/*.rs?${hostile}=x patient/${hostile}.rs`));
    await answered(() => page.fill('#fhirUser', hostile));
    expect(await page.locator('#result img, #result script').count()).to.equal(0);
    expect(await textOf('#matrix')).to.include('onerror');
    await answered(() => page.fill('#resourceType', hostile));
    expect(await textOf('#decision')).to.include('Refused');
  });

  it('shows hostile claims, names of entries and URLs as text, and stays accessible with them', async () => {
    await open('dark');
    const hostile = '<img src=x onerror=alert(1)>';
    await page.click('#more-claims summary');
    const claims = { iss: hostile, [hostile]: hostile, 'https://x/</script>': { 'a<b>': hostile } };
    await answered(() => page.fill('#claims', JSON.stringify(claims)));
    expect(await textOf('#decision'))
      .to.include('Refused')
      .and.to.include('ERR_TOKEN_ISSUER');
    await answered(() => page.fill('#claims', ''));
    await answered(() => page.selectOption('#operation', 'batch'));
    const entry = [
      { request: { method: 'GET', url: `Observation?code=${hostile}` } },
      { request: { method: hostile, url: hostile }, resource: { resourceType: hostile, id: hostile } },
      { request: { method: 'GET', url: 'Patient/p1' } },
      null,
      hostile,
    ];
    await answered(() => page.fill('#resource', JSON.stringify({ resourceType: 'Bundle', type: 'batch', entry })));
    expect(await textOf('#resource-label')).to.equal('Bundle as it is sent, as JSON');
    const fates = await page.locator('#entries li').allInnerTexts();
    expect(fates.map((text) => /✓ passes|✕ refused/.exec(text)?.[0])).to.deep.equal([
      '✕ refused',
      '✕ refused',
      '✓ passes',
      '✕ refused',
      '✕ refused',
    ]);
    expect(fates[1]).to.include(hostile);
    expect(await page.locator('#result img, #result script').count()).to.equal(0);
    // There is something to look at in one of them only.
    expect(await page.locator('#entries button').count()).to.equal(1);
    await page.focus('#entries button');
    await page.keyboard.press('Enter');
    expect(await page.evaluate('document.activeElement.id')).to.equal('lit');
    expect(await textOf('#lit')).to.include('onerror');
    await page.screenshot({ path: `${pictures}batch-dark.png`, fullPage: true });
    expect(await violations()).to.deep.equal([]);
  });

  it('tells which types an export may write out, at each level', async () => {
    await open();
    await answered(() => page.selectOption('#identity', '4'));
    await answered(() => page.selectOption('#operation', 'export of all'));
    expect(await textOf('#decision'))
      .to.include('Refused')
      .and.to.include('scope-not-for-export');
    expect(await page.isVisible('#resource')).to.equal(false);
    await answered(() => page.fill('#resourceType', 'Patient, Observation'));
    expect(await textOf('#decision'))
      .to.include('✓ Allowed')
      .and.to.include('Types that may be written out: Observation, Patient');
    // Who asks is nobody, as soon as the claims are one's own.
    await answered(() => page.fill('#scopes', 'system/*.rs'));
    expect(await textOf('#decision')).to.include('identity-malformed');
    await page.click('#more-claims summary');
    await answered(() => page.fill('#claims', '{"sub": "app"}'));
    await answered(() => page.fill('#resourceType', ''));
    await answered(() => page.selectOption('#operation', 'export of a Group'));
    expect(await textOf('#decision')).to.match(/written out: \w+.*, and \d+ more/);
    expect(await violations()).to.deep.equal([]);
  });

  it('names in each cell of the table the scopes that open it, for those who hear it', async () => {
    await open();
    await answered(() => page.fill('#scopes', 'patient/Patient.r patient/*.rs'));
    const cells = await page.locator('tbody tr', { hasText: 'Patient' }).locator('td .spoken').allInnerTexts();
    expect(cells[1]).to.include('by patient/Patient.r, patient/*.rs');
    expect(cells[0]).to.equal('closed');
  });

  it('says for which entry a transaction is refused', async () => {
    await open();
    await answered(() => page.fill('#scopes', 'patient/*.cruds'));
    await answered(() => page.selectOption('#operation', 'transaction'));
    const observation = (patient: string): object => ({
      request: { method: 'POST', url: 'Observation' },
      resource: { resourceType: 'Observation', subject: { reference: `Patient/${patient}` } },
    });
    const entry = [observation('p1'), observation('p2')];
    await answered(() =>
      page.fill('#resource', JSON.stringify({ resourceType: 'Bundle', type: 'transaction', entry })),
    );
    expect(await textOf('#decision')).to.include('Because of entry 2: a transaction is refused whole.');
    await page.click('#entries li:nth-child(1) button');
    expect((await page.locator('#lit mark').allInnerTexts()).join('')).to.include('Patient/p1');
    await page.screenshot({ path: `${pictures}transaction-light.png`, fullPage: true });
    expect(await violations()).to.deep.equal([]);
  });

  it('survives huge and deep input, says so, and goes on', async () => {
    await open();
    const large = JSON.stringify({ resourceType: 'Observation', note: 'x'.repeat(6 * 1024 * 1024) });
    await page.fill('#resource', large);
    await page.waitForSelector('#decision .error');
    expect(await textOf('#decision')).to.match(/larger than 5242880 bytes/);
    expect(await page.locator('#lit').isVisible()).to.equal(false);
    await answered(() => page.fill('#resource', `${'['.repeat(5000)}${']'.repeat(5000)}`));
    expect(await textOf('#decision')).to.include('no JSON that is read alike everywhere');
    const name = (at: number): string =>
      `Type${String(at).replace(/\d/g, (digit) => 'ABCDEFGHIJ'[Number(digit)] ?? '')}`;
    const scopes = Array.from({ length: 5000 }, (_, at) => `patient/${name(at)}.rs`).join(' ');
    await answered(() => page.fill('#resource', '{"resourceType":"Patient","id":"p1"}'));
    await answered(() => page.fill('#scopes', scopes));
    expect(await page.locator('#matrix tbody tr').count()).to.equal(200);
    expect(await textOf('#matrix')).to.include('… and 4800 more types');
    await answered(() => page.fill('#scopes', 'patient/*.rs'));
    expect(await textOf('.verdict')).to.equal('✓ Allowed');
  });

  it('tells those who hear the page what has changed, once', async () => {
    await open();
    const names = await page.evaluate(() => {
      interface Found {
        readonly getAttribute: (name: string) => string | null;
        readonly id: string;
      }
      const { document: page_ } = globalThis as unknown as { document: { querySelectorAll: (s: string) => Found[] } };
      return [...page_.querySelectorAll('[role=status], [role=alert], [aria-live]')].map(
        (each) => `${each.id} ${each.getAttribute('role') ?? ''}`,
      );
    });
    expect(names).to.have.members([
      'claims-error alert',
      'resource-error alert',
      'stored-error alert',
      'copied status',
      'decision status',
    ]);
    // A field that is wrong is named with its complaint, and can be reached from it.
    await page.fill('#resource', '{');
    await page.waitForSelector('#resource[aria-invalid=true]');
    const snapshot = await page.locator('#resource').ariaSnapshot();
    expect(snapshot).to.include('Resource or Bundle, as JSON');
    expect(await page.getAttribute('#resource', 'aria-describedby')).to.equal('resource-error');
  });

  it('refuses to run what is put into it all the same', async () => {
    await open();
    const blocked = await page.evaluate(() => {
      const { document: page_ } = globalThis as unknown as { document: { body: { innerHTML: string } } };
      try {
        page_.body.innerHTML = '<img src=x onerror=alert(1)>';
        return 'it was put in';
      } catch (error) {
        return (error as Error).name;
      }
    });
    expect(blocked).to.equal('TypeError');
    faults = faults.filter((fault) => !fault.includes('TrustedHTML'));
  });

  it('says so when its server is gone', async () => {
    const other = await serveExplorer(DEMO_SETTINGS, { pages: new URL('../../src/explorer/page/', import.meta.url) });
    await open();
    await page.goto(other.url);
    await page.waitForSelector('.verdict');
    await other.close();
    await page.fill('#scopes', 'user/*.rs');
    await page.waitForSelector('#decision .error');
    expect(await textOf('#decision')).to.include('does not answer');
    requests = [];
    faults = faults.filter((fault) => !fault.includes('ERR_CONNECTION'));
  });
});
