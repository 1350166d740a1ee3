export interface Ports {
  fhir: number;
  authorization: number;
}

/** PORT is where the FHIR server listens (default 3000), the authorization server one above; 0 takes any free ports. */
export function portsFor(given = process.env['PORT'] ?? '3000'): Ports {
  const fhir = Number(given);
  if (!/^\d+$/.test(given) || fhir > 65_534) {
    throw new Error(`PORT must be a whole number from 0 to 65534, not "${given}".`);
  }
  return { fhir, authorization: fhir === 0 ? 0 : fhir + 1 };
}
