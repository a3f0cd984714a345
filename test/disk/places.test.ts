import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  lchownSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openImageFile } from '../../src/disk/file/image-file.ts'
import {
  type OutputPlace,
  removeFromPlace,
  renameIntoPlace,
  withOutputPlace,
} from '../../src/disk/make/output-place.ts'
import { isWrittenByQemu } from '../../src/disk/qemu/qemu-locks.ts'
import { hasWriters } from '../../src/disk/remove/open-writers.ts'
import { convertFile } from '../../src/registry/image/register/convert-file.ts'
import { CAN_MAP, giveAway, IS_ROOT, newGround, startAttacker } from '../support/attacker.ts'
import { hashOf, makeImage, newFolder, rawDisk } from '../support/files/images.ts'
import { shell, vdcManage } from '../support/process/cli.ts'
import { newWatcher } from '../support/process/watcher.ts'

const MIB = 2 ** 20
const folder = newFolder()
beforeAll(() => {
  chmodSync(folder.path, 0o755)
  writeFileSync(join(folder.path, 'disk.raw'), rawDisk(MIB))
})
afterAll(() => folder.remove())
const source = join(folder.path, 'disk.raw')

let grounds = 0
function newPlace(): string {
  const path = join(folder.path, `place${++grounds}`)
  mkdirSync(path)
  return path
}

/** Runs image convert with a database URI that would fail if it were used. */
const convert = (...args: string[]) =>
  vdcManage(['image', 'convert', ...args, '--to', 'raw'], { database: { uri: 'bogus://nowhere' } })

describe('a work folder that a killed process left', () => {
  const namespace = /[0-9]+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0]
  const host = hostname().replaceAll(/[^\w-]/g, '_')
  /** A PID above the limit of Linux, so no process has it. */
  const gone = 2 ** 22 + 1
  const nameBy = (pid: number) => `.vdc-manage-work.${host}.${namespace}.${pid}.abcdef`
  const markBy = (pid: number) => `${host} ${namespace} ${pid}`

  test.each<[string, (left: string) => void, boolean]>([
    ['is removed with its mark and files', (left) => mark(left, markBy(gone), ['result.raw', 'more']), true],
    ['is removed with an empty mark', (left) => mark(left, ''), true],
    ['is removed without a mark', () => {}, true],
    ['stays if it has other files', (left) => writeFileSync(join(left, 'book'), 'mine'), false],
    ['stays if its mark names a running process', (left) => mark(left, markBy(process.pid), ['result.raw']), false],
    ['stays if its mark names another host', (left) => mark(left, `elsewhere ${namespace} ${gone}`), false],
    [
      'stays if it has more files than a work folder',
      (left) => mark(left, markBy(gone), [...'abcdefghijklmnop']),
      false,
    ],
    ['stays if other users can open it', (left) => chmodSync(mark(left, markBy(gone)), 0o755), false],
    ...(IS_ROOT
      ? [['stays if another user owns it', (left: string) => giveAway(mark(left, markBy(gone))), false] as never]
      : []),
  ])('%s', async (_, fill, isRemoved) => {
    const place = newPlace()
    // Not 0755, because on FAT a private folder has the mode of the folder that contains it.
    chmodSync(place, 0o777)
    const left = join(place, nameBy(gone))
    mkdirSync(left, { mode: 0o700 })
    fill(left)
    const before = readdirSync(left)
    await convertFile({ path: source, out: join(place, 'result.raw'), to: 'raw' }, newWatcher(), () => {})
    expect(existsSync(left)).toBe(!isRemoved)
    if (!isRemoved) expect(readdirSync(left)).toEqual(before)
  })

  function mark(left: string, text: string, files: string[] = []): string {
    writeFileSync(join(left, '.vdc-manage-work'), text)
    for (const name of files) writeFileSync(join(left, name), 'x')
    return left
  }

  test.runIf(IS_ROOT)('stays if something is mounted on it', async () => {
    const place = newPlace()
    const left = join(place, nameBy(gone))
    mkdirSync(left, { mode: 0o700 })
    const line = `mount -t tmpfs -o mode=700 none ${left} && printf '${markBy(gone)}' > ${left}/.vdc-manage-work && touch ${left}/file && vdc-manage image convert ${source} ${place}/result.raw --to raw > /dev/null && ls -A ${left}`
    const run = await shell(`unshare -m sh -c "${line}"`)
    expect(run).toMatchObject({ code: 0, stdout: '.vdc-manage-work\nfile\n' })
  })
})

