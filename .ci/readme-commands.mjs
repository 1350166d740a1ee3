// Prints the commands that README.md tells a reader to type, one a line, so that .ci/run types the same: the lines of the
// first shell block below the heading "Try it", without their comments.
import { readFileSync } from 'node:fs';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const section = /^## Try it\n([\s\S]*?)^## /m.exec(readme)?.[1] ?? '';
const block = /^```sh\n([\s\S]*?)^```$/m.exec(section)?.[1] ?? '';
const commands = block.split('\n').flatMap((line) => line.replace(/\s+#.*$/, '').trim() || []);

const expected = ['npm start', 'npm test'];
if (commands.length !== expected.length || !expected.every((end, index) => commands[index]?.endsWith(end))) {
  process.stderr.write(`README.md, "Try it": expected commands that end in ${expected.join(' and ')}, found:\n`);
  process.stderr.write(`${commands.join('\n')}\n`);
  process.exit(1);
}
process.stdout.write(`${commands.join('\n')}\n`);
