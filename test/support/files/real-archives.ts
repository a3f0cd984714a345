import { closeSync, ftruncateSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { pick, type Random } from '../finding/finding.ts'
import type { MadeArchive } from './archives.ts'

/* Archives of one disk image, written by GNU tar with all options that change its output. */

const NAMES = ['disk.raw', 'a disk (1).img', 'Ubuntu 10.04 – Lucid.raw', `${'long'.repeat(30)}.raw`, 'x'.repeat(255)]
/** Sizes of disks, and the offset and length of their data. The rest is holes. */
const DISKS: [size: number, data: [at: number, length: number][]][] = [
  [512, [[0, 512]]],
  [70_000, [[0, 70_000]]],
  [1_048_576, [[0, 4096]]],
  [1_048_576, [[1_044_480, 4096]]],
  [
    1_000_100,
    [
      [4096, 100],
      [995_328, 4772],
    ],
  ],
  [1_300_000, Array.from({ length: 60 }, (_, each): [number, number] => [each * 20_480, 4096])],
  [500_000, []],
  [
    2 ** 33 + 4096,
    [
      [0, 512],
      [2 ** 33, 4096],
    ],
  ],
]
const OPTIONS = [
  ['--format=v7', '--format=ustar', '--format=oldgnu', '--format=gnu', '--format=pax', '--format=posix', ''],
  ['', '-S', '-S', '-S --hole-detection=raw', '-S --hole-detection=seek'],
  ['', '--sparse-version=0.0', '--sparse-version=0.1', '--sparse-version=1.0'],
  ['', '', '-b 1', '-b 7', '-b 128'],
  ['', '', '--numeric-owner', '--owner=nobody --group=somebody:4294967294', '--owner=big:3000000'],
  ['', '', '--mtime=1960-02-03', '--mtime=2106-02-08T00:00:00.25Z', '--mtime=@99999999999'],
  ['', '', '--mode=000', '--mode=7777', '--xattrs --acls --selinux'],
  ['', '', '--pax-option=delete=atime,delete=ctime', '--pax-option=comment=text', '--pax-option=exthdr.name=%f'],
]

/**
 * Creates archives of one disk image each with GNU tar.
 *
 * @param folder an empty folder. It is empty again afterwards.
 */
export async function realArchives(folder: string, random: Random, count: number): Promise<MadeArchive[]> {
  const script: string[] = []
  const made: { story: string; kind: MadeArchive['kind'] }[] = []
  for (const [index, disk] of DISKS.entries()) {
    mkdirSync(join(folder, `disk${index}`))
    for (const name of NAMES) writeDisk(join(folder, `disk${index}`, name), disk)
  }
  for (let each = 0; each < count; each++) {
    const options = OPTIONS.map((some) => pick(random, some)).filter((option) => option !== '')
    const index = Math.floor(random() * DISKS.length)
    // Without -S, tar would write gigabytes of zeros.
    if (index === DISKS.length - 1) options.push('-S', '--format=gnu', '--hole-detection=seek')
    const name = pick(random, NAMES)
    const member = pick(random, [name, name, `./${name}`])
    const top = pick(random, ['', '', '--no-recursion ./'])
    const kind = pick(random, ['tar', 'tgz'] as const)
    const command = `tar ${options.join(' ')} -c${kind === 'tgz' ? 'z' : ''}f ${each} -C disk${index} ${top} '${member}'`
    script.push(`${command} || rm -f ${each}`)
    made.push({ story: command, kind })
  }
  await execa('bash', [], { cwd: folder, input: script.join('\n'), stderr: 'ignore', reject: false })
  const archives = made.flatMap(({ story, kind }, each) => {
    try {
      return [{ kind, story, bytes: readFileSync(join(folder, `${each}`)) }]
    } catch {
      // Some formats cannot store some names or sizes.
      return []
    }
  })
  for (const index of DISKS.keys()) rmSync(join(folder, `disk${index}`), { recursive: true })
  for (const each of made.keys()) rmSync(join(folder, `${each}`), { force: true })
  return archives
}

function writeDisk(path: string, [size, data]: (typeof DISKS)[number]): void {
  writeFileSync(path, '')
  const file = openSync(path, 'r+')
  ftruncateSync(file, size)
  for (const [at, length] of data) writeSync(file, Buffer.alloc(length, 'data'), 0, length, at)
  closeSync(file)
}
