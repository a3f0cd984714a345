import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, linkSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { VdcError } from '../../src/core/errors.ts'
import { openImageFile } from '../../src/disk/file/image-file.ts'
import { openNameless, openUnlinked } from '../../src/disk/file/temporary-file.ts'
import { walkFiles } from '../../src/disk/folder/walk-files.ts'
import { hashImageFile } from '../../src/disk/hash/checksums.ts'
import { inspectImage } from '../../src/disk/inspect/inspect-image.ts'
import { readWholeDisk } from '../../src/disk/inspect/thorough.ts'
import { convertImage } from '../../src/disk/make/convert-image.ts'
import { withOutputPlace } from '../../src/disk/make/output-place.ts'
import { convertFile } from '../../src/registry/image/register/convert-file.ts'
import { CAN_MAP, giveAway, IS_ROOT, newGround, under } from '../support/attacker.ts'
import { makeImage, newFolder, rawDisk } from '../support/files/images.ts'
import { newWatcher } from '../support/process/watcher.ts'

const MIB = 2 ** 20

/** Converts a file. Returns the error if it is refused. */
async function convert(path: string, out: string): Promise<'made' | VdcError> {
  try {
    await convertFile({ path, out, to: 'raw' }, newWatcher(), () => {})
    return 'made'
  } catch (error) {
    if (error instanceof VdcError) return error
    throw error
  }
}

