import { expect } from 'chai';
import { presentedBearer } from '../../src/http/bearer.js';
import { printChallenge } from '../../src/http/outcome.js';

describe('the bearer token of a request', () => {
  it('is what follows the scheme, whatever its case', () => {
    for (const scheme of ['Bearer', 'bearer', 'BEARER']) {
      expect(presentedBearer({ authorization: `${scheme} a.b-c_d~e+f/g==` }, [])).to.deep.equal({
        token: 'a.b-c_d~e+f/g==',
      });
    }
  });

  it('R1: is absent without the header, or with another scheme', () => {
    for (const authorization of [undefined, '', 'Basic YTpi', 'DPoP abc', 'Bearerabc']) {
      expect(presentedBearer({ authorization }, []), authorization).to.deep.equal({ absent: true });
    }
  });

  it('R2: a token in the URL or in a form is refused, alone or beside the header', () => {
    const parameters = [['access_token', 'abc']] as const;
    expect(presentedBearer({}, parameters)).to.deep.equal({ invalid: true });
    expect(presentedBearer({ authorization: 'Bearer abc' }, parameters)).to.deep.equal({ invalid: true });
  });

  it('is refused where it is malformed or repeated', () => {
    for (const authorization of [
      'Bearer',
      'Bearer ',
      'Bearer a b',
      'Bearer a,b',
      'Bearer a, Bearer b',
      'Bearer "a"',
      'Bearer ä',
      'Bearer a\n',
    ]) {
      expect(presentedBearer({ authorization }, []), authorization).to.deep.equal({ invalid: true });
    }
    expect(presentedBearer({ authorization: ['Bearer a', 'Bearer b'] }, [])).to.deep.equal({ invalid: true });
  });
});

describe('the challenge', () => {
  it('quotes what stands in it', () => {
    expect(printChallenge({ realm: 'a "b" \\ c\r\nd\u00e4' })).to.equal('Bearer realm="a \\"b\\" \\\\ cd"');
    expect(printChallenge({ realm: 'fhir', error: 'insufficient_scope', scope: 'system/Observation.r' })).to.equal(
      'Bearer realm="fhir", error="insufficient_scope", scope="system/Observation.r"',
    );
  });
});
