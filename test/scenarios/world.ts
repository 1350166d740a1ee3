// What is stored on every face: two patients, what might be taken for theirs, and official examples.
import { readFileSync } from 'node:fs';
import { officialExamples } from '../fhir/official-examples.js';
import { Clinic, index } from '../http/clinic.js';

export interface Stored {
  readonly resourceType: string;
  readonly id: string;
  readonly [name: string]: unknown;
}

type Types = Map<string, Map<string, Stored>>;

const records = JSON.parse(readFileSync(new URL('records.json', import.meta.url), 'utf8')) as readonly Stored[];

/** Types for which one parameter looks at everything that can make a resource a patient's, and where that one looks. */
export const FOUND_BY_PATIENT: Readonly<Record<string, string>> = {
  Encounter: 'Encounter.subject',
  EpisodeOfCare: 'EpisodeOfCare.patient',
  ImmunizationEvaluation: 'ImmunizationEvaluation.patient',
  MolecularSequence: 'MolecularSequence.patient',
  RelatedPerson: 'RelatedPerson.patient',
  Person: 'Person.link.target',
};

/** A server's store that can be compared with what it was, and put back. */
export class World {
  readonly clinic: Clinic;
  readonly #before: ReadonlyMap<string, ReadonlyMap<string, Stored>>;

  private constructor(clinic: Clinic) {
    this.clinic = clinic;
    this.#before = new Map([...this.#types()].map(([type, stored]) => [type, new Map(stored)]));
  }

  static async open({ examples = true } = {}): Promise<World> {
    const clinic = await Clinic.open();
    for (const [type, path] of Object.entries(FOUND_BY_PATIENT)) index(type, 'patient', 'reference', path);
    for (const record of records) await clinic.repository.createResource(record as never);
    if (!examples) return new World(clinic);
    for await (const { resource } of officialExamples()) {
      // What has no id is no resource that a server holds.
      if (typeof resource['id'] === 'string')
        await clinic.repository.createResource(structuredClone(resource) as never);
    }
    return new World(clinic);
  }

  /** What is stored under a type, as it was when the world was made. */
  pristine(resourceType: string): readonly Stored[] {
    return [...(this.#before.get(resourceType)?.values() ?? [])];
  }

  get size(): number {
    return [...this.#before.values()].reduce((sum, stored) => sum + stored.size, 0);
  }

  /** What was created, changed or deleted since: `Observation/alice-obs-1`, `Observation/new`. */
  changed(): readonly string[] {
    const found = new Set<string>();
    for (const [type, stored] of this.#types()) {
      const before = this.#before.get(type);
      for (const [id, resource] of stored) {
        if (!before?.has(id)) found.add(`${type}/new`);
        else if (before.get(id) !== resource) found.add(`${type}/${id}`);
      }
      for (const id of before?.keys() ?? []) if (!stored.has(id)) found.add(`${type}/${id}`);
    }
    return [...found].sort();
  }

  /** A resource as it was when the world was made, and as it is. */
  states(reference: string): readonly Stored[] {
    const [type = '', id = ''] = reference.split('/');
    const before = this.#before.get(type);
    const now = this.#types().get(type);
    if (id === 'new') return [...(now?.values() ?? [])].filter((resource) => !before?.has(resource.id));
    return [before?.get(id), now?.get(id)].filter((state) => state !== undefined);
  }

  restore(): void {
    const types = this.#types();
    types.clear();
    for (const [type, stored] of this.#before) types.set(type, new Map(stored));
  }

  /** The repository keeps its resources by type and id; a change puts another object in place. */
  #types(): Types {
    return (this.clinic.repository as unknown as { readonly resources: Types }).resources;
  }
}
