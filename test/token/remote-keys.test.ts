import { expect } from 'chai';
import type { TokenEvent } from '../../src/token/event.js';
import { TokenError } from '../../src/token/error.js';
import { RemoteKeys } from '../../src/token/jwks.js';
import { edA, newEd } from './issuer.js';

const MAX_AGE = 10_000;
const MAX_STALE = 100_000;
const COOLDOWN = 1_000;
const A = edA.jwk({ kid: 'a' });
const B = newEd().jwk({ kid: 'b' });

/** Keys of an issuer whose answers, and a clock whose time, the test sets. */
class Scene {
  time = 1_000_000;
  up = true;
  published: readonly unknown[] = [A];
  fetches = 0;
  readonly events: TokenEvent[] = [];
  readonly keys: RemoteKeys;

  constructor(burst = 1) {
    this.keys = new RemoteKeys({
      url: 'https://idp.example/jwks',
      headers: {},
      timeoutMs: 5_000,
      maxAgeMs: MAX_AGE,
      maxStaleMs: MAX_STALE,
      cooldownMs: COOLDOWN,
      burst,
      maxBytes: 10_000,
      maxKeys: 10,
      now: () => this.time,
      onEvent: (event) => this.events.push(event),
      fetch: () => {
        this.fetches += 1;
        if (!this.up) return Promise.reject(new Error('down'));
        return Promise.resolve(new Response(JSON.stringify({ keys: this.published })));
      },
    });
  }

  /** The code of the refusal, or undefined, and how many fetches it took. */
  async ask(work: () => Promise<unknown>): Promise<[code: string | undefined, fetches: number]> {
    const before = this.fetches;
    try {
      await work();
      return [undefined, this.fetches - before];
    } catch (error) {
      expect(error).to.be.instanceOf(TokenError);
      return [(error as TokenError).code, this.fetches - before];
    }
  }

  renew() {
    return this.ask(() => this.keys.renew());
  }

  find(kid: string) {
    return this.ask(() => this.keys.find(kid));
  }

  /** Whether the set at hand has a key of this name, as find would serve it now. */
  has(kid: string): boolean {
    return this.keys.peek(kid) !== undefined;
  }
}

const settled = () => new Promise((resolve) => setTimeout(resolve, 5));

