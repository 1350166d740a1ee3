import type { CommandIo } from './command.js';

/** Milliseconds before the first word, and between words. */
const PATIENCE_MS = 1000;
const PAUSE_MS = 250;

/** Tells somebody at a terminal how far a long run is, in one line that is gone at its end. Logs and pipes get none of it. */
export class Progress {
  readonly #io: CommandIo;
  #next: number;
  #isShown = false;

  constructor(io: CommandIo) {
    this.#io = io;
    this.#next = io.now() + PATIENCE_MS;
  }

  /** @param tell Says how far it is. */
  tick(tell: () => string): void {
    if (this.#io.isTerminal !== true) return;
    const now = this.#io.now();
    if (now < this.#next) return;
    this.#next = now + PAUSE_MS;
    this.#isShown = true;
    // To the first column, and erase to the end of the line (ECMA-48, CR and EL).
    this.#io.stderr(`\r\u001b[K${tell()}`);
  }

  /** Makes room for what is printed for good. */
  clear(): void {
    if (!this.#isShown) return;
    this.#isShown = false;
    this.#io.stderr('\r\u001b[K');
  }
}
