import { expect } from 'chai';
import { endpointUrl, fhirBase, isInside } from '../../../src/backend-services/client/url.js';
import { thrown } from '../../backend-services/thrown.js';

describe('backend-services/client/url', () => {
  const strict = { allowInsecureLoopback: false };
  const loopback = { allowInsecureLoopback: true };

  it('C13: refuses http, and accepts it on the loopback interface alone, where that was asked for', async () => {
    const local = [
      'http://127.0.0.1/t',
      'http://127.9.9.9:8080/t',
      'http://[::1]/t',
      'http://localhost:1/t',
      'http://2130706433/t',
    ];
    const remote = [
      'http://as.example/t',
      'http://10.0.0.1/t',
      'http://localhost.evil.example/t',
      'http://127.0.0.1.evil.example/t',
    ];
    for (const url of [...local, ...remote])
      expect((await thrown(() => endpointUrl(url, 'x', strict))).code, url).to.equal('ERR_URL_REFUSED');
    for (const url of local) expect(endpointUrl(url, 'x', loopback).protocol, url).to.equal('http:');
    for (const url of remote)
      expect((await thrown(() => endpointUrl(url, 'x', loopback))).code, url).to.equal('ERR_URL_REFUSED');
    for (const url of ['ftp://as.example/', 'javascript:alert(1)', 'file:///etc/passwd', 'token', '', 'https://']) {
      expect((await thrown(() => endpointUrl(url, 'x', loopback))).code, url).to.equal('ERR_URL_REFUSED');
    }
    expect(endpointUrl('https://as.example/t', 'x', strict).href).to.equal('https://as.example/t');
  });

  it('refuses endpoints with a fragment or credentials', async () => {
    for (const url of [
      'https://as.example/t#x',
      'https://as.example/t#',
      'https://me@as.example/t',
      'https://me:pw@as.example/t',
    ]) {
      const error = await thrown(() => endpointUrl(url, 'x', strict));
      expect(error.code, url).to.equal('ERR_URL_REFUSED');
      expect(error.message).not.to.include('pw');
    }
  });

  it('C5: adds the slash that keeps the last part of the base', async () => {
    expect(fhirBase('https://h/apis/fhir', strict).href).to.equal('https://h/apis/fhir/');
    expect(fhirBase('https://h/apis/fhir/', strict).href).to.equal('https://h/apis/fhir/');
    expect(fhirBase('https://h', strict).href).to.equal('https://h/');
    expect((await thrown(() => fhirBase('https://h/fhir?x=1', strict))).key).to.equal('fhirBaseUrl');
  });

  describe('C11: what lies inside a FHIR base', () => {
    const base = new URL('https://h.example/apis/fhir/');
    const inside = [
      'https://h.example/apis/fhir',
      'https://h.example/apis/fhir/',
      'https://h.example/apis/fhir?_getpages=1',
      'https://h.example/apis/fhir/Patient/1',
      'https://H.EXAMPLE:443/apis/fhir/Patient?identifier=a%2Fb',
      'https://h.example/apis/other/../fhir/Patient',
      'https://h.example/apis/fhir/Patient?url=https://evil.example/',
    ];
    const outside = [
      'https://evil.example/apis/fhir/Patient/1',
      'https://h.example.evil.example/apis/fhir/Patient/1',
      'https://h.example@evil.example/apis/fhir/Patient/1',
      'http://h.example/apis/fhir/Patient/1',
      'https://h.example:8443/apis/fhir/Patient/1',
      'https://h.example/apis/fhirx/Patient',
      'https://h.example/apis/FHIR/Patient',
      'https://h.example/',
      'https://h.example/apis/fhir/../admin',
      'https://h.example/apis/fhir/%2e%2e/admin',
      'https://h.example/apis/fhir/..%2fadmin',
      'https://h.example/apis/fhir/..%5Cadmin',
      'https://h.example/apis/fhir/x/..\\..\\admin',
      'https:\\\\evil.example\\apis\\fhir\\Patient',
      '//evil.example/apis/fhir/Patient',
    ];
    for (const url of inside) it(`inside: ${url}`, () => expect(isInside(new URL(url, base), base)).to.equal(true));
    for (const url of outside) it(`outside: ${url}`, () => expect(isInside(new URL(url, base), base)).to.equal(false));
  });
});
