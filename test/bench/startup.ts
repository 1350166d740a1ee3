// What it costs to start: import and construct, in fresh processes that take turns.
import { execFileSync } from 'node:child_process';
import type { Result } from './result.js';
import { timed } from './result.js';
import type { Effort } from './rounds.js';
import { comparisonOf } from './rounds.js';

const time = (work: string): string => `
const cpu = () => { const { user, system } = process.cpuUsage(); return user + system; };
const start = cpu();
${work}
process.stdout.write(String(cpu() - start));`;

export function startupRows({ rounds }: Effort): Result[] {
  const library = new URL('../../src/index.js', import.meta.url).href;
  const jose = import.meta.resolve('jose');
  const config = JSON.stringify({
    version: 1,
    scopeKey: 'scope',
    expectedAudValue: 'https://fhir.example.org',
    expectedIssValue: 'https://idp.example.org',
    fhirUserClaimPath: 'fhirUser',
    launchContextPathPrefix: 'launch_response_',
    jwksEndpoint: 'https://idp.example.org/jwks',
  });
  const sides = [
    time(`const { SMARTHandler, FULL_RULE } = await import('${library}');
const scopeRule = { patient: FULL_RULE, user: FULL_RULE, system: FULL_RULE };
new SMARTHandler({ ...${config}, scopeRule }, 'https://fhir.example.org', '4.0.1');`),
    time(`const { createRemoteJWKSet } = await import('${jose}');
createRemoteJWKSet(new URL('https://idp.example.org/jwks'));`),
  ];
  const times: number[][] = sides.map(() => []);
  for (let round = -1; round < rounds; round += 1) {
    sides.forEach((script, side) => {
      const output = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
      if (round >= 0) times[side]!.push(Number(output));
    });
  }
  return [timed('startup', 'import and construct', 'import of jose', comparisonOf(times), { must: 2, aim: 1.3 })];
}
