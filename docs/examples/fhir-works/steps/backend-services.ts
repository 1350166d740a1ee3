import {
  CLIENT_ASSERTION_TYPE,
  createBackendServicesClient,
  createClientAssertion,
  generateSigningKey,
  thumbprint,
  keyFromJwk,
  type GeneratedKey,
} from '../../../../src/backend-services/index.js';
import { clientCredentials } from '../oauth-client.js';
import { bodyWeight } from './bodies.js';
import { register, type Scene } from './scene.js';

const CLIENT_ID = 'lab-statistics';
const REGISTERED = 'system/Observation.rs';
const ASKED = 'system/Observation.cruds system/Patient.rs';

/** SMART Backend Services from the beginning: a client without a user, the administrator, and both servers. */
export async function backendServices(scene: Scene): Promise<void> {
  scene.walk.section('Backend Services: the laboratory counts its own measurements, with no user there');
  const key = await makeKeys(scene);
  await registerKeys(scene, key);
  const tokenEndpoint = await discover(scene);
  const assertion = await sign(scene, key, tokenEndpoint);
  const token = await requestToken(scene, tokenEndpoint, assertion);
  await useToken(scene, token);
  await refusedAssertions(scene, tokenEndpoint, assertion, key);
  await allAtOnce(scene, key);
}

function makeKeys({ walk }: Scene): Promise<GeneratedKey> {
  return walk.observe(
    {
      title: 'The laboratory makes a key pair',
      why: 'The private key stays with it. The public one is named by its thumbprint (RFC 7638).',
      shell: 'npx smart-fhir-authz keygen --alg ES384 --out lab --jwk',
      expect: 'ES384, named by its thumbprint',
    },
    async () => {
      const key = await generateSigningKey({ alg: 'ES384' });
      const named = key.kid === thumbprint(keyFromJwk(key.publicJwk)) ? 'named by its thumbprint' : 'named otherwise';
      return { actual: `${key.alg}, ${named}`, value: key, shown: { public: key.publicJwk } };
    },
  );
}

async function registerKeys(scene: Scene, key: GeneratedKey): Promise<void> {
  const client = { client_id: CLIENT_ID, jwks: { keys: [key.publicJwk] }, scope: REGISTERED };
  const shell = (printJwks: string) =>
    `curl -s -H "Authorization: Bearer $ADMIN_TOKEN" -H 'Content-Type: application/json' ${scene.issuer}/register -d '{"client_id":"${CLIENT_ID}","jwks":'"$(${printJwks})"',"scope":"${REGISTERED}"}'`;
  await scene.walk.observe(
    {
      title: 'The administrator is handed the private key by mistake',
      why: 'Whoever holds it could speak for the laboratory, so nobody else is to have it. It is not registered.',
      shell: shell(`echo '{"keys":['; cat lab.private.jwk.json; echo ']}'`),
      expect: '400 invalid_client_metadata',
    },
    async () => {
      const { status, body } = await register(scene, { ...client, jwks: { keys: [key.privateJwk] } });
      return { actual: `${status} ${body.error ?? ''}`, value: undefined };
    },
  );
  await scene.walk.observe(
    {
      title: 'The administrator registers the public key, and what the laboratory may ask for',
      why: 'From now on this is the upper bound of every token that it gets.',
      shell: shell('cat lab.jwks.json'),
      expect: `201 ${CLIENT_ID} ${REGISTERED}`,
    },
    async () => {
      const { status, body } = await register(scene, client);
      return { actual: `${status} ${body.client_id ?? ''} ${body.scope ?? ''}`, value: undefined };
    },
  );
}

function discover({ walk, fhirBase, issuer }: Scene): Promise<string> {
  const url = `${fhirBase}/.well-known/smart-configuration`;
  return walk.observe(
    {
      title: 'The laboratory knows the FHIR server, and asks it where tokens come from',
      why: 'The token endpoint is also what the assertion will be addressed to.',
      shell: `curl -s ${url}`,
      expect: `${issuer}/token by private_key_jwt`,
    },
    async () => {
      const document = (await (await fetch(url)).json()) as {
        token_endpoint: string;
        token_endpoint_auth_methods_supported: string[];
      };
      const method = document.token_endpoint_auth_methods_supported.find((name) => name === 'private_key_jwt');
      const { token_endpoint: endpoint } = document;
      return { actual: `${endpoint} by ${method ?? 'other means'}`, value: endpoint };
    },
  );
}

function sign({ walk }: Scene, key: GeneratedKey, audience: string): Promise<string> {
  return walk.observe(
    {
      title: 'It signs an assertion',
      why: 'Good for one request within four minutes: SMART allows five, and one is left for clocks that differ.',
      shell: assertionCommand(audience, '--key lab.private.pem'),
      expect: `ES384, from ${CLIENT_ID}, for 240 s`,
    },
    async () => {
      const assertion = await createClientAssertion({ clientId: CLIENT_ID, audience, privateKey: key.privateJwk });
      const [header, claims] = decode(assertion);
      const { iss, exp, iat } = claims as { iss: string; exp: number; iat: number };
      const { alg } = header as { alg: string };
      return { actual: `${alg}, from ${iss}, for ${exp - iat} s`, value: assertion, shown: { header, claims } };
    },
  );
}

