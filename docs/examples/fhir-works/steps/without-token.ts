import type { Scene } from './scene.js';

export async function withoutToken({ walk }: Scene): Promise<void> {
  walk.section('Without a token');
  await walk.ask({
    title: 'What can this server do?',
    why: 'The capability statement is for everybody.',
    path: '/metadata',
    expect: '200 CapabilityStatement',
  });
  await walk.ask({
    title: 'Where does an app send people to sign in?',
    why: "SMART's discovery document is for everybody, too.",
    path: '/.well-known/smart-configuration',
    expect: '200 SMART configuration',
  });
  await walk.ask({
    title: 'Read a patient',
    why: 'Nobody reads a record without a token.',
    path: '/Patient/example',
    expect: '401',
  });
}
