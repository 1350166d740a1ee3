/** A measured body weight of somebody. */
export function bodyWeight(subject: string, kilograms: number): object {
  return {
    resourceType: 'Observation',
    status: 'final',
    code: { coding: [{ system: 'http://loinc.org', code: '29463-7' }] },
    subject: { reference: subject },
    valueQuantity: { value: kilograms, unit: 'kg' },
  };
}

export function bundle(type: 'batch' | 'transaction', entry: object[]): object {
  return { resourceType: 'Bundle', type, entry };
}
