/** How often a property is tried: quickly at the desk, thoroughly in CI. PROPERTY_RUNS overrides both. */
export const RUNS = Number(process.env['PROPERTY_RUNS'] ?? (process.env['CI'] === 'true' ? 10_000 : 1_000));
