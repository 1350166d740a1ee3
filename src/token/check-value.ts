import { ConfigError } from '../errors.js';

// Each gives the value of an option, or throws a ConfigError that names its key and never repeats its value.

export function readString(key: string, value: unknown): string {
  if (typeof value !== 'string' || value === '') {
    throw new ConfigError(key, 'must be a non-empty string');
  }
  return value;
}

export function readStrings(key: string, value: unknown): string[] {
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (values.length === 0) {
    throw new ConfigError(key, 'must not be an empty list');
  }
  return values.map((member) => readString(key, member));
}

export function readNumber(
  key: string,
  value: unknown,
  standard: number,
  [min, max]: readonly [number, number],
): number {
  const number = value ?? standard;
  if (typeof number !== 'number' || !Number.isInteger(number) || number < min || number > max) {
    throw new ConfigError(key, `must be an integer from ${min} to ${max}`);
  }
  return number;
}

export function readFunction<T>(key: string, value: T | undefined): T | undefined {
  if (value !== undefined && typeof value !== 'function') {
    throw new ConfigError(key, 'must be a function');
  }
  return value;
}

export function readUrl(key: string, value: unknown): string {
  const url = typeof value === 'string' && URL.canParse(value) ? new URL(value) : undefined;
  if (url === undefined || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw new ConfigError(key, 'must be an https: or http: URL');
  }
  if (url.username !== '' || url.password !== '') {
    throw new ConfigError(key, 'must not carry credentials');
  }
  return url.href;
}

export function readHeaders(key: string, value: unknown): Record<string, string> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ConfigError(key, 'must be an object of strings');
  }
  const headers: Record<string, string> = {};
  for (const [name, content] of Object.entries(value)) {
    if (typeof content !== 'string' || !isHeader(name, content)) {
      // The content may be a secret.
      throw new ConfigError(`${key}.${name}`, 'is not a valid HTTP header');
    }
    headers[name] = content;
  }
  return headers;
}

function isHeader(name: string, content: string): boolean {
  try {
    new Headers([[name, content]]);
    return true;
  } catch {
    return false;
  }
}