describe.runIf(IS_ROOT)('in a folder of another user', () => {
  test('writes nothing elsewhere if the work folder is replaced', async () => {
    const { theirs, ours } = newGround()
    writeFileSync(join(ours, 'source.raw'), rawDisk(MIB))
    writeFileSync(join(ours, 'victim'), 'precious', { mode: 0o600 })
    const answers: ('made' | VdcError)[] = []
    const refusals = () => answers.filter((answer) => answer instanceof VdcError)
    const script = `my ($dir, $victim) = @ARGV; chdir $dir or die; my $n = 0;
      mkdir "trap$n", 0700; symlink $victim, "trap$n/result.raw"; print "ready\\n";
      while (1) { opendir(my $here, '.') or next;
        for my $name (readdir $here) { next unless $name =~ /^\\.vdc-manage-work/ && ((lstat $name)[4] // 1) == 0;
          rename $name, "gone$n" or next; rename "trap$n", $name; print "interfered\\n"; $n++;
          mkdir "trap$n", 0700; symlink $victim, "trap$n/result.raw"; } }`
    const { interfered } = await under(
      script,
      [theirs, join(ours, 'victim')],
      async () => {
        answers.push(await convert(join(ours, 'source.raw'), join(theirs, 'result.raw')))
        rmSync(join(theirs, 'result.raw'), { force: true })
      },
      () => refusals().length > 0,
    )
    expect(interfered).toBeGreaterThan(0)
    expect(readFileSync(join(ours, 'victim'), 'utf8')).toBe('precious')
    expect(readdirSync(ours).sort()).toEqual(['source.raw', 'victim'])
    for (const refusal of refusals()) expect(refusal.code).toBe('FILE_NOT_WRITTEN')
    expect(refusals().map(({ message }) => message)).toContain(
      `Nothing was written in ${theirs}: another user is changing this folder`,
    )
  })

  test('writes nothing elsewhere if the folder of the result is replaced with a link', async () => {
    const { theirs, ours } = newGround()
    writeFileSync(join(ours, 'source.raw'), rawDisk(MIB))
    const script = `my ($dir, $victim) = @ARGV; chdir $dir or die; mkdir 'a'; print "ready\\n";
      while (1) { rename 'a', 'b'; symlink $victim, 'a'; print "interfered\\n"; select(undef, undef, undef, rand() / 1000); unlink 'a'; rename 'b', 'a';
        select(undef, undef, undef, rand() / 1000); }`
    mkdirSync(join(theirs, 'a'))
    giveAway(join(theirs, 'a'))
    const { interfered } = await under(script, [theirs, ours], async () => {
      await convert(join(ours, 'source.raw'), join(theirs, 'a/result.raw'))
      for (const name of ['a', 'b']) rmSync(join(theirs, name, 'result.raw'), { force: true })
    })
    expect(interfered).toBeGreaterThan(0)
    expect(readdirSync(ours)).toEqual(['source.raw'])
  })

  test('reports the result that was made, even if it is replaced at once', async () => {
    const { theirs, ours } = newGround()
    writeFileSync(join(ours, 'source.raw'), rawDisk(MIB))
    const secret = await makeImage(join(ours, 'secret.raw'), { format: 'raw', size: '3M' })
    const script = `my ($dir, $victim) = @ARGV; chdir $dir or die; print "ready\\n"; my $n = 0;
      while (1) { next unless ((lstat 'result.raw')[4] // 1) == 0; rename 'result.raw', "gone$n"; $n++; symlink $victim, 'result.raw'; print "interfered\\n";
        select(undef, undef, undef, 0.1); unlink 'result.raw'; }`
    const { interfered } = await under(script, [theirs, secret], async () => {
      const request = { path: join(ours, 'source.raw'), out: join(theirs, 'result.raw'), to: 'raw' }
      const answer = await convertFile(request, newWatcher(), () => {}).catch((error) => error)
      if (answer instanceof VdcError) expect(['FILE_NOT_WRITTEN', 'FILE_EXISTS']).toContain(answer.code)
      else expect(answer).toMatchObject({ path: join(theirs, 'result.raw'), virtual_size: MIB, acceptable: true })
    })
    expect(interfered).toBeGreaterThan(0)
    expect(readdirSync(ours).sort()).toEqual(['secret.raw', 'source.raw'])
  })

  test('makes no temporary file elsewhere if our temporary folder is replaced', async () => {
    const { theirs, ours } = newGround()
    const script = `my ($dir, $victim) = @ARGV; chdir $dir or die; my $n = 0; print "ready\\n";
      while (1) { opendir(my $here, '.') or next;
        for my $name (readdir $here) { next unless $name =~ /^vdc-manage-/ && -d $name && !-l $name;
          rename $name, "gone$n" or next; symlink $victim, $name; print "interfered\\n"; $n++; } }`
    const before = process.env.TMPDIR
    process.env.TMPDIR = theirs
    try {
      const { interfered } = await under(script, [theirs, ours], async () => {
        for (const open of [openNameless, () => openUnlinked(theirs)]) {
          const handle = await open().catch((error) => {
            expect(error).toMatchObject({ code: 'FILE_NOT_WRITTEN' })
            return undefined
          })
          if (handle === undefined) continue
          const { nlink, mode, uid } = await handle.stat()
          expect({ nlink, mode: mode & 0o777, uid }).toEqual({ nlink: 0, mode: 0o600, uid: 0 })
          await handle.close()
        }
      })
      expect(interfered).toBeGreaterThan(0)
    } finally {
      if (before === undefined) delete process.env.TMPDIR
      else process.env.TMPDIR = before
    }
    expect(readdirSync(ours)).toEqual([])
  })

  test('reports the path of the file that is read if the source is replaced with a link', async () => {
    const { theirs, ours } = newGround()
    const secret = join(ours, 'secret.raw')
    writeFileSync(secret, rawDisk(MIB), { mode: 0o600 })
    const script = `my ($dir, $victim) = @ARGV; chdir $dir or die; open(my $file, '>', 'a.raw'); print $file 'x'; close $file; symlink $victim, 'link'; print "ready\\n";
      while (1) { rename 'a.raw', 'b.raw'; rename 'link', 'a.raw'; print "interfered\\n"; rename 'a.raw', 'link'; rename 'b.raw', 'a.raw'; }`
    const { ino } = statSync(secret, { bigint: true })
    const { tries, interfered } = await under(script, [theirs, secret], async () => {
      const file = await openImageFile(join(theirs, 'a.raw')).catch(() => undefined)
      if (file === undefined) return
      expect(file.path === secret).toBe(file.opened.ino === ino)
      await file.handle.close()
    })
    expect([interfered > 0, tries > 10]).toEqual([true, true])
  })

  test('finds no files elsewhere if a folder of a storage is replaced with a link', async () => {
    const { theirs, ours } = newGround()
    mkdirSync(join(ours, 'deep'))
    for (const name of ['secret', 'deep/secret']) writeFileSync(join(ours, name), 'x')
    const script = `my ($dir, $victim) = @ARGV; chdir $dir or die; mkdir 'a'; open(my $file, '>', 'a/mine'); close $file; symlink $victim, 'link'; print "ready\\n";
      while (1) { rename 'a', 'b'; rename 'link', 'a'; print "interfered\\n"; rename 'a', 'link'; rename 'b', 'a'; }`
    const found = new Set<string>()
    const walk = async () => {
      for await (const { path } of walkFiles(theirs, () => {})) found.add(path)
    }
    const { interfered } = await under(
      script,
      [theirs, ours],
      walk,
      (interfered) => interfered > 0 && found.has(join(theirs, 'a/mine')),
    )
    expect(interfered).toBeGreaterThan(0)
    expect([...found].filter((path) => path.includes('secret'))).toEqual([])
    expect(found.has(join(theirs, 'a/mine'))).toBe(true)
  })
})

