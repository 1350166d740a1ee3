import { expect } from 'chai';

/** What a function throws, or a promise rejects with; fails if it does neither. */
export async function thrown(run: () => unknown): Promise<Error & { code?: string; key?: string }> {
  try {
    await run();
  } catch (error) {
    expect(error).to.be.instanceOf(Error);
    return error as Error;
  }
  throw new Error('nothing was thrown');
}
