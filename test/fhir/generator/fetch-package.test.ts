import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { verifyTarball } from '../../../src/fhir/generator/fetch-package.js';
import type { DefinitionPackage } from '../../../src/fhir/generator/packages.js';

describe('fhir/generator/fetch-package', () => {
  const content = Buffer.from('the tarball');
  const source: DefinitionPackage = {
    name: 'x',
    version: '1.0.0',
    integrity: `sha512-${createHash('sha512').update(content).digest('base64')}`,
    shasum: createHash('sha1').update(content).digest('hex'),
    license: 'CC0-1.0',
  };
  let folder = '';

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'package-'));
  });
  after(async () => {
    await rm(folder, { recursive: true });
  });

  async function verify(bytes: Buffer, pinned: DefinitionPackage): Promise<string> {
    const file = join(folder, 'x.tgz');
    await writeFile(file, bytes);
    try {
      await verifyTarball(file, pinned);
    } catch (error) {
      return error instanceof Error ? error.message : '';
    }
    return 'verified';
  }

  it('accepts the tarball that was pinned and no other', async () => {
    expect(await verify(content, source)).to.equal('verified');
    for (const bytes of [Buffer.from('the tarbald'), Buffer.alloc(0), Buffer.concat([content, Buffer.from(' ')])]) {
      expect(await verify(bytes, source)).to.match(/^x@1\.0\.0: the tarball does not match its pinned checksums/);
    }
  });

  it('asks for both checksums', async () => {
    const other = createHash('sha1').update('other').digest('hex');
    expect(await verify(content, { ...source, shasum: other })).to.match(/does not match/);
    expect(await verify(content, { ...source, integrity: 'sha512-' })).to.match(/does not match/);
  });
});
