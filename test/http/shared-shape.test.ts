// A request or response that is kept in another way by the engine is the same to everybody who uses it.
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInThisContext } from 'node:vm';
import { expect } from 'chai';
import { shareShape } from '../../src/http/shared-shape.js';

const membersOf = (object: object): Readonly<Record<PropertyKey, PropertyDescriptor>> =>
  Object.getOwnPropertyDescriptors(object);

/** Asks V8 itself, in its own syntax. */
function haveSameShape(one: object, other: object): boolean {
  setFlagsFromString('--allow-natives-syntax');
  try {
    const ask = runInThisContext('(one, other) => %HaveSameMap(one, other)') as (one: object, other: object) => boolean;
    return ask(one, other);
  } finally {
    setFlagsFromString('--no-allow-natives-syntax');
  }
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
    // As an application of Express does: one prototype for all of its requests.
    const prototype = Object.create(IncomingMessage.prototype) as object;
    const requestOf = (shares: boolean): IncomingMessage => {
      const request = new IncomingMessage(new Socket());
      Object.setPrototypeOf(request, prototype);
      if (shares) shareShape(request, 'url');
      return Object.assign(request, { added: true });
    };
    const isNeeded = Number.parseInt(process.versions.v8, 10) < 13;
    expect(haveSameShape(requestOf(false), requestOf(false))).to.equal(!isNeeded);
    expect(haveSameShape(requestOf(true), requestOf(true))).to.equal(true);
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
