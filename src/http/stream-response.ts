import type { ServerResponse as NodeResponse } from 'node:http';
import { PassThrough } from 'node:stream';
import type { Admitted } from './guard.js';
import { callbackIn, encodingOf, holdHead, sendAnswer, setHead } from './hold-response.js';

/**
 * Lets what a host writes flow through its judgement, piece by piece. Status and headers leave with the first piece that
 * was judged, none of them before.
 */
export function streamResponse(response: NodeResponse, judge: NonNullable<Admitted['judgeStream']>): void {
  const written = new PassThrough();
  let begun = false;
  const original = {
    writeHead: response.writeHead.bind(response),
    write: response.write.bind(response),
    end: response.end.bind(response),
    destroy: response.destroy.bind(response),
  };

  const send = async (): Promise<void> => {
    const { statusCode: status } = response;
    const answer = await judge({ status, headers: response.getHeaders(), body: written });
    Object.assign(response, { writeHead: original.writeHead });
    const { body } = answer;
    if (typeof body !== 'object' || !(Symbol.asyncIterator in body)) {
      written.resume();
      sendAnswer(response, { ...answer, body }, original.end);
      return;
    }
    setHead(response, answer.status, answer.headers);
    for await (const piece of body) {
      await new Promise<void>((resolve, reject) => {
        original.write(piece, 'utf8', (error) => {
          if (error) reject(error);
          else resolve();
        });
      });
    }
    original.end();
  };
  const begin = (): void => {
    if (begun) return;
    begun = true;
    // Broken off, so that nobody takes for whole what could not be judged to its end.
    void send().catch(() => original.destroy());
  };

  written.on('drain', () => response.emit('drain'));
  written.on('error', () => original.destroy());
  response.on('close', () => written.destroy());
  holdHead(response);
  response.write = (chunk: string | Uint8Array, ...rest: unknown[]) => {
    begin();
    return written.write(chunk, encodingOf(rest[0]), () => callbackIn(rest)?.());
  };
  response.end = ((...args: unknown[]) => {
    begin();
    const [chunk] = args;
    if (typeof chunk === 'string' || chunk instanceof Uint8Array) written.end(chunk, encodingOf(args[1]) as never);
    else written.end();
    const done = callbackIn(args);
    if (done) response.on('finish', done);
    return response;
  }) as NodeResponse['end'];
}