describe.runIf(IS_ROOT && CAN_MAP)('a source that another user can write to', () => {
  const SECRET = 'only root may read this'

  /** Makes an image, and the start of one that differs only by a reference to a file of root. */
  async function makeSource(within?: string): Promise<{ theirs: string; source: string; out: string }> {
    const { theirs, ours } = newGround(within)
    const [source, secret] = [join(theirs, 'source.qcow2'), join(ours, 'secret.raw')]
    writeFileSync(secret, Buffer.concat([rawDisk(MIB), Buffer.from(SECRET.padEnd(512))]), { mode: 0o600 })
    await makeImage(source, { size: '4M' })
    const bad = readFileSync(source).subarray(0, 4096)
    bad.writeBigUInt64BE(2048n, 8)
    bad.writeUInt32BE(secret.length, 16)
    bad.write(secret, 2048)
    writeFileSync(join(theirs, 'bad'), bad)
    for (const path of [source, join(theirs, 'bad')]) giveAway(path)
    return { theirs, source, out: join(ours, `${basename(dirname(ours))}.raw`) }
  }

  const expectNoSecret = (out: string) => {
    if (existsSync(out)) expect(readFileSync(out).includes(SECRET)).toBe(false)
    rmSync(out, { force: true })
  }

  test('is in use if it is mapped under another name', async () => {
    const { theirs, source, out } = await makeSource()
    linkSync(source, join(theirs, 'other\nname'))
    const script = `my ($dir, $name) = @ARGV; chdir $dir or die; my $good = substr(slurp('source.qcow2'), 0, 4096); my $bad = slurp('bad');
      my $at = map_file("other\\nname", 4096) or die 'no mapping'; poke($at, $good); print "ready\\n";
      while (1) { next unless is_converting($name); poke($at, $bad); print "interfered\\n"; select(undef, undef, undef, 0.2); poke($at, $good); }`
    const { interfered } = await under(
      script,
      [theirs, basename(out)],
      async () => {
        expect(await convert(source, out)).toMatchObject({
          code: 'FILE_REFUSED',
          message: `The file ${source} is in use: a running instance or another program has it open for writing`,
        })
        expectNoSecret(out)
      },
      () => true,
    )
    expect(interfered).toBe(0)
  })

  const later = `my ($dir, $name) = @ARGV; chdir $dir or die; my $good = substr(slurp('source.qcow2'), 0, 4096); my $bad = slurp('bad'); print "ready\\n";
    while (1) { next unless is_converting($name); my $at = map_file('source.qcow2', 4096) or next; poke($at, $bad); print "interfered\\n";
      select(undef, undef, undef, 0.2); poke($at, $good); syscall($call{munmap}, $at, 4096); }`

  test.each([
    ['on a disk', undefined],
    ['in memory, where that leaves no trace', '/dev/shm'],
  ])('leaks no file of root if it is mapped while it is converted, %s', async (_, within) => {
    const { theirs, source, out } = await makeSource(within)
    try {
      const { interfered } = await under(later, [theirs, basename(out)], async () => {
        await convert(source, out)
        expectNoSecret(out)
      })
      expect(interfered).toBeGreaterThan(0)
    } finally {
      if (within !== undefined) rmSync(join(theirs, '..'), { recursive: true })
    }
  })
})

