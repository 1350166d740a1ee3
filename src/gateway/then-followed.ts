import type { SMARTHandler } from '../handler.js';

/**
 * The handler, which sees to something when it knows who asks, and before anything is decided: nobody waits for upstream
 * who has no token.
 */
export function thenFollowed(handler: SMARTHandler, follow: () => Promise<void>): SMARTHandler {
  const authenticate: SMARTHandler['authenticate'] = async (request) => {
    const identity = await handler.authenticate(request);
    await follow();
    return identity;
  };
  return new Proxy(handler, {
    get: (target, name) => {
      if (name === 'authenticate') return authenticate;
      const member: unknown = Reflect.get(target, name, target);
      // Its methods use private members, which a proxy has not.
      return typeof member === 'function' ? (member.bind(target) as unknown) : member;
    },
  });
}
