import { inspect } from 'node:util';
import { expect } from 'chai';
import { bareError } from '../../src/backend-services/bare-error.js';
import { startServer } from './http-server.js';

const SECRET = 'eyJhbGciOiJFUzM4NCJ9.secret-of-the-test';
const shown = (value: unknown): string =>
  `${inspect(value, { depth: 10, showHidden: true })} ${JSON.stringify(value)} ${String(value)}`;

describe('backend-services/bare-error', () => {
  it('keeps name, code and places, and nothing else', () => {
    const error = Object.assign(new TypeError(`cannot post ${SECRET}\n    at ${SECRET}\n    at x`), {
      code: 'ECONNRESET',
      config: { body: SECRET },
      cause: new Error(SECRET),
      [SECRET]: 1,
    });
    const bare = bareError(error);
    expect(bare).to.be.instanceOf(Error).and.include({ name: 'TypeError', code: 'ECONNRESET' });
    expect(bare.message).to.equal('TypeError (ECONNRESET)');
    expect(bare.stack).to.include('bare-error.test.ts');
    expect(Reflect.ownKeys(bare)).to.have.members(['stack', 'message', 'name', 'code']);
    expect(bare.cause).to.equal(undefined);
    expect(shown(bare)).not.to.include('secret').and.not.to.include('eyJ');
  });

  it("finds the code of a cause, as of Node's own fetch", async () => {
    const gone = await startServer(() => undefined);
    await gone.close();
    const failed: unknown = await fetch(gone.origin).catch((error: unknown) => error);
    expect(bareError(failed)).to.include({ name: 'TypeError', code: 'ECONNREFUSED' });
  });

  it('takes whatever is thrown', () => {
    const hostile = Object.defineProperty({}, 'code', {
      get: () => {
        throw new Error(SECRET);
      },
    });
    const circular = new Error(SECRET);
    circular.cause = circular;
    const named = Object.assign(new Error('x'), { name: SECRET, code: SECRET, stack: SECRET });
    for (const value of [
      SECRET,
      undefined,
      null,
      7,
      Symbol(SECRET),
      [SECRET],
      { message: SECRET },
      hostile,
      circular,
      named,
    ]) {
      const bare = bareError(value);
      expect(bare).to.be.instanceOf(Error);
      expect(bare.name).to.match(/^[A-Za-z]+$/);
      expect(bare.code).to.equal(undefined);
      expect(shown(bare)).not.to.include('secret').and.not.to.include('eyJ');
    }
  });
});