describe.runIf(IS_ROOT)('links in the path of a result', () => {
  test.each<[string, (theirs: string, ours: string) => string]>([
    [
      'that another user made',
      (theirs, ours) => {
        symlinkSync(ours, join(theirs, 'link'))
        lchownSync(join(theirs, 'link'), 65534, 65534)
        return 'link'
      },
    ],
    [
      'of ours that another user can replace',
      (theirs, ours) => {
        symlinkSync(ours, join(theirs, 'link'))
        return 'link'
      },
    ],
    [
      'of another user behind one of ours',
      (theirs, ours) => {
        symlinkSync(ours, join(theirs, 'b'))
        lchownSync(join(theirs, 'b'), 65534, 65534)
        symlinkSync(`${theirs}/b`, join(ours, '../first'))
        return '../first'
      },
    ],
  ])('are not followed: one %s', async (_, make) => {
    const { theirs, ours } = newGround(folder.path)
    const name = make(theirs, ours)
    const run = await convert(source, join(theirs, name, 'result.raw'))
    expect(run).toMatchObject({ code: 6, stdout: '' })
    expect(run.stderr).toMatch(
      /^Error: .*result\.raw cannot be written: .*\/theirs\/(?:link|b) is a link that another user can change\nHint: Name the folder that it points to\n$/,
    )
    expect(readdirSync(ours)).toEqual([])
  })

  test('are followed if they are ours, also in a sticky folder, but not in a loop', async () => {
    const { theirs, ours } = newGround(folder.path)
    chmodSync(ours, 0o1777)
    mkdirSync(join(ours, 'real'))
    symlinkSync('../ours/./real', join(ours, 'link'))
    symlinkSync('link', join(ours, 'first'))
    expect(await convert(source, join(theirs, '../ours/first/result.raw'))).toMatchObject({
      code: 0,
      stdout: `${join(ours, 'real/result.raw')}\n`,
    })
    symlinkSync('circle', join(ours, 'circle'))
    const run = await convert(source, join(ours, 'circle/result.raw'))
    expect(run).toMatchObject({
      code: 6,
      stderr: expect.stringMatching(/the symbolic links in its path form a loop\n/),
    })
  })
})

describe('a result', () => {
  /** Runs `work` with a new file and its opened place. */
  async function withMade(work: (made: FileHandle, place: OutputPlace, aside: string) => Promise<void>): Promise<void> {
    const path = join(newPlace(), 'result')
    writeFileSync(path, 'ours')
    const made = await open(path)
    try {
      await withOutputPlace(path, (place) => work(made, place, join(newPlace(), 'aside')))
    } finally {
      await made.close()
    }
  }

  test('is removed', () =>
    withMade(async (made, place, aside) => {
      await removeFromPlace(made, place, aside)
      expect([existsSync(place.path), existsSync(aside)]).toEqual([false, false])
    }))

  test('is not removed if another file has replaced it', () =>
    withMade(async (made, place, aside) => {
      renameSync(place.path, `${place.path}.ours`)
      writeFileSync(place.path, 'theirs')
      await removeFromPlace(made, place, aside)
      expect(readFileSync(place.path, 'utf8')).toBe('theirs')
    }))

  test.each(['a file', 'a link', 'a folder'])(
    'is removed, but not %s that takes its place at that moment',
    async (kind) => {
      let moved = 0
      for (let round = 0; round < 150; round++) {
        await withMade(async (made, place, aside) => {
          const theirs = `${place.path}.theirs`
          if (kind === 'a file') writeFileSync(theirs, 'theirs')
          else if (kind === 'a link') symlinkSync('theirs', theirs)
          else mkdirSync(theirs)
          const { ino } = statSync(kind === 'a link' ? join(theirs, '..') : theirs)
          const removed = removeFromPlace(made, place, aside)
          for (let turn = 0; turn < round % 15; turn++) await setImmediate()
          try {
            renameSync(place.path, `${place.path}.ours`)
            renameSync(theirs, place.path)
            moved++
          } catch {
            // It has been removed already.
          }
          await removed
          const left = readdirSync(join(place.path, '..')).filter((name) => !name.endsWith('.ours'))
          expect(left).toHaveLength(1)
          const [name = ''] = left
          if (kind === 'a link') expect(readlinkSync(join(place.path, '..', name))).toBe('theirs')
          else expect(statSync(join(place.path, '..', name)).ino).toBe(ino)
        })
      }
      expect(moved).toBeGreaterThan(0)
    },
  )

  test('needs a folder of ours on a filesystem without hard links', async () => {
    const place = newPlace()
    const made = join(folder.path, `made${grounds}`)
    writeFileSync(made, 'made')
    await withOutputPlace(join(place, 'result'), async (result) => {
      chmodSync(place, 0o777)
      await expect(renameIntoPlace(made, result)).rejects.toMatchObject({
        code: 'FILE_NOT_WRITTEN',
        message: `${place}/result cannot be written: its filesystem has no hard links, and other users can change its folder`,
      })
      expect(readdirSync(place)).toEqual([])
      chmodSync(place, 0o755)
      await renameIntoPlace(made, result)
      expect(readFileSync(result.path, 'utf8')).toBe('made')
      writeFileSync(made, 'another')
      await expect(renameIntoPlace(made, result)).rejects.toMatchObject({ code: 'FILE_EXISTS' })
      expect([readFileSync(result.path, 'utf8'), readFileSync(made, 'utf8')]).toEqual(['made', 'another'])
    })
  })

  test('can be written only by us, whoever can write to the source', async () => {
    const place = newPlace()
    const open = join(place, 'open.raw')
    writeFileSync(open, rawDisk(MIB))
    chmodSync(open, 0o666)
    expect(await convert(open, join(place, 'result.raw'))).toMatchObject({ code: 0 })
    expect(statSync(join(place, 'result.raw')).mode & 0o7777).toBe(0o644)
  })
})

