import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { newFolder } from '../../support/files/images.ts'
import { answersOnBytes, answersOnFile, noise } from './inspecting.ts'

const folder = newFolder()
beforeAll(() => {
  writeFileSync(join(folder.path, 'disk.raw'), noise(1024 * 1024, 2))
  writeFileSync(join(folder.path, 'disk.ovf'), '<?xml version="1.0"?>')
  writeFileSync(join(folder.path, '[Content_Types].xml'), '<?xml version="1.0"?>')
  writeFileSync(join(folder.path, 'mimetype'), 'application/epub+zip')
  writeFileSync(join(folder.path, 'nothing'), '')
})
afterAll(() => folder.remove())

const CONVERT = 'vdc-manage image convert {file} OUT.qcow2 --to qcow2'
/** Archives made by their own tools, and the command that unpacks them if the agents do not. */
const REAL: [title: string, command: string, unpack: string | undefined][] = [
  ['compressed with gzip', 'gzip -k disk.raw', undefined],
  ['a tar archive', 'tar -cf OUT disk.raw', undefined],
  ['a tar archive', 'tar --format=v7 -cf OUT disk.raw', undefined],
  ['a tar archive', 'tar --format=pax -cf OUT disk.raw', undefined],
  ['an OVA', 'tar -cf OUT disk.ovf disk.raw', CONVERT],
  ['compressed with xz', 'xz -k disk.raw', CONVERT],
  ['compressed with lzma', 'xz -k --format=lzma disk.raw', 'xz -d --format=lzma'],
  ['compressed with lzma', 'xz -k -0 --format=lzma disk.raw', 'xz -d --format=lzma'],
  ['compressed with bzip2', 'bzip2 -k disk.raw', CONVERT],
  ['compressed with bzip2', 'bzip2 -k nothing', CONVERT],
  ['compressed with zstd', 'zstd -q -k disk.raw', CONVERT],
  ['a zip archive', 'zip -q OUT disk.raw', CONVERT],
  ['an ar archive', 'ar rc OUT disk.ovf', 'ar x'],
]

test.each(REAL)('%s, made by: %s', async (title, command, unpack) => {
  const [program, ...args] = command.split(' ').map((word) => (word === 'OUT' ? 'out' : word)) as [string, ...string[]]
  const isFilter = args.includes('-k')
  const result = await execa(program, isFilter ? [...args, '-c'] : args, { cwd: folder.path, encoding: 'buffer' })
  const path = join(folder.path, program === 'zip' ? 'out.zip' : 'out')
  if (isFilter) writeFileSync(path, result.stdout)
  const answers = await answersOnFile(path)
  rmSync(path)
  expect(answers).toMatchObject([{ title, kind: 'packed' }])
  const hints = answers.flatMap(({ refusals }) => refusals ?? []).map(({ hint }) => hint)
  expect(hints).toEqual(unpack === undefined ? [] : [expect.stringMatching(new RegExp(`: ${unpack}$`))])
  // The start of the disk alone is not recognised as anything.
  expect(await answersOnFile(path.replace(/out.*/, 'disk.raw'), 512)).toEqual([])
})

test.each([
  ['[Content_Types].xml', 'an office document'],
  ['mimetype', 'an e-book'],
])('recognises a zip archive that starts with %s as %s', async (member, title) => {
  const path = join(folder.path, 'document.zip')
  await execa('zip', ['-q', '-0', '-nw', path, member, 'disk.raw'], { cwd: folder.path })
  expect(await answersOnFile(path)).toMatchObject([{ title, kind: 'foreign' }])
  rmSync(path)
})

/** First bytes of archives whose tools are too large to install, from the specifications. */
const MADE: [title: string, start: string][] = [
  ['a 7z archive', '7z\xbc\xaf\x27\x1c\0\x04'],
  ['a zip archive', 'PK\x05\x06' + '\0'.repeat(18)],
  ['compressed with zstd', '\x50\x2a\x4d\x18\x04\0\0\0skip\x28\xb5\x2f\xfd\0\0\0\0'],
  ['compressed with lzip', 'LZIP\x01\x17'],
  ['compressed with lz4', '\x04"M\x18\x64\x40\xa7'],
  ['compressed with lzop', '\x89LZO\0\r\n\x1a\n'],
  ['compressed with compress', '\x1f\x9d\x90'],
  ['a RAR archive', 'Rar!\x1a\x07\x01\0'],
  ['a cabinet archive', 'MSCF\0\0\0\0'],
  ['a Debian package', '!<arch>\ndebian-binary   '],
  ['an RPM package', '\xed\xab\xee\xdb\x03\0'],
  ['a Windows image (WIM)', 'MSWIM\0\0\0'],
  ['an Android sparse image', '\x3a\xff\x26\xed\x01\0\0\0'],
  ['a partclone image', 'partclone-image'],
  ['an ntfsclone image', '\0ntfsclone-image'],
]

test.each(MADE)('%s, by its first bytes', async (title, start) => {
  const answers = await answersOnBytes(start, noise(4096, 3))
  expect(answers).toMatchObject([{ title, kind: 'packed', refusals: [{ why: expect.stringContaining(title) }] }])
})
