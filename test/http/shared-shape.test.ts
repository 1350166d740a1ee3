// A request or response that is kept in another way by the engine is the same to everybody who uses it.
import { execFileSync } from 'node:child_process';
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { shareShape } from '../../src/http/shared-shape.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

const membersOf = (object: object): Readonly<Record<PropertyKey, PropertyDescriptor>> =>
  Object.getOwnPropertyDescriptors(object);

interface Shared {
  readonly alone: boolean;
  readonly withShareShape: boolean;
}

/**
 * Asks V8 itself, in its own syntax, whether two requests of one application share their shape. It is asked in a process of
 * its own: V8 remembers 256 prototypes that objects of one shape were given, and other tests use them up.
 */
function askV8(): Shared {
  const script = `
    import { IncomingMessage } from 'node:http';
    import { Socket } from 'node:net';
    import { shareShape } from ${JSON.stringify(new URL('../../src/http/shared-shape.ts', import.meta.url).href)};
    const haveSameShape = new Function('one', 'other', 'return %HaveSameMap(one, other)');
    // As an application of Express does: one prototype for all of its requests.
    const prototype = Object.create(IncomingMessage.prototype);
    const requestOf = (shares) => {
      const request = Object.setPrototypeOf(new IncomingMessage(new Socket()), prototype);
      if (shares) shareShape(request, 'url');
      return Object.assign(request, { added: true });
    };
    const answer = (shares) => haveSameShape(requestOf(shares), requestOf(shares));
    process.stdout.write(JSON.stringify({ alone: answer(false), withShareShape: answer(true) }));`;
  const options = ['--import=tsx', '--allow-natives-syntax', '--input-type=module', '--eval', script];
  return JSON.parse(execFileSync(process.execPath, options, { cwd: root, encoding: 'utf8' })) as Shared;
}

describe('shareShape', () => {
  it('changes no member of a request or response, nor its prototype', () => {
    const request = new IncomingMessage(new Socket());
    const response = new ServerResponse(request);
    request.url = '/fhir/Patient/p1';
    for (const [object, name] of [
      [request, 'url'],
      [response, 'sendDate'],
    ] as const) {
      const prototype: object = Object.create(Object.getPrototypeOf(object) as object) as object;
      Object.setPrototypeOf(object, prototype);
      const before = membersOf(object);
      shareShape(object, name as never);
      expect(Reflect.ownKeys(membersOf(object))).to.have.members(Reflect.ownKeys(before));
      for (const key of Reflect.ownKeys(before)) expect(membersOf(object)[key]).to.deep.equal(before[key]);
      expect(Object.getPrototypeOf(object)).to.equal(prototype);
    }
    expect(request.url).to.equal('/fhir/Patient/p1');
  });

  it('lets two objects share their shape whose prototype was changed, where V8 does not', () => {
    const isNeeded = Number.parseInt(process.versions.v8, 10) < 13;
    expect(askV8()).to.deep.equal({ alone: !isNeeded, withShareShape: true });
  });

  it('leaves alone what is inherited, computed or fixed', () => {
    const inherited = Object.create({ url: '/inherited' }) as { readonly url: string };
    shareShape(inherited, 'url');
    expect(Reflect.ownKeys(inherited)).to.deep.equal([]);

    let reads = 0;
    const computed = {
      get url(): string {
        reads += 1;
        return '/computed';
      },
      last: 1,
    };
    const before = membersOf(computed);
    shareShape(computed, 'url');
    expect(membersOf(computed)).to.deep.equal(before);
    expect(reads).to.equal(0);

    const fixed = Object.freeze({ url: '/fixed', last: 1 });
    shareShape(fixed, 'url');
    expect(fixed.url).to.equal('/fixed');
    const closed = Object.preventExtensions({ url: '/closed', last: 1 });
    shareShape(closed, 'url');
    expect(closed).to.deep.equal({ url: '/closed', last: 1 });
  });
});