describe('a source that is replaced after its inspection', () => {
  /** Makes an image, and a copy with a reference to a FIFO, for which qemu-img would wait. */
  async function makePair(): Promise<{ folder: string; good: Buffer; bad: Buffer }> {
    const { path: folder } = newFolder()
    const fifo = join(folder, 'fifo')
    execFileSync('mkfifo', [fifo])
    const good = readFileSync(await makeImage(join(folder, 'good.qcow2'), { size: '4M' }))
    const bad = Buffer.from(good)
    bad.writeBigUInt64BE(2048n, 8)
    bad.writeUInt32BE(fifo.length, 16)
    bad.write(fifo, 2048)
    return { folder, good, bad }
  }

  test('is unpacked only once, so that what was inspected is converted, and is refused', async () => {
    const { folder, good, bad } = await makePair()
    const [source, out] = [join(folder, 'source.qcow2.gz'), join(folder, 'out.raw')]
    writeFileSync(source, gzipSync(good))
    const watcher = newWatcher()
    const { begin } = watcher.progress
    watcher.progress.begin = (title, total) => {
      if (title === 'Converting') writeFileSync(source, gzipSync(bad))
      return begin(title, total)
    }
    await expect(convertFile({ path: source, out, to: 'raw' }, watcher, () => {})).rejects.toMatchObject({
      code: 'FILE_REFUSED',
      message: `The file ${source} changed while it was being registered`,
    })
    expect(watcher.told.filter(({ title }) => title === 'Unpacking')).toHaveLength(1)
    expect(existsSync(out)).toBe(false)
  })

  test.runIf(IS_ROOT)('gets the checksum of the bytes that are converted, and is refused', async () => {
    const { theirs, ours } = newGround()
    const [source, out, good] = [join(theirs, 'source.raw'), join(ours, 'out.qcow2'), rawDisk(MIB)]
    writeFileSync(source, good)
    giveAway(source)
    const watcher = newWatcher()
    const file = await openImageFile(source)
    try {
      const inspection = await inspectImage(file, {}, watcher)
      const conversion = { to: 'raw', compress: false } as const
      const asked: boolean[] = []
      const converting = withOutputPlace(out, (place) =>
        convertImage(file, inspection, place, conversion, watcher, {
          use: async () => 'made',
          requireContents: async (used) => {
            // Like a user who has it mapped, which leaves no trace.
            writeFileSync(source, rawDisk(MIB).fill('x', 4096))
            asked.push((await hashImageFile(used, watcher)).md5 === createHash('md5').update(good).digest('hex'))
          },
        }),
      )
      await expect(converting).rejects.toMatchObject({ code: 'FILE_REFUSED' })
      expect(asked).toEqual([true])
    } finally {
      await file.handle.close()
    }
  })

  test.each([
    ['not packed', 'source.qcow2', (bytes: Buffer) => bytes],
    ['packed', 'source.qcow2.gz', gzipSync],
  ])('is not passed to qemu-img to be read as a whole (%s)', async (_, name, pack) => {
    const { folder, good, bad } = await makePair()
    const path = join(folder, name)
    writeFileSync(path, pack(good))
    const file = await openImageFile(path)
    try {
      const watcher = newWatcher()
      const inspection = await inspectImage(file, {}, watcher)
      expect(inspection.refusals).toEqual([])
      writeFileSync(path, pack(bad))
      await expect(readWholeDisk(file, inspection, watcher)).rejects.toMatchObject({
        code: 'FILE_REFUSED',
        message: `The file ${path} changed while it was being registered`,
      })
      expect(watcher.told.filter(({ title }) => title === 'Reading')).toEqual([])
    } finally {
      await file.handle.close()
    }
  })
})
