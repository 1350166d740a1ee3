// Whether memory grows with the number of tokens that were ever seen.
import type { Result } from './result.js';
import { handlerAt, startIssuer, verifying } from './tokens.js';

const FEW = 10_000;

/** Takes minutes: each token is signed, and proved. */
export async function heapRows(many = 1_000_000): Promise<Result[]> {
  const { gc } = globalThis;
  if (gc === undefined) throw new Error('node has to run with --expose-gc');
  const issuer = await startIssuer('EdDSA');
  try {
    const verify = verifying(handlerAt(issuer));
    const heap = async (): Promise<number> => {
      for (let times = 0; times < 3; times += 1) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        gc();
      }
      return process.memoryUsage().heapUsed / 1_048_576;
    };
    let jti = 0;
    const reach = async (count: number): Promise<number> => {
      while (jti < count) await verify(issuer.mint(jti++));
      return heap();
    };
    const few = await reach(FEW);
    const after = await reach(many);
    const ratio = after / few;
    return [
      {
        id: 'heap',
        work: `heap after ${many.toLocaleString('en-US')} distinct tokens, EdDSA`,
        yardstick: 'heap after 10,000',
        ratio,
        quartiles: [ratio, ratio],
        rounds: 1,
        measured: [after, few],
        unit: 'MiB',
        bound: { must: 1.1 },
      },
    ];
  } finally {
    await issuer.close();
  }
}
