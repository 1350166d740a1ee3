/**
 * The exit codes of every command.
 *
 * - 0: done.
 * - 1: done, and the answer is no: `inspect` found a defect that a server must refuse, `check` a danger, `compare` a
 *   decision that changes.
 * - 2: the command was not understood.
 * - 3: a file, key or value that was given cannot be used; nothing was changed.
 * - 4: a server refused, could not be reached, or answered what it should not.
 * - 5: a fault in this program.
 * - 130: stopped before the end, by Ctrl-C, as shells call it.
 */
export const EXIT = { ok: 0, defects: 1, usage: 2, input: 3, server: 4, fault: 5, stopped: 130 } as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];
