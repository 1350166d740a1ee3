/** How often a property is tried: quickly at the desk, thoroughly in CI. */
export const RUNS = process.env['CI'] === 'true' ? 10_000 : 1_000;
