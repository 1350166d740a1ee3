import type { Settings } from '../config-file/settings.js';
import type { SMARTHandler } from '../handler.js';
import { appendLines, recordRequests } from '../replay/recorder.js';
import type { Arguments } from './arguments.js';
import { InputError, UsageError } from './failure.js';

/** A recording that is under way. */
export interface Recording {
  /** Writes what is not complete yet, and closes the file. */
  readonly end: () => void;
}

/** Records what a handler is asked, if `--record` names a file; `--record-resources` says what of resources. */
export function recordingOf(
  args: Arguments,
  handler: SMARTHandler,
  settings: Settings & { readonly baseUrl: string },
): Recording | undefined {
  const kept = args.oneOf('record-resources', ['none', 'references', 'all']);
  const path = args.text('record');
  if (path === undefined) {
    if (kept !== undefined) throw new UsageError('--record-resources needs --record');
    return undefined;
  }
  const write = appending(path);
  const resources = kept === 'references' ? kept : kept === 'all';
  const stop = recordRequests(handler, { ...settings, resources, write });
  return {
    end: () => {
      stop();
      write.close();
    },
  };
}

function appending(path: string): ReturnType<typeof appendLines> {
  try {
    return appendLines(path);
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown error';
    throw new InputError(`cannot write ${path}: ${code}`);
  }
}
