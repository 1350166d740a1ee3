import { personToken, type Scene } from './scene.js';

export async function relatedPerson(scene: Scene): Promise<void> {
  const { walk } = scene;
  walk.section('Bénédicte du Marché, related to Peter');
  const token = await personToken(scene, { person: 'RelatedPerson/benedicte', scope: 'user/*.read' });
  await walk.ask({
    title: 'Her own record',
    why: 'It is herself.',
    path: '/RelatedPerson/benedicte',
    token,
    expect: '200 RelatedPerson/benedicte',
  });
  await walk.ask({
    title: "Peter's record",
    why: 'She refers to him, but nothing in his record refers to her.',
    path: '/Patient/example',
    token,
    expect: '401',
  });
}
