import { referencePaths } from '../../fhir/references.js';
import { resourceTypes } from '../../fhir/resource-types.js';
import type { FhirVersion } from '../../fhir/version.js';
import type { Settings } from '../settings.js';
import type { Advice, Advisor } from './advice.js';

/** SMART App Launch 2.2: the types that a fhirUser claim may name. */
const USER_TYPES = ['Patient', 'Practitioner', 'PractitionerRole', 'RelatedPerson', 'Person'];

/** Users who are patients, or speak for one. */
const PATIENTS = ['Patient', 'RelatedPerson', 'Person'];

/** Who is trusted with everything, and by which claim. */
export const adviseOnPeople: Advisor = ({ settings }) => {
  const { access = {}, smart, fhirVersion } = settings;
  const { adminAccessTypes = ['Practitioner'], bulkDataAccessTypes = ['Practitioner'], adminRules = [] } = access;
  const ruled = new Set(adminRules.flatMap(({ userTypes }) => userTypes));
  const admins = adminAccessTypes.filter((type) => !ruled.has(type));
  const advice: Advice[] = [];
  const listed = [
    ['access.adminAccessTypes', admins, 'see every resource that their scopes name'],
    ...(access.isUserScopeAllowedForSystemExport === true
      ? [['access.bulkDataAccessTypes', bulkDataAccessTypes, 'may export the data of everybody'] as const]
      : []),
  ] as const;
  for (const [key, userTypes, may] of listed) {
    for (const type of userTypes.filter((each) => PATIENTS.includes(each))) {
      advice.push({
        code: 'admin-patient',
        level: 'danger',
        key,
        reason: `users whose fhirUser is a ${type} ${may}: a patient is one of them`,
        remedy: `take ${type} out of the list`,
      });
    }
    for (const type of userTypes.filter((each) => !USER_TYPES.includes(each))) {
      advice.push({
        code: 'admin-type-unknown',
        level: 'warning',
        key,
        reason: `${type} is no type that a fhirUser can be of, so that it opens nothing`,
        remedy: `use one of ${USER_TYPES.join(', ')}`,
      });
    }
  }
  const staff = admins.filter((type) => type === 'Practitioner' || type === 'PractitionerRole');
  if (staff.length > 0 && grantsUsers(settings)) {
    advice.push({
      code: 'admin-wide',
      level: 'note',
      key: 'access.adminAccessTypes',
      reason: `every ${staff.join(' and every ')} sees whatever the user/ scopes of the app name, of all patients`,
      remedy: 'where they should see only their organisation’s patients, bound them by adminRules',
    });
  }
  if (access.isUserScopeAllowedForSystemExport === true) {
    advice.push({
      code: 'export-by-users',
      level: 'warning',
      key: 'access.isUserScopeAllowedForSystemExport',
      reason: 'an app with user/*.read may export the data of all patients in the name of one user',
      remedy: 'leave exports to system/ scopes, which SMART Backend Services are for',
    });
  }
  advice.push(...onClaims(settings, admins.length > 0), ...onRules(adminRules, fhirVersion ?? '4.0.1'));
  if (/[^_.:/-]$/.test(smart.launchContextPathPrefix)) {
    advice.push({
      code: 'launch-prefix',
      level: 'note',
      key: 'smart.launchContextPathPrefix',
      reason: `the launch patient is read from the claim ${smart.launchContextPathPrefix}patient`,
      remedy: 'check that this is how the authorization server calls it: often an underscore or a dot is missing',
    });
  }
  return advice;
};

/** Claims that users can often change by themselves: OpenID Connect Core 5.1 and what identity providers add to it. */
const EDITABLE =
  /^(?:profile|website|picture|nickname|name|given_name|family_name|middle_name|preferred_username|email|phone_number|address|locale|zoneinfo)$|^(?:user_metadata|unsafe_metadata|unsafeMetadata|public_metadata|traits|custom:)|(?:^|[./])user_metadata\b/;

function onClaims({ smart, access = {} }: Settings, hasAdmins: boolean): readonly Advice[] {
  const claims: readonly (readonly [string, string, boolean])[] = [
    ['smart.fhirUserClaimPath', smart.fhirUserClaimPath, hasAdmins],
    ['smart.launchContextPathPrefix', smart.launchContextPathPrefix, true],
    ['smart.scopeKey', smart.scopeKey, true],
    ...(access.adminRules ?? []).map(({ claim }, index) => [`access.adminRules[${index}].claim`, claim, true] as const),
  ];
  return claims
    .filter(([, path]) => EDITABLE.test(path))
    .map(([key, path, isGrave]) => ({
      code: 'claim-editable',
      level: isGrave ? 'danger' : 'warning',
      key,
      reason: `at many identity providers users change the claim ${path} by themselves, and so could become somebody else`,
      remedy: 'use a claim that only the authorization server writes, such as fhirUser; else forbid users to change it',
    }));
}

function onRules(
  rules: NonNullable<NonNullable<Settings['access']>['adminRules']>,
  version: FhirVersion,
): readonly Advice[] {
  return rules.flatMap(({ resourceType, path, userTypes }, index) => {
    const key = `access.adminRules[${index}]`;
    if (!resourceTypes(version).has(resourceType)) {
      return unreachable(`${key}.resourceType`, `${resourceType} is no resource type of FHIR ${version}`);
    }
    const known = new Set(referencePaths(version, resourceType).map((each) => each.path.replace(/^[A-Z]\w*\./, '')));
    const advice = userTypes
      .filter((type) => !USER_TYPES.includes(type))
      .flatMap((type) => unreachable(`${key}.userTypes`, `${type} is no type that a fhirUser can be of`));
    if (known.has(path)) return advice;
    return [
      ...advice,
      ...unreachable(`${key}.path`, `${resourceType}.${path} is no reference by the official definitions`),
    ];
  });
}

function unreachable(key: string, reason: string): readonly Advice[] {
  return [
    {
      code: 'rule-unreachable',
      level: 'warning',
      key,
      reason: `${reason}, so that the rule opens nothing`,
      remedy: 'correct it, or take the rule away',
    },
  ];
}

/** Whether user/ scopes can open anything. */
function grantsUsers({ smart }: Settings): boolean {
  const { read = [], write = [] } = (smart.scopeRule as Partial<typeof smart.scopeRule>).user ?? {};
  return read.length + write.length > 0;
}
