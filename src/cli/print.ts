import type { CommandIo } from './command.js';

/** JSON for people and programs. */
export function printJson(value: unknown, io: CommandIo): void {
  io.stdout(`${printable(JSON.stringify(value, null, 2))}\n`);
}

/**
 * Text from a token or server, for a terminal: characters that could steer the terminal or turn the reading direction
 * are shown as escapes. JSON.stringify has escaped those below the space already.
 */
export function printable(text: string): string {
  return text.replace(
    /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
