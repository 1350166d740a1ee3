import type { Settings } from '../config-file/settings.js';
import type { SMARTHandler } from '../handler.js';
import { appendLines, recordRequests } from '../replay/recorder.js';
import type { Arguments } from './arguments.js';
import type { CommandIo } from './command.js';
import { UsageError, systemCode } from './failure.js';
import { cannot } from './files.js';
import { printable } from './print.js';

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
  { stderr }: Pick<CommandIo, 'stderr'>,
): Recording | undefined {
  const kept = args.oneOf('record-resources', ['none', 'references']);
  const path = args.text('record');
  if (path === undefined) {
    if (kept !== undefined) throw new UsageError('--record-resources needs --record');
    return undefined;
  }
  const lines = appending(path);
  let isTold = false;
  const write = (line: string): void => {
    try {
      lines(line);
    } catch (cause) {
      // The server goes on; once is enough for a disk that is full.
      if (!isTold) stderr(printable(`warning: the recording is not whole: ${systemCode(cause)}\n`));
      isTold = true;
    }
  };
  const stop = recordRequests(handler, { ...settings, resources: kept === 'references' && kept, write });
  return {
    end: () => {
      stop();
      lines.close();
    },
  };
}

function appending(path: string): ReturnType<typeof appendLines> {
  try {
    return appendLines(path);
  } catch (cause) {
    throw cannot('write', path, cause);
  }
}
