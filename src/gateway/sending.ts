import type { ServerResponse } from 'node:http';

/**
 * Answers that clients have yet to take. They keep nobody from being served, but they hold memory: so there are only so
 * many, and each for only so long. Whoever reads them as they come is done before anybody could count them.
 */
export class Sending {
  /** The oldest first. */
  readonly #waiting = new Set<ServerResponse>();
  readonly #max: number;
  readonly #timeoutMs: number;

  /** @param max More push out the one that has been waiting the longest. @param timeoutMs Milliseconds for each. */
  constructor(max: number, timeoutMs: number) {
    this.#max = max;
    this.#timeoutMs = timeoutMs;
  }

  /** Watches over an answer that was handed to its socket. */
  watch(response: ServerResponse): void {
    if (response.writableFinished || response.destroyed) return;
    const timer = setTimeout(() => response.destroy(), this.#timeoutMs);
    response.once('close', () => {
      clearTimeout(timer);
      this.#waiting.delete(response);
    });
    this.#waiting.add(response);
    const [oldest] = this.#waiting;
    if (this.#waiting.size > this.#max) oldest?.destroy();
  }
}
