import { types } from 'node:util';
import { normalizeBaseUrl } from '../../identity/fhir-url.js';
import type { Advice, Advisor } from './advice.js';

const KEY = 'smart.expectedAudValue';

/** Whose tokens are taken: RFC 9068 §4 and RFC 8725 §3.9 want the audience to be this server and no other. */
export const adviseOnAudience: Advisor = ({ settings: { smart, baseUrl } }) => {
  const { expectedAudValue } = smart;
  const advice = types.isRegExp(expectedAudValue) ? onExpression(expectedAudValue) : onTexts(expectedAudValue, baseUrl);
  if (smart.tokenIntrospection?.vouchesForAudience !== true) return advice;
  return [
    ...advice,
    {
      code: 'audience-vouched',
      level: 'warning',
      key: 'smart.tokenIntrospection.vouchesForAudience',
      reason: 'a token without any audience is accepted if the introspection server calls it active',
      remedy: 'make sure that the server calls only those tokens active that are meant for this server, or turn it off',
    },
  ];
};

function onTexts(expected: string | readonly string[], baseUrl: string | undefined): readonly Advice[] {
  const audiences = typeof expected === 'string' ? [expected] : expected;
  const advice: Advice[] = [];
  if (audiences.length > 1) {
    advice.push({
      code: 'audience-several',
      level: 'note',
      key: KEY,
      reason: `tokens for any of ${audiences.length} audiences are accepted, so that who holds a token for one may use it at the others`,
      remedy: 'list only names of this one server',
    });
  }
  if (baseUrl !== undefined && !audiences.some((each) => normalizeBaseUrl(each) === normalizeBaseUrl(baseUrl))) {
    advice.push({
      code: 'audience-not-base-url',
      level: 'note',
      key: KEY,
      reason: 'the audience is not baseUrl, which is what SMART apps ask for (SMART App Launch 2.2, parameter aud)',
      remedy: 'check that the authorization server puts this very text into its tokens',
    });
  }
  return advice;
}

function onExpression(expression: RegExp): readonly Advice[] {
  const advice: Advice[] = [];
  if (!isAnchored(expression)) {
    advice.push({
      code: 'audience-unanchored',
      level: 'danger',
      key: KEY,
      reason: 'the expression may match a part of another audience: one that only contains the name of this server',
      remedy: 'begin each alternative with ^, end it with $ and leave out the flag m; better, list the audiences',
    });
  }
  if (/(?<!\\)[.][*+]/.test(expression.source)) {
    advice.push({
      code: 'audience-wildcard',
      level: 'danger',
      key: KEY,
      reason: 'the expression has a .* or .+ in it, which also stands for slashes, dots and other hosts',
      remedy: 'say which characters may stand there: [a-z0-9-]+ for a name',
    });
  } else if (/[a-z0-9](?<!\\)\.[a-z]/i.test(expression.source)) {
    advice.push({
      code: 'audience-dot',
      level: 'warning',
      key: KEY,
      reason: 'a dot in the expression stands for any character, so that other hosts match as well',
      remedy: 'write \\. for a dot, which is \\\\. in JSON',
    });
  }
  return advice;
}

/** Whether every alternative is bound to both ends. */
function isAnchored({ source, multiline }: RegExp): boolean {
  return (
    !multiline && alternativesOf(source).every((each) => each.startsWith('^') && /(?:^|[^\\])(?:\\\\)*\$$/.test(each))
  );
}

/** The alternatives of the outermost level. */
function alternativesOf(source: string): string[] {
  const alternatives: string[] = [];
  let depth = 0;
  let inClass = false;
  let start = 0;
  for (let at = 0; at < source.length; at += 1) {
    const character = source[at];
    if (character === '\\') at += 1;
    else if (inClass) inClass = character !== ']';
    else if (character === '[') inClass = true;
    else if (character === '(') depth += 1;
    else if (character === ')') depth -= 1;
    else if (character === '|' && depth === 0) {
      alternatives.push(source.slice(start, at));
      start = at + 1;
    }
  }
  return [...alternatives, source.slice(start)];
}
