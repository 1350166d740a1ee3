import { createCipheriv, createDecipheriv, createHash, createHmac, hkdfSync, randomBytes } from 'node:crypto';
import type { AnswerStore } from './answer-store.js';
import type { TokenEventListener } from './event.js';
import type { JsonObject } from '../json-object.js';
import { isJsonObject } from '../json-object.js';

export interface SharedAnswersOptions {
  readonly store: AnswerStore;
  /** Milliseconds to wait for the store. */
  readonly timeoutMs: number;
  /** Whom the answers come from. One of another server, or of the same server to another client, is another answer. */
  readonly url: string;
  readonly clientId: string;
  /** What the keys are made from: only who could ask for an answer can write or read one. */
  readonly clientSecret: string;
  readonly now: () => number;
  readonly onEvent: TokenEventListener;
}

/** What the introspection server said about an active token, and when it was asked. */
export interface DatedAnswer {
  readonly answer: JsonObject;
  /** Milliseconds since 1970. */
  readonly askedAt: number;
}

/** For how long a store that failed is left alone, in milliseconds: requests must not queue up behind it. */
const PAUSE_MS = 1_000;

const CIPHER = 'aes-256-gcm';
const IV_BYTES = 12;
const TAG_BYTES = 16;

/**
 * Answers in a store that others may be able to read and to write.
 *
 * Name and key of an entry are HMACs of the whole token, under a key derived from the client secret (RFC 5869). So somebody with
 * the store, but without the secret, can
 *
 * - not read who a token speaks for, nor tell whether a token that they hold was used here;
 * - not write an answer, change one, or move one to another token: it would not decrypt;
 * - delete entries, or refuse service: the introspection server is asked instead;
 * - put back an entry that was there before. Its age is inside, so it serves no longer than if it had stayed.
 *
 * A client secret that can be guessed can be guessed offline by whoever has the store and one token that was used: it should be a
 * random one (RFC 6749 §10.10).
 */
export class SharedAnswers {
  readonly #options: SharedAnswersOptions;
  readonly #secret: Uint8Array;
  #pausedUntil = -Infinity;

  constructor(options: SharedAnswersOptions) {
    this.#options = options;
    const server = createHash('sha256')
      .update(JSON.stringify([options.url, options.clientId]))
      .digest();
    this.#secret = new Uint8Array(hkdfSync('sha256', options.clientSecret, server, 'introspection answers, v1', 32));
  }

  /** The answer that some process got, as old as it says; undefined where there is none to rely on. Never rejects. */
  async get(token: string): Promise<DatedAnswer | undefined> {
    const value = await this.#attempt('get', (store) => store.get(this.#nameOf(token)));
    if (value === undefined || value === null) return undefined;
    const answer = typeof value === 'string' ? this.#open(token, value) : undefined;
    if (answer === undefined) this.#report('get', 'foreign');
    return answer;
  }

  /** Shares an answer for so many milliseconds. Never rejects. */
  async set(token: string, answer: DatedAnswer, lifetimeMs: number): Promise<void> {
    await this.#attempt('set', (store) => store.set(this.#nameOf(token), this.#seal(token, answer), lifetimeMs / 1000));
  }

  async #attempt(action: 'get' | 'set', work: (store: AnswerStore) => Promise<unknown>): Promise<unknown> {
    const { store, timeoutMs, now } = this.#options;
    if (now() < this.#pausedUntil) return undefined;
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(new Timeout());
      }, timeoutMs);
    });
    try {
      // Inside a function, so that what the store throws before its promise is caught as well.
      return await Promise.race([(async () => work(store))(), timeout]);
    } catch (error) {
      this.#pausedUntil = now() + PAUSE_MS;
      // The error is the store's own, and may quote what it was given.
      this.#report(action, error instanceof Timeout ? 'timeout' : 'error');
      return undefined;
    } finally {
      clearTimeout(timer);
    }
  }

  #seal(token: string, { answer, askedAt }: DatedAnswer): string {
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv(CIPHER, this.#keyOf(token), iv);
    const text = cipher.update(JSON.stringify([askedAt, answer]), 'utf8');
    return Buffer.concat([iv, text, cipher.final(), cipher.getAuthTag()]).toString('base64url');
  }

  #open(token: string, value: string): DatedAnswer | undefined {
    try {
      const bytes = Buffer.from(value, 'base64url');
      if (bytes.length < IV_BYTES + TAG_BYTES) return undefined;
      const decipher = createDecipheriv(CIPHER, this.#keyOf(token), bytes.subarray(0, IV_BYTES));
      decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
      const text = decipher.update(bytes.subarray(IV_BYTES, -TAG_BYTES));
      const content: unknown = JSON.parse(Buffer.concat([text, decipher.final()]).toString());
      const [askedAt, answer] = Array.isArray(content) ? (content as unknown[]) : [];
      return typeof askedAt === 'number' && isJsonObject(answer) ? { answer, askedAt } : undefined;
    } catch {
      return undefined;
    }
  }

  #nameOf(token: string): string {
    return `introspection:${this.#derive('name', token).toString('base64url')}`;
  }

  #keyOf(token: string): Buffer {
    return this.#derive('key', token);
  }

  #derive(purpose: 'name' | 'key', token: string): Buffer {
    return createHmac('sha256', this.#secret).update(`${purpose} ${token}`).digest();
  }

  #report(action: 'get' | 'set', reason: 'timeout' | 'error' | 'foreign'): void {
    this.#options.onEvent({ type: 'introspection.cache-failed', action, reason });
  }
}

class Timeout extends Error {}
