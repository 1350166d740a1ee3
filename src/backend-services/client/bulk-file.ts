import { BackendServicesError } from '../errors.js';

/** What is read of a Bulk Data export manifest. Bulk Data Access, "Response - Complete Status". */
export interface BulkManifest {
  readonly requiresAccessToken: boolean;
  readonly output?: readonly BulkManifestFile[];
  readonly error?: readonly BulkManifestFile[];
  readonly deleted?: readonly BulkManifestFile[];
}

/** One file of a bulk data export. Bulk Data Access 2.0, 3.2.2.4. */
export interface BulkManifestFile {
  readonly url: string;
}

/**
 * Decides whether the token goes with the download of a file: if and only if the manifest says `requiresAccessToken`.
 *
 * The file servers of a manifest are named by the FHIR server, and may be other hosts. The token goes to the FHIR
 * server's own origin, and to origins that the operator listed; to any other it is refused, loudly.
 *
 * @throws BackendServicesError `ERR_BULK_MANIFEST`, `ERR_BULK_FILE_ORIGIN`
 */
export function bulkFileNeedsToken(manifest: BulkManifest, file: URL, trustedOrigins: readonly string[]): boolean {
  // It arrived as JSON, whatever its type says here.
  const { requiresAccessToken, ...lists } = manifest as { [member in keyof BulkManifest]: unknown };
  if (typeof requiresAccessToken !== 'boolean') {
    throw new BackendServicesError('ERR_BULK_MANIFEST', 'bulk manifest: requiresAccessToken is not a boolean');
  }
  const listed = [lists.output, lists.error, lists.deleted].some(
    (list) => Array.isArray(list) && list.some((entry: unknown) => hrefOf(entry) === file.href),
  );
  if (!listed) throw new BackendServicesError('ERR_BULK_MANIFEST', 'bulk manifest: it does not list this file');
  if (requiresAccessToken && !trustedOrigins.includes(file.origin)) {
    throw new BackendServicesError(
      'ERR_BULK_FILE_ORIGIN',
      `bulk file: the access token would go to ${file.origin}; list it in bulkFileOrigins if that is right`,
    );
  }
  return requiresAccessToken;
}

function hrefOf(entry: unknown): string | undefined {
  const url: unknown = typeof entry === 'object' && entry !== null && 'url' in entry ? entry.url : undefined;
  return typeof url === 'string' && URL.canParse(url) ? new URL(url).href : undefined;
}
