import type { CommandIo } from './command.js';

/** JSON for people and programs. */
export function printJson(value: unknown, io: CommandIo): void {
  io.stdout(`${printable(JSON.stringify(value, null, 2))}\n`);
}

/**
 * Text from a token or server, for a terminal: characters that could steer the terminal, turn the reading direction or
 * stay unseen are shown as escapes, as JSON writes them; only lines still end. JSON.stringify has escaped those below the
 * space already.
 */
export function printable(text: string): string {
  return text.replace(/(?!\n)[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, escaped);
}

/** The same for a text within a line, which must not begin another one. */
export function printableLine(text: string): string {
  return printable(text).replaceAll('\n', escaped);
}

/** Each unit of UTF-16 by itself: a character beyond the first plane has two. */
function escaped(character: string): string {
  return Array.from({ length: character.length }, (_, at) => character.charCodeAt(at))
    .map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`)
    .join('');
}