const MAPPER = `my ($path, $how) = @ARGV; sysopen(my $file, $path, $how eq 'reads' ? O_RDONLY : O_RDWR) or die "$path: $!";
  my $at = syscall($call{mmap}, 0, 4096, $how eq 'reads' ? 1 : 3, 1, fileno($file), 0); die 'no mapping' unless $at > 0; close $file;
  if ($how eq 'waits') { syscall($call{mprotect}, $at, 4096, 1) == 0 or die 'not protected'; }
  print "ready\\n"; sleep 1 while 1;`

describe.runIf(IS_ROOT && CAN_MAP)('a mapped file', () => {
  test.each<[string, string, (path: string) => string, boolean]>([
    ['is in use if it is mapped under its name', 'writes', (path) => path, true],
    ['is in use if it is mapped under another name', 'writes', linked, true],
    ['is in use if its mapping can become writable', 'waits', (path) => path, true],
    ['is not in use if it is mapped to read', 'reads', (path) => path, false],
    ['is not in use if another file with the same name is mapped', 'writes', replaced, false],
  ])('%s', async (_, how, nameOf, isInUse) => {
    const { theirs } = newGround(folder.path)
    const path = join(theirs, 'a.raw')
    writeFileSync(path, rawDisk(MIB))
    giveAway(path)
    const attacker = await startAttacker(MAPPER, [nameOf(path), how])
    try {
      if (nameOf === replaced) {
        renameSync(path, `${path}.old`)
        writeFileSync(path, rawDisk(MIB))
      }
      const file = await openImageFile(path)
      expect(hasWriters(file)).toBe(isInUse)
      await file.handle.close()
    } finally {
      await attacker.stop()
    }
  })

  function linked(path: string): string {
    linkSync(path, `${path}\nother`)
    return `${path}\nother`
  }
  function replaced(path: string): string {
    return path
  }

  test('is in use if it is mapped in another mount namespace', async () => {
    const path = join(newPlace(), 'a.raw')
    writeFileSync(path, rawDisk(MIB))
    mkdirSync(`${path}.d`)
    writeFileSync(join(`${path}.d`, 'bound'), '')
    const script = `use Fcntl; sysopen(F, $ARGV[0], O_RDWR) or die; syscall(${process.arch === 'x64' ? 9 : 222}, 0, 4096, 3, 1, fileno(F), 0) > 0 or die; close F; $| = 1; print "ready\\n"; sleep 100`
    const running = spawn('unshare', [
      '-m',
      'sh',
      '-c',
      'mount --bind "$0" "$0.d/bound" && exec perl -e "$1" "$0.d/bound"',
      path,
      script,
    ])
    try {
      await once(running.stdout, 'data')
      const file = await openImageFile(path)
      expect(hasWriters(file)).toBe(true)
      await file.handle.close()
    } finally {
      running.kill('SIGKILL')
      await once(running, 'close')
    }
  })
})

test.runIf(IS_ROOT && existsSync('/usr/bin/gcc'))(
  'a file is in use if the main thread of the process that maps it has ended',
  async () => {
    const path = join(newPlace(), 'a.raw')
    writeFileSync(path, rawDisk(MIB))
    const program = `#include <fcntl.h>\n#include <pthread.h>\n#include <stdio.h>\n#include <sys/mman.h>\n#include <unistd.h>\n
    static void *wait(void *none) { puts("ready"); fflush(stdout); for (;;) sleep(10); }
    int main(int count, char **words) { int file = open(words[1], O_RDWR); mmap(0, 4096, 3, MAP_SHARED, file, 0); close(file);
      pthread_t thread; pthread_create(&thread, 0, wait, 0); pthread_exit(0); }`
    await execa('gcc', ['-x', 'c', '-o', `${path}.x`, '-', '-lpthread'], { input: program })
    const running = spawn(`${path}.x`, [path])
    try {
      await once(running.stdout, 'data')
      await expect.poll(() => readFileSync(`/proc/${running.pid}/maps`, 'latin1')).toBe('')
      const file = await openImageFile(path)
      expect(hasWriters(file)).toBe(true)
      await file.handle.close()
    } finally {
      running.kill('SIGKILL')
      await once(running, 'close')
    }
  },
)

