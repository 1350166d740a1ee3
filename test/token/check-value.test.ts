import { expect } from 'chai';
import { ConfigError } from '../../src/errors.js';
import {
  readFunction,
  readHeaders,
  readNumber,
  readString,
  readStrings,
  readUrl,
} from '../../src/token/check-value.js';

/** The message of the ConfigError, or the value. */
function outcome(read: () => unknown): unknown {
  try {
    return read();
  } catch (error) {
    expect(error).to.be.instanceOf(ConfigError);
    return (error as ConfigError).message;
  }
}

describe('token/check-value: options are taken, or refused by a message that says what they must be', () => {
  const cases: readonly [name: string, read: () => unknown, expected: unknown][] = [
    ['a text', () => readString('k', 'x'), 'x'],
    ['an empty text', () => readString('k', ''), 'k: must be a non-empty string'],
    ['no text', () => readString('k', ['x']), 'k: must be a non-empty string'],
    ['one text for a list', () => readStrings('k', 'x'), ['x']],
    ['a list', () => readStrings('k', ['x', 'y']), ['x', 'y']],
    ['an empty list', () => readStrings('k', []), 'k: must not be an empty list'],
    ['a list with something else', () => readStrings('k', ['x', 5]), 'k: must be a non-empty string'],
    ['nothing for a number', () => readNumber('k', undefined, 5, [1, 9]), 5],
    ['null for a number', () => readNumber('k', null, 5, [1, 9]), 5],
    ['the least', () => readNumber('k', 1, 5, [1, 9]), 1],
    ['the most', () => readNumber('k', 9, 5, [1, 9]), 9],
    ['less', () => readNumber('k', 0, 5, [1, 9]), 'k: must be an integer from 1 to 9'],
    ['more', () => readNumber('k', 10, 5, [1, 9]), 'k: must be an integer from 1 to 9'],
    ['a fraction', () => readNumber('k', 1.5, 5, [1, 9]), 'k: must be an integer from 1 to 9'],
    ['a text for a number', () => readNumber('k', '5', 5, [1, 9]), 'k: must be an integer from 1 to 9'],
    ['no function', () => readFunction('k', {}), 'k: must be a function'],
    [
      'nothing for a function',
      () => {
        readFunction('k', undefined);
      },
      undefined,
    ],
    ['a URL', () => readUrl('k', 'https://idp.example/jwks'), 'https://idp.example/jwks'],
    ['a URL without TLS, as within a cluster', () => readUrl('k', 'http://idp.local'), 'http://idp.local/'],
    ['a URL of another scheme', () => readUrl('k', 'file:///etc/passwd'), 'k: must be an https: or http: URL'],
    ['a relative URL', () => readUrl('k', '/jwks'), 'k: must be an https: or http: URL'],
    ['what would become a URL', () => readUrl('k', ['https://x']), 'k: must be an https: or http: URL'],
    ['a URL object', () => readUrl('k', new URL('https://x')), 'k: must be an https: or http: URL'],
    ['a URL with a user', () => readUrl('k', 'https://secret@x'), 'k: must not carry credentials'],
    ['a URL with a password', () => readUrl('k', 'https://:secret@x'), 'k: must not carry credentials'],
    ['a URL with both', () => readUrl('k', 'https://u:secret@x'), 'k: must not carry credentials'],
    ['headers', () => readHeaders('k', { 'x-a': 'b', accept: '' }), { 'x-a': 'b', accept: '' }],
    ['no headers', () => readHeaders('k', {}), {}],
    ['null for headers', () => readHeaders('k', null), 'k: must be an object of strings'],
    ['a list for headers', () => readHeaders('k', [['a', 'b']]), 'k: must be an object of strings'],
    ['a text for headers', () => readHeaders('k', 'a: b'), 'k: must be an object of strings'],
    ['a header that is no text', () => readHeaders('k', { 'x-a': 5 }), 'k.x-a: is not a valid HTTP header'],
    ['a header of two lines', () => readHeaders('k', { a: 'secret\r\nb: c' }), 'k.a: is not a valid HTTP header'],
    ['a header without a name', () => readHeaders('k', { '': 'secret' }), 'k.: is not a valid HTTP header'],
  ];
  for (const [name, read, expected] of cases) {
    it(name, () => {
      expect(outcome(read)).to.deep.equal(expected);
    });
  }

  it('gives the function itself, and copies headers', () => {
    const clock = (): number => 5;
    expect(readFunction('k', clock)).to.equal(clock);
    const headers = { 'x-a': 'b' };
    expect(readHeaders('k', headers)).to.not.equal(headers);
  });
});
