// The documentation as a static site, out of docs/ and the docstrings of what the package exports: npm run docs
// An export without a docstring, a type that the public types mention and nobody can import, and a link that leads
// nowhere are errors.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const site = join(root, '.cache/site');

const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const entryPoints = Object.values(exports).flatMap((entry) =>
  typeof entry === 'object' ? [entry.import.default.replace('./dist/esm/', 'src/').replace(/\.js$/, '.ts')] : [],
);

const { status } = spawnSync(
  process.execPath,
  [
    join(root, 'node_modules/typedoc/bin/typedoc'),
    '--options',
    '.ci/typedoc.json',
    '--skipErrorChecking',
    ...entryPoints,
  ],
  { cwd: root, stdio: 'inherit' },
);
if (status !== 0) process.exit(status ?? 1);

const pages = readdirSync(site, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.html'));
const broken = pages.flatMap((page) => {
  const html = readFileSync(join(site, page), 'utf8');
  const links = [...html.matchAll(/\s(?:href|src)="([^"]+)"/g)].map(([, target]) => target.replaceAll('&amp;', '&'));
  return links.filter((target) => !leadsSomewhere(page, target)).map((target) => `${page}: ${target}`);
});
for (const each of broken) console.error(`broken link: ${each}`);
console.log(`${pages.length} pages in .cache/site, ${broken.length} broken links`);
process.exit(broken.length === 0 ? 0 : 1);

function leadsSomewhere(page, target) {
  if (/^[a-z][a-z+.-]*:/i.test(target)) return true;
  const [path, anchor] = target.split('#');
  const file = path === '' ? page : normalize(join(dirname(page), decodeURIComponent(path)));
  if (file.startsWith('..') || !existsSync(join(site, file))) return false;
  if (anchor === undefined || anchor === '' || !file.endsWith('.html')) return true;
  return new RegExp(`\\s(?:id|name)="${anchor.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}"`).test(
    readFileSync(join(site, file), 'utf8'),
  );
}