test('does not run qemu-img check if the header changes after qemu-img info', async () => {
  const place = newPlace()
  const path = join(place, 'a.qcow2')
  await makeImage(path)
  const script = `#!/bin/bash\nprintf '%s ' "$1" >> ${place}/runs\nPATH=\${PATH#*:} qemu-img "$@" || exit\n[ "$1" = check ] || printf x | dd of=${path} bs=1 seek=300000 conv=notrunc status=none\n`
  mkdirSync(join(place, 'bin'))
  writeFileSync(join(place, 'bin/qemu-img'), script, { mode: 0o755 })
  const run = await vdcManage(['image', 'inspect', '--no-checksum', path], {
    database: { uri: 'bogus://nowhere' },
    env: { PATH: `${place}/bin:${process.env.PATH}` },
  })
  expect(run).toMatchObject({
    code: 3,
    stderr: `Error: The file ${path} changed while it was being registered\nHint: Try again when no program is writing to it\n`,
  })
  expect(readFileSync(join(place, 'runs'), 'utf8')).toBe('info ')
})

/** Whether btrfs, which has two device numbers for a file, can be mounted here. */
const hasBtrfs =
  IS_ROOT && readFileSync('/proc/filesystems', 'utf8').includes('btrfs') && existsSync('/usr/sbin/mkfs.btrfs')

describe.runIf(hasBtrfs)('on btrfs', () => {
  const image = join(folder.path, 'btrfs.img')
  const mounted = join(folder.path, 'btrfs')
  const at = (name: string) => join(mounted, 'volume', name)
  beforeAll(async () => {
    writeFileSync(image, '')
    truncateSync(image, 256 * MIB)
    mkdirSync(mounted)
    execFileSync('/usr/sbin/mkfs.btrfs', ['-q', image])
    execFileSync('mount', ['-o', 'loop', image, mounted])
    execFileSync('btrfs', ['-q', 'subvolume', 'create', join(mounted, 'volume')])
  })
  afterAll(() => execFileSync('umount', [mounted]))

  test('a disk is in use if an instance runs from it or another user has mapped it', async () => {
    const path = at('running.raw')
    writeFileSync(path, rawDisk(MIB))
    const file = await openImageFile(path)
    expect([await isWrittenByQemu(file), hasWriters(file)]).toEqual([false, false])
    const machine = spawn('qemu-io', ['-f', 'raw', path], { stdio: ['pipe', 'pipe', 'ignore'] })
    machine.stdin.write('read 0 512\n')
    await once(machine.stdout, 'data')
    expect(await isWrittenByQemu(file)).toBe(true)
    machine.stdin.end('quit\n')
    await once(machine, 'exit')
    giveAway(path)
    const attacker = await startAttacker(MAPPER, [path, 'writes'])
    expect(hasWriters(file)).toBe(true)
    await attacker.stop()
    await file.handle.close()
  })

  test("converts another user's image from a copy that takes no space", async () => {
    const path = at('theirs.qcow2')
    await makeImage(path, { size: '16M' })
    await execa('qemu-io', ['-c', 'write -P 7 0 8M', path])
    giveAway(path)
    const told = newWatcher()
    await convertFile({ path, out: at('result.raw'), to: 'raw' }, told, () => {})
    expect(told.told.map(({ title }) => title)).not.toContain('Copying')
    await execa('qemu-img', ['convert', '-O', 'raw', path, at('expected.raw')])
    expect(hashOf(at('result.raw'), 'md5')).toBe(hashOf(at('expected.raw'), 'md5'))
    expect(readdirSync(join(mounted, 'volume')).sort()).toEqual(
      ['expected.raw', 'result.raw', 'running.raw', 'theirs.qcow2'].sort(),
    )
  })
})

test.runIf(IS_ROOT)("converts another user's image from a copy with its holes", async () => {
  const place = newPlace()
  const path = join(place, 'theirs.qcow2')
  await makeImage(path, { size: '100M', more: ['-o', 'preallocation=metadata'] })
  await execa('qemu-io', ['-c', 'write -P 7 3M 2M', path])
  giveAway(path)
  const { told, ...watcher } = newWatcher()
  await convertFile({ path, out: join(place, 'result.raw'), to: 'raw' }, watcher, () => {})
  const { size } = statSync(path)
  expect(told).toContainEqual({ title: 'Copying', total: size, done: size, ended: true })
  await execa('qemu-img', ['compare', '-f', 'qcow2', '-F', 'raw', path, join(place, 'result.raw')])
})
