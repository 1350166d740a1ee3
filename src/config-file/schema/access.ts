import { z } from 'zod';
import { INTERACTIONS } from '../../fhir/interactions.js';
import type { Texts } from './text.js';

/** `access`: the arguments of SMARTHandler after the FHIR version, and its options that a file can hold. */
export function accessSection(texts: Texts) {
  const { text, list } = texts;
  const flag = (description: string) => z.boolean().meta({ description }).optional();
  const types = (description: string) => list.meta({ description }).optional();
  const membership = z.enum(['reference', 'compartment']);

  return z.strictObject({
    adminAccessTypes: types('fhirUser types that see everything their scopes name. Default ["Practitioner"].'),
    bulkDataAccessTypes: types(
      'fhirUser types that may export, where user scopes may at all. Default ["Practitioner"].',
    ),
    isUserScopeAllowedForSystemExport: flag('Whether user/ scopes may start a system export. Default false.'),
    membership: z
      .strictObject({
        read: membership.meta({ description: 'What makes a resource the identity’s for reading.' }).optional(),
        write: membership.meta({ description: 'The same for writing. Default: as read.' }).optional(),
        patientLink: flag('Whether Patient.link makes a Patient the linked patient’s. Default true.'),
        groupMember: flag('Whether Group.member makes a Group its members’. Default true.'),
        contained: z
          .enum(['keep', 'refuse'])
          .meta({ description: 'Whether resources are shown with all that they contain. Default keep.' })
          .optional(),
        sharedTypes: types('Types that belong to nobody and may be read by any identity. Default none.'),
      })
      .meta({ description: 'When a resource belongs to an identity that is neither an admin nor a system.' })
      .optional(),
    adminRules: z
      .array(
        z.strictObject({
          userTypes: list.meta({ description: 'The fhirUser types that the rule is for.' }),
          resourceType: text.meta({ description: 'The resource type that it opens.' }),
          path: text.meta({ description: 'Element path to a Reference: managingOrganization.' }),
          claim: text.meta({ description: 'Path of the claim that holds the references.' }),
        }),
      )
      .meta({ description: 'Bounded admins; a user type that a rule names is no admin without bounds.' })
      .optional(),
    encounterContext: z
      .enum(['ignore', 'narrow'])
      .meta({ description: 'Whether the encounter in the launch context narrows patient/ scopes. Default ignore.' })
      .optional(),
    operations: z
      .record(
        z.string().regex(/^\$[A-Za-z][\w-]*$/, 'must be named as in the URL, with a dollar sign'),
        z.strictObject({
          requires: z
            .array(z.enum(INTERACTIONS, { error: `must be one of ${INTERACTIONS.join(', ')}` }), {
              error: 'must be a list of FHIR interactions',
            })
            .min(1, 'must not be an empty list')
            .meta({ description: 'The interactions that the caller’s grants must cover.' }),
          judgesInstance: flag('Whether the instance that it is called on must be covered. Default true.'),
        }),
      )
      .meta({ description: 'Operations by name ($lastn), in terms of the interactions that they need.' })
      .optional(),
    patientExport: flag('Let system scopes start Patient/$export through verifyAccessToken. Default false.'),
    decodeScopeSlash: flag('Read patient%2fObservation.rs as patient/Observation.rs. Default false.'),
    customSearchParameters: types('Search parameters of this server beyond the official ones. Default none.'),
    writesWithoutLookup: z
      .enum(['allow', 'deny'])
      .meta({ description: 'What to do with a write whose stored resource nobody can look up. Default allow.' })
      .optional(),
  });
}
