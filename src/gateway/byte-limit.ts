import { Transform } from 'node:stream';

/** Hands bytes on, and fails at one too many. */
export function atMost(maxBytes: number): Transform {
  let size = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      size += chunk.length;
      if (size > maxBytes) done(new Error('too many bytes'));
      else done(null, chunk);
    },
  });
}