describe('token/jwks: RemoteKeys by the clock', () => {
  it('has nothing before the first fetch, and says so', async () => {
    const scene = new Scene();
    expect(scene.keys.isFresh(scene.time)).to.equal(false);
    expect(scene.keys.peek('a')).to.equal(undefined);
    scene.up = false;
    expect(await scene.renew()).to.deep.equal(['ERR_JWKS_UNAVAILABLE', 1]);
    expect(await scene.renew(), 'a failed fetch is not remembered').to.deep.equal(['ERR_JWKS_UNAVAILABLE', 1]);
    expect(scene.events).to.deep.equal(
      Array(2).fill({ type: 'jwks.failed', reason: 'network', servingLastGood: false }),
    );
    const other = new Scene();
    await other.keys.renew();
    const [key] = other.keys.peek('a') ?? [];
    expect(key && scene.keys.holds(key)).to.equal(false);
    expect(key && other.keys.holds(key)).to.equal(true);
  });

  it('a clock that tells no time: nothing is fresh, nothing is fetched, and no allowance is made or lost by it', async () => {
    for (const wrong of [NaN, Infinity, -Infinity, undefined, null] as number[]) {
      const scene = new Scene(2);
      await scene.keys.renew();
      const right = scene.time;
      scene.time = wrong;
      expect(scene.keys.isFresh(wrong), String(wrong)).to.equal(false);
      expect(scene.keys.peek('a'), String(wrong)).to.equal(undefined);
      for (const call of [() => scene.keys.renew(), () => scene.keys.find('a'), () => scene.keys.find('unknown')]) {
        const error: unknown = await call().then(
          () => undefined,
          (reason: unknown) => reason,
        );
        expect(error, String(wrong)).to.be.instanceOf(TypeError);
      }
      expect(scene.fetches, String(wrong)).to.equal(1);
      scene.time = right;
      for (const fetches of [1, 1, 0, 0]) expect(await scene.find('unknown')).to.deep.equal(['ERR_TOKEN_KEY', fetches]);
    }
  });

  it('a clock that told no time while the set was asked for: the set is of unknown age, and asked for again', async () => {
    const scene = new Scene();
    const right = scene.time;
    let reads = 0;
    Object.defineProperty(scene, 'time', { get: () => ((reads += 1) === 2 ? NaN : right) });
    expect(await scene.renew()).to.deep.equal(['ERR_JWKS_UNAVAILABLE', 1]);
    expect(scene.keys.isFresh(right)).to.equal(false);
    expect(await scene.renew()).to.deep.equal([undefined, 1]);
    expect(scene.keys.isFresh(right)).to.equal(true);
  });

  it('serves a key that is published twice once, and counts it once', async () => {
    const scene = new Scene();
    scene.published = [A, { ...A }, B, null];
    await scene.keys.renew();
    expect(scene.keys.peek('a')).to.have.length(1);
    expect(scene.events).to.deep.equal([
      { type: 'jwks.refreshed', keys: 2, ignored: [{ index: 3, fault: 'not-an-object' }] },
    ]);
  });

  it('waits for nothing until four fifths of maxAge, and then renews beside the work', async () => {
    const scene = new Scene();
    await scene.keys.renew();
    scene.time += 7_999;
    expect(scene.keys.isFresh(scene.time)).to.equal(true);
    expect(await scene.renew()).to.deep.equal([undefined, 0]);
    scene.time += 1;
    expect(scene.keys.isFresh(scene.time)).to.equal(false);
    scene.published = [A, B];
    expect(await scene.renew()).to.deep.equal([undefined, 1]);
    await settled();
    expect(scene.has('b')).to.equal(true);
  });

  it('waits for the fetch once the set is maxAge old', async () => {
    const scene = new Scene();
    await scene.keys.renew();
    scene.time += MAX_AGE;
    scene.published = [A, B];
    expect(await scene.renew()).to.deep.equal([undefined, 1]);
    expect(scene.has('b'), 'at once').to.equal(true);
  });

  describe('during an outage', () => {
    /** A set that is maxAge old, and an issuer that has just failed. */
    async function outage(): Promise<Scene> {
      const scene = new Scene();
      await scene.keys.renew();
      scene.time += MAX_AGE;
      scene.up = false;
      expect(await scene.renew()).to.deep.equal([undefined, 1]);
      return scene;
    }

    it('leaves the issuer alone for the cooldown', async () => {
      const scene = await outage();
      expect(await scene.renew()).to.deep.equal([undefined, 0]);
      scene.time += COOLDOWN - 1;
      expect(await scene.find('a')).to.deep.equal([undefined, 0]);
    });

    it('tries again after it, beside the work', async () => {
      const scene = await outage();
      scene.time += COOLDOWN;
      scene.up = true;
      scene.published = [A, B];
      expect(await scene.renew()).to.deep.equal([undefined, 1]);
      expect(scene.has('b'), 'not waited for').to.equal(false);
      await settled();
      expect(scene.has('b')).to.equal(true);
    });

    it('waits again where the failure is maxAge ago: nobody has asked since', async () => {
      for (const [later, waited] of [
        [MAX_AGE - 1, false],
        [MAX_AGE, true],
      ] as const) {
        const scene = await outage();
        scene.time += later;
        scene.up = true;
        scene.published = [A, B];
        expect(await scene.renew()).to.deep.equal([undefined, 1]);
        expect(scene.has('b'), String(later)).to.equal(waited);
        await settled();
      }
    });

    it('waits as well where the clock was set back to before the failure', async () => {
      const scene = await outage();
      scene.time -= 1;
      scene.up = true;
      scene.published = [A, B];
      // By this clock the set is younger than maxAge, so it is renewed beside the work in spite of the cooldown.
      expect(await scene.renew()).to.deep.equal([undefined, 1]);
      await settled();
      expect(scene.has('b')).to.equal(true);

      const late = await outage();
      late.time += COOLDOWN;
      expect(await late.renew()).to.deep.equal([undefined, 1]);
      await settled();
      late.time -= 1;
      late.up = true;
      late.published = [A, B];
      expect(await late.renew()).to.deep.equal([undefined, 1]);
      expect(late.has('b'), 'waited for').to.equal(true);
    });

    it('ends with maxStale, and says until then that the last good set serves', async () => {
      const scene = await outage();
      scene.time += MAX_STALE - 1;
      expect((await scene.renew())[0]).to.equal(undefined);
      await settled();
      scene.time += 1;
      expect((await scene.renew())[0]).to.equal('ERR_JWKS_UNAVAILABLE');
      const told = scene.events.filter(({ type }) => type === 'jwks.failed');
      expect(told.map((event) => 'servingLastGood' in event && event.servingLastGood)).to.deep.equal([
        true,
        true,
        false,
      ]);
    });

    it('cannot tell whether an unknown kid is a new one', async () => {
      const scene = await outage();
      expect((await scene.find('b'))[0]).to.equal('ERR_JWKS_UNAVAILABLE');
    });
  });

  it('fetches for unknown kids as often as the allowance has it, which a cooldown fills by one', async () => {
    const scene = new Scene(2);
    await scene.keys.renew();
    const unknown = async (): Promise<number> => (await scene.find('nobody'))[1];
    const took = async (times: number): Promise<number[]> => {
      const counts: number[] = [];
      for (let time = 0; time < times; time += 1) counts.push(await unknown());
      return counts;
    };
    expect(await took(3), 'two at once').to.deep.equal([1, 1, 0]);
    scene.time += COOLDOWN - 1;
    expect(await took(1), 'nothing earned yet').to.deep.equal([0]);
    scene.time += 1;
    expect(await took(2), 'one earned').to.deep.equal([1, 0]);
    scene.time += COOLDOWN + COOLDOWN / 2;
    expect(await took(2), 'one, and half of the next').to.deep.equal([1, 0]);
    scene.time += COOLDOWN / 2;
    expect(await took(2), 'the other half').to.deep.equal([1, 0]);
    scene.time += 5 * COOLDOWN;
    expect(await took(3), 'no more than the burst').to.deep.equal([1, 1, 0]);
  });

  it('a full allowance earns nothing: time before the first unknown kid is not saved up', async () => {
    const scene = new Scene(1);
    await scene.keys.renew();
    const unknown = async (): Promise<number> => (await scene.find('nobody'))[1];
    expect(await unknown()).to.equal(1);
    scene.time += COOLDOWN + COOLDOWN - 1;
    expect(await unknown()).to.equal(1);
    scene.time += 1;
    expect(await unknown(), 'the bucket was full for nearly a cooldown').to.equal(0);
    scene.time += COOLDOWN - 1;
    expect(await unknown()).to.equal(1);
  });

  it('an allowance survives a clock that is set back', async () => {
    const scene = new Scene(1);
    await scene.keys.renew();
    const unknown = async (): Promise<number> => (await scene.find('nobody'))[1];
    expect(await unknown()).to.equal(1);
    scene.time -= 500;
    // The set is due by a clock that was set back, which is a fetch of its own.
    await scene.keys.renew();
    await settled();
    expect(await unknown()).to.equal(0);
    scene.time += COOLDOWN;
    expect(await unknown(), 'a cooldown by the new clock').to.equal(1);
  });

  it('one fetch serves all who wait for it', async () => {
    const scene = new Scene();
    const asked = await Promise.all(['a', 'a', 'b', 'b'].map((kid) => scene.find(kid)));
    expect(asked.map(([code]) => code)).to.deep.equal([undefined, undefined, 'ERR_TOKEN_KEY', 'ERR_TOKEN_KEY']);
    expect(scene.fetches).to.equal(1);
  });
});
