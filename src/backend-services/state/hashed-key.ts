import { createHash } from 'node:crypto';

/**
 * The key for something that is called by a secret, or by a stranger's text: whoever can read the store learns nothing
 * that opens anything, and no text makes a key that is too long or reaches into another namespace.
 */
export function hashedKey(namespace: string, name: string): string {
  return `${namespace}:${createHash('sha256').update(name).digest('base64url')}`;
}
