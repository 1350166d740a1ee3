import type { JsonObject } from './decode.js';
import type { TokenDefect } from './defect.js';
import { must, quote, should } from './defect.js';

const CCA = 'SMART App Launch 2.2, Client Authentication';

/** Asymmetric JWS algorithms. RFC 7518 §3.1, RFC 8037 §3.1, RFC 9864. */
const ASYMMETRIC = /^(?:[RP]S(?:256|384|512)|ES(?:256|384|512)|EdDSA|Ed25519)$/;

/** What is wrong with the header, whatever the token is for. */
export function* headerDefects(header: JsonObject): Iterable<TokenDefect> {
  const { alg, kid } = header;
  if (typeof alg !== 'string') {
    yield must('alg-missing', 'RFC 7515 §4.1.1', 'the header has no "alg"');
  } else if (alg.toLowerCase() === 'none') {
    yield must('alg-none', 'RFC 8725 §3.2', 'alg "none": the token is not signed');
  } else if (alg.startsWith('HS')) {
    yield must(
      'alg-symmetric',
      'RFC 8725 §3.1',
      `alg ${quote(alg)} is symmetric: a shared secret, or a public key abused as one`,
    );
  } else if (!ASYMMETRIC.test(alg)) {
    yield must('alg-unknown', 'RFC 8725 §3.1', `alg ${quote(alg)} is no known asymmetric algorithm`);
  }
  if (kid !== undefined && (typeof kid !== 'string' || kid === '')) {
    yield must('kid-invalid', 'RFC 7515 §4.1.4', '"kid" is not a non-empty string');
  }
  if ('crit' in header) {
    yield must(
      'crit-present',
      'RFC 7515 §4.1.11',
      `"crit" names extensions (${quote(header['crit'])}) that must be understood`,
    );
  }
  for (const member of ['jwk', 'x5c', 'x5u']) {
    if (member in header) {
      yield must('key-embedded', 'RFC 8725 §3.10', `"${member}" brings a key along; only registered keys count`);
    }
  }
}

/** What is wrong with the header of a client assertion in particular. */
export function* assertionHeaderDefects(header: JsonObject, registeredJku: string | undefined): Iterable<TokenDefect> {
  const { alg, kid, typ, jku } = header;
  if (typeof alg === 'string' && ASYMMETRIC.test(alg) && alg !== 'RS384' && alg !== 'ES384') {
    yield should('alg-not-smart', CCA, `alg ${quote(alg)}: servers have to support RS384 and ES384, and no other`);
  }
  if (kid === undefined) yield must('kid-missing', CCA, 'the header has no "kid": the server cannot pick the key');
  if (typ === undefined) yield must('typ-missing', CCA, 'the header has no "typ"; it has to be "JWT"');
  else if (typ !== 'JWT') yield must('typ-wrong', CCA, `typ is ${quote(typ)}; it has to be "JWT"`);
  if (jku === undefined) return;
  if (typeof jku !== 'string' || !URL.canParse(jku) || new URL(jku).protocol !== 'https:') {
    yield must('jku-invalid', CCA, `jku is ${quote(jku)}; it has to be an https URL`);
  }
  if (registeredJku !== undefined && jku !== registeredJku) {
    yield must('jku-unexpected', CCA, `jku is ${quote(jku)}, and ${quote(registeredJku)} is registered`);
  }
}

/** What is wrong with the header of an access token in particular. */
export function* accessTokenHeaderDefects({ kid, typ }: JsonObject): Iterable<TokenDefect> {
  if (kid === undefined) {
    yield should('kid-missing', 'RFC 9068 §4', 'the header has no "kid": a resource server has to try every key');
  }
  if (typ === undefined) yield must('typ-missing', 'RFC 9068 §4', 'the header has no "typ"; it has to be "at+jwt"');
  else if (typeof typ !== 'string' || !/^(?:application\/)?at\+jwt$/i.test(typ)) {
    yield must('typ-wrong', 'RFC 9068 §4', `typ is ${quote(typ)}; it has to be "at+jwt"`);
  }
}
