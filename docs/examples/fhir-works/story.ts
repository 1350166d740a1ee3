import { setTimeout as sleep } from 'node:timers/promises';
import { SIDE_DOORS } from './authorization-server.js';
import { backendServices } from './steps/backend-services.js';
import { badTokens, expiredToken } from './steps/bad-tokens.js';
import { patient } from './steps/patient.js';
import { practitioner, practitionerInPatientContext } from './steps/practitioner.js';
import { relatedPerson } from './steps/related-person.js';
import { backendToken, registeredClient, type Scene } from './steps/scene.js';
import { withoutToken } from './steps/without-token.js';

/** What is asked of the server, in order, and what the answer must be. */
export async function tellStory(scene: Scene): Promise<void> {
  const scope = 'system/Observation.read';
  const display = await registeredClient(scene, 'lab-display', scope);
  const shortLived = await backendToken(scene, display, scope, SIDE_DOORS.shortLived);
  const foreign = await backendToken(scene, display, scope, SIDE_DOORS.otherServer);
  const expiry = sleep(1100);
  await withoutToken(scene);
  const peter = await patient(scene);
  await badTokens(scene, peter, foreign);
  await expiry;
  await expiredToken(scene, shortLived);
  await practitioner(scene);
  await practitionerInPatientContext(scene);
  await relatedPerson(scene);
  await backendServices(scene);
}