function requestToken({ walk }: Scene, tokenEndpoint: string, assertion: string): Promise<string> {
  return walk.observe(
    {
      title: 'It asks for a token, and for more than it has registered',
      why: 'It may read and search observations: writing them is left out of the answer, and so are the patients.',
      shell: tokenCommand(tokenEndpoint),
      expect: `200 ${REGISTERED} for 300 s`,
    },
    async () => {
      const answer = await clientCredentials(tokenEndpoint, assertion, ASKED);
      const { access_token: token = '', scope = '', expires_in: seconds = 0 } = answer.body;
      return { actual: `${answer.status} ${scope} for ${seconds} s`, value: token };
    },
  );
}

async function useToken({ walk }: Scene, token: string): Promise<void> {
  await walk.ask({
    title: 'All weights',
    why: 'A system scope is not bound to a person: the one in the examples and the one that Peter added.',
    path: '/Observation?code=http://loinc.org|29463-7',
    token,
    expect: '200 2 Observation',
  });
  await walk.ask({
    title: 'Whose they are',
    why: 'system/Patient.rs was asked for, but not granted.',
    path: '/Patient/example',
    token,
    expect: '401',
  });
  await walk.ask({
    title: 'Add an observation',
    why: 'Reading does not imply writing.',
    method: 'POST',
    path: '/Observation',
    body: bodyWeight('Patient/example', 1),
    token,
    expect: '401',
  });
}

async function refusedAssertions(
  { walk }: Scene,
  tokenEndpoint: string,
  used: string,
  key: GeneratedKey,
): Promise<void> {
  const refused = (step: { title: string; why: string; shell: string }, makeAssertion: () => Promise<string>) =>
    walk.observe({ ...step, expect: '400 invalid_client' }, async () => {
      const { status, body } = await clientCredentials(tokenEndpoint, await makeAssertion(), ASKED);
      return { actual: `${status} ${body.error ?? ''}`, value: undefined };
    });
  const assertion = { clientId: CLIENT_ID, audience: tokenEndpoint };
  const request = tokenCommand(tokenEndpoint);

  await refused(
    {
      title: 'The same assertion a second time',
      why: 'Its jti is used up: whoever picked it up on the way has nothing.',
      shell: request,
    },
    () => Promise.resolve(used),
  );
  await refused(
    {
      title: 'An assertion under a second kid',
      why: 'The key is the right one, but none is registered by that name.',
      shell: `${assertionCommand(tokenEndpoint, '--key lab.private.pem --kid lab-2')} && ${request}`,
    },
    () => createClientAssertion({ ...assertion, privateKey: key.privateJwk, kid: 'lab-2' }),
  );
  await refused(
    {
      title: "An assertion under the laboratory's kid, signed with somebody else's key",
      why: 'The signature does not fit the registered key.',
      shell: `${assertionCommand(tokenEndpoint, `--key stranger.private.pem --kid ${key.kid}`)} && ${request}`,
    },
    async () => {
      const stranger = await generateSigningKey({ alg: 'ES384' });
      return createClientAssertion({ ...assertion, privateKey: stranger.privateJwk, kid: key.kid });
    },
  );
}

async function allAtOnce({ walk, fhirBase }: Scene, key: GeneratedKey): Promise<void> {
  const path = 'Observation?code=http://loinc.org|29463-7&_sort=-_lastUpdated&_count=1';
  await walk.observe(
    {
      title: 'All of it by the client of this package',
      why: 'createBackendServicesClient finds the token endpoint, signs, asks, and renews the token before it expires.',
      shell: `TOKEN=$(npx smart-fhir-authz token --fhir ${fhirBase} --client-id ${CLIENT_ID} --key lab.private.pem --scope ${REGISTERED} --allow-insecure-loopback) && curl -s -H "Authorization: Bearer $TOKEN" '${fhirBase}/${path}'`,
      expect: '200 Observation/example, the newest of 2',
    },
    async () => {
      const client = createBackendServicesClient({
        fhirBaseUrl: fhirBase,
        clientId: CLIENT_ID,
        privateKey: key.privateJwk,
        scope: REGISTERED,
        allowInsecureLoopback: true,
      });
      const response = await client.fetch(path);
      const { total = 0, entry = [] } = (await response.json()) as {
        total?: number;
        entry?: { resource: { resourceType: string; id: string } }[];
      };
      const found = entry.map(({ resource }) => `${resource.resourceType}/${resource.id}`).join(', ');
      return { actual: `${response.status} ${found}, the newest of ${total}`, value: undefined };
    },
  );
}

function tokenCommand(tokenEndpoint: string): string {
  return `curl -s ${tokenEndpoint} -d grant_type=client_credentials -d scope='${ASKED}' -d client_assertion_type=${CLIENT_ASSERTION_TYPE} -d client_assertion=$ASSERTION`;
}

function assertionCommand(tokenEndpoint: string, key: string): string {
  return `ASSERTION=$(npx smart-fhir-authz assertion --client-id ${CLIENT_ID} ${key} --aud ${tokenEndpoint} --allow-insecure-loopback)`;
}

/** Header and claims of a JWT, for people to read. The signature makes it worth something, and is left out. */
function decode(jwt: string): [header: object, claims: object] {
  const [header = '', claims = ''] = jwt.split('.');
  const read = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString()) as object;
  return [read(header), read(claims)];
}
