import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { FolderTree } from '../../../src/guest/tree/folder-tree.ts'
import { GuestFiles } from '../../../src/guest/tree/guest-files.ts'
import { giveAway, IS_ROOT, newGround, under } from '../../support/attacker.ts'

/** Swaps the folder `etc` of a guest, and a file in it, with links to a folder of the host, without a pause. */
const SWAPPER = String.raw`
my ($guest, $host) = @ARGV; chdir $guest or die;
print "ready\n"; my $rounds = 0;
while (1) {
  rename 'etc', 'kept'; symlink $host, 'etc'; unlink 'etc'; rename 'kept', 'etc';
  rename 'etc/secret', 'etc/kept'; symlink "$host/secret", 'etc/secret'; unlink 'etc/secret'; rename 'etc/kept', 'etc/secret';
  print "interfered\n" if ++$rounds % 100 == 0;
}`

test.skipIf(!IS_ROOT)('nothing of the host is read while a guest changes its folders into links', async () => {
  const { theirs, ours } = newGround()
  mkdirSync(join(theirs, 'etc'))
  for (const [folder, text] of [
    [ours, 'host'],
    [join(theirs, 'etc'), 'guest'],
  ] as const)
    writeFileSync(join(folder, 'secret'), text)
  giveAway(join(theirs, 'etc'))
  giveAway(join(theirs, 'etc/secret'))
  const tree = await FolderTree.open(theirs)
  const seen = new Set<string | undefined>()
  const read = async () => {
    // A new one each time, as it keeps its answers.
    const files = new GuestFiles(tree)
    seen.add(await files.text('/etc/secret').catch(() => 'unknown'))
  }
  const { tries } = await under(SWAPPER, [theirs, ours], read, (swaps) => swaps > 0 && seen.has('guest'))
  await tree.close()
  expect(tries).toBeGreaterThan(10)
  expect(seen).toContain('guest')
  expect(seen).not.toContain('host')
})
