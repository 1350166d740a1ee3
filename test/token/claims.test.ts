import { expect } from 'chai';
import { audienceTest, readDate } from '../../src/token/claims.js';

describe('token/claims', () => {
  it('reads dates that are finite numbers', () => {
    expect(readDate(1.5)).to.equal(1500);
    for (const none of [undefined, null, '5', NaN, Infinity, [5], { valueOf: () => 5 }]) {
      expect(readDate(none)).to.equal(undefined);
    }
  });

  it('tests audiences by one text, by several, and by an expression', () => {
    const one = audienceTest('https://fhir.example');
    expect(['https://fhir.example', 'https', 'h'].map(one)).to.deep.equal([true, false, false]);
    expect(['a', 'b', 'ab'].map(audienceTest(['a', 'b']))).to.deep.equal([true, true, false]);
    const expression = audienceTest(/^https:\/\/[a-z]+\.example$/g);
    expect(['https://a.example', 'https://a.example', 'x'].map(expression)).to.deep.equal([true, true, false]);
  });
});
