import { basename } from 'node:path';
import { DEMO_SETTINGS } from '../explorer/demo.js';
import { serveExplorer } from '../explorer/server.js';
import type { Command } from './command.js';
import { EXIT } from './exit-code.js';
import { InputError, UsageError, systemCode } from './failure.js';
import { SERVER_HELP, SERVER_OPTIONS, readSettings } from './read-settings.js';

/** Where it is served unless told otherwise, so that links to questions stay good. */
const PORT = 8470;

export const explore: Command = {
  name: 'explore',
  summary: 'show decisions of a configuration in a page on localhost',
  help: `Usage: smart-fhir-authz explore [options]

Serves a page on this machine: choose an identity, an interaction and a resource or Bundle, and see
the decision, the grant that carried it, the reference that counted, or what the nearest grant
lacked; and what a list of scopes opens, as a picture. The page loads nothing from elsewhere. An
access token is decoded in the page and sent nowhere. Ends with Ctrl-C.

Options:
  --config FILE         the configuration to explore. Default: one for demonstration
  --port N              default ${PORT}; 0 takes any that is free
${SERVER_HELP}

Examples:
  smart-fhir-authz explore
  smart-fhir-authz explore --config authz.json --port 0
`,
  options: {
    config: { type: 'string' },
    port: { type: 'string' },
    ...SERVER_OPTIONS,
  },
  operands: { min: 0, max: 0, name: '' },

  async run(args, io) {
    const file = args.text('config');
    const port = args.number('port') ?? PORT;
    if (port > 65_535) throw new UsageError('--port is a number from 0 to 65535');
    const settings = file === undefined ? DEMO_SETTINGS : await readSettings(file, args, io);
    const { pages, untilStopped } = io;
    if (pages === undefined || untilStopped === undefined) throw new InputError('there is nobody to serve a page to');
    const name = file === undefined ? 'demo' : basename(file);
    const explorer = await serveExplorer(settings, { pages: new URL('explorer/page/', pages), port, name }).catch(
      (cause: unknown) => {
        throw new InputError(`cannot listen at port ${port}: ${systemCode(cause)}; --port takes another`);
      },
    );
    io.stdout(`Decision explorer at ${explorer.url}   (Ctrl-C ends it)\n`);
    await untilStopped();
    await explorer.close();
    return EXIT.ok;
  },
};
