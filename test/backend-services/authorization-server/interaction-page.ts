import type { LaunchInteraction, LaunchOptions } from '../../../src/backend-services/oidc-provider.js';

/** What the user does at the page. */
export type Deed = (interaction: LaunchInteraction) => Promise<void>;

/**
 * The page of a host: a form, and the deed once the user has sent it.
 *
 * @param failed Told what the deed throws; the server is, too.
 */
export function formThen(deed: Deed, failed: (error: unknown) => void = () => undefined): LaunchOptions['interaction'] {
  return async (req, res, interaction) => {
    req.resume();
    if (req.method === 'GET') {
      res.setHeader('content-type', 'text/html').end('<form method="post">');
      return;
    }
    try {
      await deed(interaction);
    } catch (error) {
      failed(error);
      throw error;
    }
  };
}
