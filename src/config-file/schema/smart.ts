import { z } from 'zod';
import { INTERACTIONS } from '../../fhir/interactions.js';
import type { Texts } from './text.js';
import { bounded } from './token.js';

/** `smart`: a SMARTConfig, with a notation for what JSON lacks. src/config.ts has the last word on it. */
export function smartSection(texts: Texts) {
  const { text, url, headers } = texts;
  const interactions = z.array(z.enum(INTERACTIONS, { error: `must be one of ${INTERACTIONS.join(', ')}` }), {
    error: 'must be a list of interactions',
  });
  const access = z
    .strictObject({
      read: interactions.meta({ description: 'What the word read allows; with *, both lists.' }).optional(),
      write: interactions.meta({ description: 'What the word write allows; with *, both lists.' }).optional(),
    })
    .meta({ id: 'AccessRule', description: 'What the words read and write allow at this level.' });

  return z.strictObject({
    version: z.literal(1, { error: 'must be 1' }).meta({ description: 'Version of this shape.' }),
    scopeKey: text.meta({ description: 'The claim that holds the scopes: scope or scp.' }),
    scopeRule: z
      .strictObject({
        patient: access.meta({ description: 'For scopes that lend a patient’s access.' }).optional(),
        user: access.meta({ description: 'For scopes that lend a user’s access.' }).optional(),
        system: access.meta({ description: 'For scopes without a person behind them.' }).optional(),
      })
      .meta({ description: 'What the words of scopes allow. A level that is missing grants nothing.' }),
    expectedAudValue: audience(texts).meta({ description: 'The audience that tokens must name: this server.' }),
    expectedIssValue: text.meta({
      description: 'The issuer that tokens must come from; compared exactly, trailing slash included.',
    }),
    fhirUserClaimPath: text.meta({ description: 'Path of the claim that names the user: fhirUser, ext.fhirUser.' }),
    launchContextPathPrefix: z.union([z.literal(''), text]).meta({
      description: 'What the claims of the launch context begin with: launch_response_; empty for patient itself.',
    }),
    jwksEndpoint: url
      .meta({ description: 'Where the authorization server publishes its keys. This or tokenIntrospection.' })
      .optional(),
    jwksHeaders: headers.meta({ description: 'Headers to send when the keys are fetched.' }).optional(),
    tokenIntrospection: z
      .strictObject({
        clientId: text.meta({ description: 'The client id with which this server authenticates there.' }),
        clientSecret: text.meta({ description: 'Its secret. Best kept in the environment: {"env": "NAME"}.' }),
        introspectUrl: url.meta({ description: 'The introspection endpoint (RFC 7662).' }),
        timeoutMs: bounded(1, 60_000, 'How long to wait for an answer, in milliseconds. Default 5000.'),
        vouchesForAudience: z
          .boolean()
          .meta({ description: 'Accept a token without an audience, because this server is asked. Default false.' })
          .optional(),
      })
      .meta({ description: 'Ask the authorization server about each token (RFC 7662).' })
      .optional(),
  });
}

/** A text, several of which any will do, or an expression: `{"pattern": "^https://…$"}`. */
function audience({ text, list }: Texts) {
  const expression = z
    .strictObject({
      pattern: z.string().min(1, 'must not be empty').meta({
        format: 'regex',
        description: 'A regular expression of JavaScript; anchor it with ^ and $.',
      }),
      flags: z
        .string()
        .regex(/^(?!.*(.).*\1)[imsu]*$/, 'must be among the flags i, m, s and u, each at most once')
        .meta({ description: 'Its flags: i, m, s or u.' })
        .optional(),
    })
    .transform(({ pattern, flags }, context) => {
      try {
        return new RegExp(pattern, flags);
      } catch {
        context.addIssue({ code: 'custom', message: 'is no regular expression', path: ['pattern'], input: undefined });
        return z.NEVER;
      }
    });
  return z.union([text, list.min(1, 'must not be an empty list'), expression], {
    error: 'must be a string, a list of strings, or {"pattern": "^…$"} for a regular expression',
  });
}
