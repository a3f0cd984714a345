import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { hostname } from 'node:os'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { execa } from 'execa'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { convertFile } from '../../../src/registry/image/register/convert-file.ts'
import { allRows, ENGINES, newDatabase, type TestDatabase } from '../../support/databases/databases.ts'
import { hashOf, makeImage, newFolder } from '../../support/files/images.ts'
import {
  environment,
  PROGRAM,
  type Run,
  type RunOptions,
  shell,
  vdcManage,
  vdcManageJson,
} from '../../support/process/cli.ts'
import { type Around, fakeQemuImg } from '../../support/process/fake-qemu-img.ts'
import { processesIn } from '../../support/process/processes.ts'
import { startTerminal } from '../../support/process/tmux.ts'
import { newWatcher } from '../../support/process/watcher.ts'
import { IS_THOROUGH, some } from '../../support/thorough.ts'

const KIB = 2 ** 10
const MIB = 2 ** 20
const TARGETS = ['qcow2', 'raw', 'vmdk', 'vdi', 'vpc', 'vhdx']
/** Disk size of most images here, in bytes. Not a multiple of the cylinders or blocks of the formats. */
const DISK = 8 * MIB + 512
/** Bytes per second of conversions that take longer than any test waits. */
const SLOWLY = 64 * KIB

const folder = newFolder()
const at = (name: string) => join(folder.path, name)

/** Creates a disk with a partition table, and data at its start, in its middle and at its end. */
async function makeDisk(name: string, size: number, bytes = 64 * 1024): Promise<void> {
  await shell(
    `truncate -s ${size} ${name} && printf 'label: dos\\n2048,,83\\n' | sfdisk -q ${name} && head -c ${bytes} /dev/urandom | dd of=${name} bs=512 seek=4096 conv=notrunc status=none && printf end | dd of=${name} bs=1 seek=${size - 3} conv=notrunc status=none`,
    { cwd: folder.path },
  )
}

beforeAll(async () => {
  await makeDisk('disk.raw', DISK)
  // More than fits into the limits below.
  await makeDisk('big.raw', 24 * MIB, 20 * MIB)
  for (const format of ['qcow2', 'vmdk', 'vdi', 'vhdx', 'parallels', 'qed', 'qcow'])
    await execa('qemu-img', ['convert', '-O', format, at('disk.raw'), at(`disk.${format}`)])
  await execa('qemu-img', ['convert', '-O', 'vpc', '-o', 'force_size=on', at('disk.raw'), at('disk.vhd')])
  await execa('qemu-img', [
    'convert',
    '-O',
    'vpc',
    '-o',
    'force_size=on,subformat=fixed',
    at('disk.raw'),
    at('fixed.vhd'),
  ])
  await shell(
    'gzip -k disk.raw disk.qcow2; tar cf disk.tar disk.raw; tar czf disk.tgz disk.vmdk; gzip -1 -k big.raw; echo hello > page.txt',
    { cwd: folder.path },
  )
  await makeImage(at('layer.qcow2'), { more: ['-F', 'qcow2', '-b', 'disk.qcow2'] })
})
afterAll(() => folder.remove())

let outs = 0
/** Creates a new folder for results. */
function newOut(): string {
  const out = at(`out${++outs}`)
  mkdirSync(out)
  return out
}

/** Runs image convert with an invalid database, which it must not use. */
function convert(args: string[], options: RunOptions = {}): Promise<Run> {
  const database = { uri: 'bogus://nowhere' }
  return vdcManage(['image', 'convert', ...args], { cwd: folder.path, database, ...options })
}

async function expectSameDisk(source: string, result: string, format: string): Promise<void> {
  await execa('qemu-img', ['compare', '-f', 'raw', '-F', format, source, result])
}

describe('image convert creates the same disk', () => {
  const sources = [
    'disk.raw',
    'disk.qcow2',
    'disk.vmdk',
    'disk.vdi',
    'disk.vhd',
    'fixed.vhd',
    'disk.vhdx',
    'disk.parallels',
    'disk.qed',
    'disk.qcow',
  ]
  const packed = ['disk.raw.gz', 'disk.qcow2.gz', 'disk.tar', 'disk.tgz']
  const all = [...sources, ...packed]
  test.each(all)(`from %s to every ${IS_THOROUGH ? '' : 'third '}format`, async (source) => {
    const out = newOut()
    const targets = TARGETS.filter((_, number) => IS_THOROUGH || (number + all.indexOf(source)) % 3 === 0)
    for (const to of targets) {
      const result = join(out, `result.${to}`)
      const report = await convertFile({ path: at(source), out: result, to }, newWatcher(), () => {})
      expect(report).toMatchObject({ path: result, acceptable: true, file_format: to, virtual_size: DISK })
      await expectSameDisk(at('disk.raw'), result, to)
      const info = await execa('qemu-img', ['info', '--output=json', '-f', to, result])
      expect(JSON.parse(info.stdout)['virtual-size']).toBe(DISK)
    }
    expect(readdirSync(out).sort()).toEqual(targets.map((to) => `result.${to}`).sort())
  })

  test.each(TARGETS)('to %s, with the program in a process', async (to) => {
    const result = join(newOut(), `result.${to}`)
    const run = await convert(['disk.vmdk', result, '--to', to])
    expect(run).toMatchObject({ code: 0, stdout: `${result}\n`, stderr: '' })
    await expectSameDisk(at('disk.raw'), result, to)
  })

  test('compressed if the format supports it, refused if not', async () => {
    const out = newOut()
    const zeros = at('text.raw')
    await shell(`cp disk.raw text.raw; yes text | head -c 4M | dd of=text.raw bs=1M seek=3 conv=notrunc status=none`, {
      cwd: folder.path,
    })
    for (const to of ['qcow2', 'vmdk']) {
      for (const [name, more] of [
        ['plain', []],
        ['small', ['--compress']],
      ] as const)
        expect(await convert([zeros, join(out, `${name}.${to}`), '--to', to, ...more])).toMatchObject({ code: 0 })
      expect(statSync(join(out, `small.${to}`)).size).toBeLessThan(statSync(join(out, `plain.${to}`)).size / 4)
      await expectSameDisk(zeros, join(out, `small.${to}`), to)
      expect(await vdcManage(['image', 'inspect', join(out, `small.${to}`)])).toMatchObject({ code: 0 })
    }
    for (const to of ['raw', 'vdi', 'vpc', 'vhdx'])
      expect(await convert(['disk.raw', join(out, 'no'), '--to', to, '--compress'])).toMatchObject({
        code: 3,
        stderr: `Error: Images in the format ${to} cannot be compressed\nHint: --compress supports qcow2 and vmdk\n`,
      })
    expect(existsSync(join(out, 'no'))).toBe(false)
  })

  test('with the permissions of the source, whatever the umask', async () => {
    const out = newOut()
    await shell('install -m 640 disk.raw private.raw; install -m 755 disk.raw odd.raw', { cwd: folder.path })
    for (const [source, mode] of [
      ['private.raw', 0o640],
      ['odd.raw', 0o644],
    ] as const) {
      const result = join(out, `${source}.qcow2`)
      const run = await shell(`umask 077; vdc-manage image convert ${at(source)} ${result} --to qcow2`)
      expect(run.code).toBe(0)
      expect(statSync(result).mode & 0o7777).toBe(mode)
    }
  })

  test('and prints its path with symlinks resolved, or a report with --json', async () => {
    const out = newOut()
    symlinkSync(out, at('link'))
    expect(await convert(['disk.raw', 'link/a.qcow2', '--to', 'qcow2'])).toMatchObject({ stdout: `${out}/a.qcow2\n` })
    const report = await vdcManageJson(['image', 'convert', 'disk.qcow2', 'link/b.vmdk', '--to', 'vmdk'], {
      cwd: folder.path,
    })
    expect(report).toMatchObject({
      path: `${out}/b.vmdk`,
      acceptable: true,
      file_format: 'vmdk',
      container_format: 'none',
      virtual_size: DISK,
      size: statSync(`${out}/b.vmdk`).size,
      md5: null,
      refusals: [],
    })
    expect(await vdcManageJson(['image', 'inspect', '--no-checksum', `${out}/b.vmdk`])).toEqual(report)
  })

  test('for odd names', async () => {
    const out = newOut()
    for (const name of [
      'line\nfeed\u001b[31m.raw',
      "it's $HOME.raw",
      'json:{}',
      'nbd:localhost:1',
      'a,b=c.raw',
      '-x',
    ]) {
      await shell('cp -- "$SOURCE" "$NAME"', { cwd: folder.path, env: { SOURCE: 'disk.raw', NAME: `./${name}` } })
      const run = await convert(['--to', 'raw', '--', name, join(out, name)])
      expect(run).toMatchObject({ code: 0, stdout: `${join(out, name)}\n` })
      expect(hashOf(join(out, name), 'md5')).toBe(hashOf(at('disk.raw'), 'md5'))
    }
  })

  test('in the shell, and in $( )', async () => {
    const out = newOut()
    const run = await convert([], { input: '' })
    expect(run.code).toBe(2)
    const line = `image convert ${at('disk.raw')} ${out}/shell.qcow2 --to qcow2\n`
    const database = { uri: 'bogus://nowhere' }
    expect(await vdcManage([], { database, input: line })).toMatchObject({ code: 0, stdout: `${out}/shell.qcow2\n` })
    const called = `qemu-img info --output=json "$(vdc-manage image convert ${at('disk.raw')} "${out}/a b.vdi" --to vdi)"`
    expect(await shell(called, { database })).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/"filename": ".*\/a b\.vdi"[\s\S]*"format": "vdi"/),
    })
  })
})

describe('refuses', () => {
  const out = at('refused')
  beforeAll(() => {
    mkdirSync(out)
    writeFileSync(join(out, 'mine.raw'), 'mine')
    symlinkSync('nowhere', join(out, 'dangling.raw'))
  })
  const target = join(out, 'no.raw')
  const long = `${'x'.repeat(252)}.raw`

  test.each<[string, string[], number, string]>([
    ['a missing --to', ['disk.raw', target], 2, 'Missing option --to\nHint: '],
    ['no result path', ['disk.raw', '--to', 'raw'], 2, 'Missing argument: OUT'],
    [
      'an unknown format',
      ['disk.raw', target, '--to', 'qed'],
      3,
      "--to must be one of: qcow2, raw, vmdk, vdi, vpc, vhdx; not 'qed'",
    ],
    [
      'a result name for another format',
      ['disk.raw', `${out}/no.vmdk`, '--to', 'qcow2'],
      3,
      `${out}/no.vmdk ends in .vmdk, but its format would be qcow2`,
    ],
    [
      'a result name for a compressed format',
      ['disk.raw', `${out}/no.raw.gz`, '--to', 'raw'],
      3,
      'no.raw.gz ends in .gz, but its format would be raw',
    ],
    ['an empty name', ['disk.raw', '', '--to', 'raw'], 3, 'out must not be empty'],
    ['a name that is not UTF-8', ['disk.raw', `${out}/\ufffd.raw`, '--to', 'raw'], 3, 'is not UTF-8'],
    [
      'a name that is too long',
      ['disk.raw', join(out, long), '--to', 'raw'],
      6,
      'cannot be written: its name is too long',
    ],
    ['a missing source', ['nosuch.raw', target, '--to', 'raw'], 3, 'The file nosuch.raw does not exist'],
    [
      'a file that is not a disk image',
      ['page.txt', target, '--to', 'raw'],
      3,
      'page.txt is a text file, not a disk image',
    ],
    [
      'an image with a backing file',
      ['layer.qcow2', target, '--to', 'raw'],
      3,
      'refers to the backing file disk.qcow2',
    ],
    [
      'a wrong file format',
      ['disk.qcow2', target, '--to', 'raw', '--file-format', 'vdi'],
      3,
      'is qcow2, not vdi as declared',
    ],
    [
      'a disk over the size limit',
      ['disk.qcow2', target, '--to', 'raw', '--max-size', '1M'],
      3,
      'over the limit of 1048576',
    ],
    [
      'an existing file',
      ['disk.raw', `${out}/mine.raw`, '--to', 'raw'],
      5,
      'mine.raw already exists\nHint: Choose another name',
    ],
    ['the source as the result', ['disk.raw', 'disk.raw', '--to', 'raw'], 5, 'disk.raw already exists'],
    ['a dangling symlink', ['disk.raw', `${out}/dangling.raw`, '--to', 'raw'], 5, 'dangling.raw already exists'],
    ['a folder', ['disk.raw', out, '--to', 'raw'], 5, `${out} is a folder\nHint: Name the file`],
    [
      'a result in a missing folder',
      ['disk.raw', `${out}/no/no.raw`, '--to', 'raw'],
      6,
      'no.raw cannot be written: its folder does not exist',
    ],
    ['a missing folder', ['disk.raw', `${out}/no/`, '--to', 'raw'], 6, 'cannot be written: its folder does not exist'],
    ['a file as a folder', ['disk.raw', 'page.txt/no.raw', '--to', 'raw'], 6, 'a part of its path is not a folder'],
    [
      'a folder of the kernel',
      ['disk.raw', '/sys/no.raw', '--to', 'raw'],
      6,
      '/sys/no.raw cannot be written: permission denied',
    ],
  ])('%s', async (_, args, code, says) => {
    const run = await convert(args)
    expect(run).toMatchObject({ code, stdout: '' })
    expect(run.stderr).toContain(`${says}`)
    expect(run.stderr).toMatch(/^Error: .*\n(?:Hint: .*\n)?$/)
    expect(readdirSync(out).sort()).toEqual(['dangling.raw', 'mine.raw'])
    expect(readFileSync(join(out, 'mine.raw'), 'utf8')).toBe('mine')
  })

  test('a folder without write permission', async () => {
    const locked = newOut()
    chmodSync(locked, 0o555)
    chmodSync(folder.path, 0o755)
    const command = [PROGRAM, 'image', 'convert', at('disk.raw'), join(locked, 'no.raw'), '--to', 'raw']
    const user = process.getuid?.() === 0 ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] : []
    const [program = '', ...args] = [...user, ...command]
    const run = await execa(program, args, { env: environment(), extendEnv: false, reject: false })
    expect(run).toMatchObject({
      exitCode: 6,
      stdout: '',
      stderr: `Error: ${locked}/no.raw cannot be written: permission denied`,
    })
    expect(readdirSync(locked)).toEqual([])
  })

  test('a disk that is too large for the format', async () => {
    await shell('truncate -s 3T huge.raw', { cwd: folder.path })
    const run = await convert(['huge.raw', join(out, 'no'), '--to', 'vpc', '--file-format', 'raw'])
    expect(run).toMatchObject({ code: 3, stdout: '' })
    expect(run.stderr).toMatch(
      /Error: The file .*huge.raw is refused: qemu-img cannot convert it: .*max size is 2040 GiB/,
    )
    expect(run.stderr).not.toContain('.vdc-manage-work')
    expect(readdirSync(out).sort()).toEqual(['dangling.raw', 'mine.raw'])
  })
})

describe('leaves no partial file', () => {
  test.each(TARGETS)('if it exceeds the maximum file size, for %s', async (to) => {
    const out = newOut()
    const run = await shell(`ulimit -f 8192; vdc-manage image convert big.raw ${out}/no.${to} --to ${to}`, {
      cwd: folder.path,
    })
    expect(run).toMatchObject({ code: 6, stdout: '' })
    expect(run.stderr).toMatch(/Error: .*\/no\.\w+ cannot be written: it would exceed the maximum file size\n$/)
    expect(readdirSync(out)).toEqual([])
  })

  test.runIf(process.getuid?.() === 0)('if the disk is full', async () => {
    const out = newOut()
    const inside = (line: string) =>
      shell(
        `unshare -m sh -c 'mount -t tmpfs -o size=16m none ${out} && ${line}; code=$?; ls -A ${out} >&2; exit $code'`,
        {
          cwd: folder.path,
        },
      )
    for (const to of TARGETS.filter((_, number) => IS_THOROUGH || number % 2 === 0)) {
      const run = await inside(`vdc-manage image convert big.raw ${out}/no.${to} --to ${to}`)
      expect(run).toMatchObject({
        code: 6,
        stdout: '',
        stderr: `Error: ${out}/no.${to} cannot be written: no space is left\n`,
      })
    }
    // Also while unpacking.
    const run = await inside(`TMPDIR=${out} vdc-manage image convert big.raw.gz ${at('no.raw')} --to raw`)
    expect(run).toMatchObject({ code: 6, stdout: '' })
    expect(run.stderr).toMatch(/^Error: The image cannot be unpacked in .*out\d+: ENOSPC.*\nHint: Set TMPDIR .*\n$/)
    expect(readdirSync(folder.path).filter((name) => name.startsWith('.vdc-manage') || name === 'no.raw')).toEqual([])
  })

  /** Converts with a fake qemu-img that runs commands before or after the real one. */
  function convertWith(around: Around, source: string, result: string): Promise<Run> {
    return convert([source, result, '--to', 'qcow2'], { env: { PATH: fakeQemuImg(around) } })
  }

  test.each<[string, (source: string) => string]>([
    ['written to', (source) => `printf x | dd of=${source} bs=1 seek=5000000 conv=notrunc status=none`],
    ['enlarged', (source) => `truncate -s +512 ${source}`],
    ['touched', (source) => `touch ${source}`],
    ['replaced', (source) => `cp ${source} ${source}.new; mv ${source}.new ${source}`],
    ['removed', (source) => `rm ${source}`],
  ])('if the source is %s during the conversion', async (_, change) => {
    const out = newOut()
    const source = join(out, 'source.raw')
    await execa('cp', [at('disk.raw'), source])
    const run = await convertWith({ after: change(source) }, source, join(out, 'no.qcow2'))
    expect(run).toMatchObject({
      code: 3,
      stdout: '',
      stderr: expect.stringMatching(/^Error: The file .*source.raw changed while/),
    })
    expect(readdirSync(out).filter((name) => name !== 'source.raw')).toEqual([])
  })

  test('if the result file appears during the conversion, which is kept', async () => {
    const out = newOut()
    const result = join(out, 'theirs.qcow2')
    const run = await convertWith({ after: `echo theirs > ${result}` }, at('disk.raw'), result)
    expect(run).toMatchObject({ code: 5, stdout: '', stderr: expect.stringMatching(/theirs.qcow2 already exists\n/) })
    expect(readdirSync(out)).toEqual(['theirs.qcow2'])
    expect(readFileSync(result, 'utf8')).toBe('theirs\n')
  })

  test.each<[string, string, RegExp]>([
    ['truncated', 'truncate -s 70000 "$OUT"', / was deleted because it is damaged or truncated/],
    [
      'of the wrong size',
      'qemu-img resize -q "$OUT" +1M',
      / was deleted because it has a disk of 9437696 bytes instead of 8389120/,
    ],
  ])('if the result is %s', async (_, after, says) => {
    const out = newOut()
    const run = await convertWith({ after }, at('disk.raw'), join(out, 'no.qcow2'))
    expect(run).toMatchObject({ code: 3, stdout: '', stderr: expect.stringMatching(says) })
    expect(readdirSync(out)).toEqual([])
  })

  test('if the folder disappears during the conversion', async () => {
    const out = newOut()
    const run = await convertWith({ after: `rm -r ${out}` }, at('disk.raw'), join(out, 'no.qcow2'))
    const says = `Error: ${out}/no.qcow2 cannot be written: its folder does not exist\n`
    expect(run).toMatchObject({ code: 6, stdout: '', stderr: says })
    expect(existsSync(out)).toBe(false)
  })
})

/** Returns the bytes of a file in a folder, even without a name, that a process has open. */
function openBytes(pid: number | undefined, folder: string): number {
  const descriptors = `/proc/${pid}/fd`
  const sizes = readdirSync(descriptors).map((name) => {
    try {
      const path = join(descriptors, name)
      return readlinkSync(path).startsWith(`${folder}/`) ? statSync(path).size : 0
    } catch {
      // It was closed.
      return 0
    }
  })
  return Math.max(0, ...sizes)
}

describe('killed at any moment', () => {
  const source = at('half.raw')
  let duration = 0
  beforeAll(async () => {
    // Takes longer than the program needs to start, so that signals arrive during the conversion.
    await makeDisk('half.raw', ...(IS_THOROUGH ? ([48 * MIB, 32 * MIB] as const) : ([4 * MIB, 2 * MIB] as const)))
    if (!IS_THOROUGH) return
    const started = Date.now()
    await convert([source, join(newOut(), 'timed.qcow2'), '--to', 'qcow2', '--compress'], { process: true })
    duration = Date.now() - started
  })

  /** What qemu-img does, and how it stays there; `stop` is a script that does not end. */
  const STAGES = {
    'inspects the source': (stop) => ({ command: 'info', before: stop }),
    'begins to convert': (stop) => ({ before: stop }),
    converts: () => ({ rate: SLOWLY }),
    'has converted': (stop) => ({ after: stop }),
    'checks the result': (stop) => ({ command: 'check', before: stop }),
  } satisfies Record<string, (stop: string) => Around>
  type Stage = keyof typeof STAGES
  /** A stage, or a part of the duration of a conversion. */
  type Moment = Stage | number
  const MOMENTS: readonly Moment[] = [
    ...(Object.keys(STAGES) as Stage[]),
    ...Array.from({ length: IS_THOROUGH ? 12 : 0 }, (_, moment) => (moment + 0.5) / 12),
  ]

  /** Starts to convert a file to result.qcow2 in a folder, in which it also works. */
  const start = (from: string, cwd: string, env: Record<string, string> = {}) =>
    execa(PROGRAM, ['image', 'convert', from, 'result.qcow2', '--to', 'qcow2', '--compress'], {
      env: environment({ env }),
      extendEnv: false,
      reject: false,
      stdin: 'ignore',
      cwd,
    })

  let marks = 0
  /** Starts a conversion, sends a signal at a moment, and returns how it ended. */
  async function kill(signal: NodeJS.Signals, moment: Moment, out: string) {
    const mark = at(`mark${++marks}`)
    const around = typeof moment === 'number' ? {} : STAGES[moment](`touch ${mark}; exec sleep 600`)
    const running = start(source, out, { PATH: fakeQemuImg(around) })
    if (typeof moment === 'number') await sleep(moment * duration)
    else {
      // The tables of an empty image have five clusters.
      const isThere = () => (moment === 'converts' ? openBytes(running.pid, out) > 320 * KIB : existsSync(mark))
      await expect.poll(isThere, { interval: 5 }).toBe(true)
    }
    running.kill(signal)
    const { exitCode, signal: by, stdout, stderr } = await running
    return { exitCode, by, stdout, stderr }
  }

  test.each([
    ['SIGINT', 130, 'Error: Interrupted', 0],
    ['SIGTERM', 143, 'Error: Terminated', 1],
  ] as const)('%s', async (signal, code, says, first) => {
    const out = newOut()
    const result = join(out, 'result.qcow2')
    // The signals share the stages by default.
    for (const moment of MOMENTS.filter((_, number) => IS_THOROUGH || number % 2 === first)) {
      const run = await kill(signal, moment, out)
      await expect.poll(() => processesIn(out)).toEqual([])
      const isStage = typeof moment === 'string'
      if (!isStage && existsSync(result)) {
        await expectSameDisk(source, result, 'qcow2')
        await execa('rm', [result])
      } else if (isStage || run.by === undefined)
        expect({ moment, ...run }).toMatchObject({ moment, exitCode: code, stdout: '', stderr: says })
      expect(readdirSync(out)).toEqual([])
    }
  })

  test('SIGTERM while unpacking', async () => {
    const [out, tmp] = [newOut(), newOut()]
    // Unpacks to 16 GiB, as many streams, which takes longer than any test waits.
    const stream = gzipSync(Buffer.alloc(16 * MIB, 1))
    writeFileSync(at('endless.raw.gz'), Buffer.alloc(1024 * stream.length, stream))
    for (const unpacked of [1, 4 * MIB, 16 * MIB]) {
      const running = start(at('endless.raw.gz'), out, { TMPDIR: tmp })
      await expect.poll(() => openBytes(running.pid, tmp), { interval: 5 }).toBeGreaterThanOrEqual(unpacked)
      running.kill('SIGTERM')
      expect(await running).toMatchObject({ exitCode: 143, stdout: '', stderr: 'Error: Terminated' })
      expect([...readdirSync(out), ...readdirSync(tmp)]).toEqual([])
    }
  })

  test('SIGKILL: the next conversion in the folder removes what was left', async () => {
    const out = newOut()
    const result = join(out, 'result.qcow2')
    for (const moment of MOMENTS) {
      await kill('SIGKILL', moment, out)
      // The kernel ends a running qemu-img a moment later.
      await expect.poll(() => processesIn(out)).toEqual([])
      const names = readdirSync(out)
      if (typeof moment === 'number' && names.includes('result.qcow2')) {
        await expectSameDisk(source, result, 'qcow2')
        await execa('rm', [result])
      }
      const folders = names.filter((name) => typeof moment === 'string' || name !== 'result.qcow2')
      expect(folders.length).toBeLessThanOrEqual(1)
      expect(folders.every((name) => /^\.vdc-manage-work\./.test(name))).toBe(true)
      // Before the conversion, there is no folder yet.
      if (typeof moment === 'string')
        expect([moment, folders.length]).toEqual([moment, moment === 'inspects the source' ? 0 : 1])
    }
    // A running one and one of another host are kept.
    const others = [
      `.vdc-manage-work.elsewhere.1.abcdef`,
      `.vdc-manage-work.${hostname().replaceAll(/[^\w-]/g, '_')}.${process.pid}.abcdef`,
    ]
    for (const name of others) mkdirSync(join(out, name))
    expect(await convert([at('disk.raw'), join(out, 'next.qcow2'), '--to', 'qcow2'])).toMatchObject({ code: 0 })
    expect(readdirSync(out).sort()).toEqual([...others, 'next.qcow2'].sort())
  })

  test('SIGKILL while qemu-img starts: qemu-img ends too', async () => {
    const out = newOut()
    for (let round = 0; round < some(40, 8); round++) {
      const running = start(at('big.raw'), out)
      // qemu-img is started as soon as the work folder exists.
      while (
        readdirSync(out).length === (round === 0 ? 0 : 1) &&
        readdirSync(out)[0]?.includes(`.${running.pid}.`) !== true
      )
        await sleep(1)
      await sleep(round % 8)
      running.kill('SIGKILL')
      await running
      await expect.poll(() => processesIn(out)).toEqual([])
    }
  })
})

describe('at a terminal', () => {
  const terminals: Awaited<ReturnType<typeof startTerminal>>[] = []
  afterEach(async () => {
    for (const terminal of terminals.splice(0)) await terminal.close()
  })
  const start = async (line: string, { width = 80, env = {} } = {}) => {
    const terminal = await startTerminal(line, {
      database: { uri: 'bogus://x' },
      home: folder.path,
      cwd: folder.path,
      width,
      env,
    })
    terminals.push(terminal)
    return terminal
  }

  test.each([80, 40])('of %i columns shows the progress of qemu-img, and leaves nothing behind', async (width) => {
    const out = newOut()
    // Takes some seconds.
    const env = { PATH: fakeQemuImg({ rate: 2 * MIB }) }
    const line = `vdc-manage image convert big.raw ${basename(out)}/a.qcow2 --to qcow2 --compress`
    const terminal = await start(line, { width, env })
    const shown = await terminal.until(/^Converting (?:\[#+\.*\])? +[1-9]\d?% /m)
    expect(shown.split('\n').every((line) => line.length < width)).toBe(true)
    expect(await terminal.exitCode()).toBe(0)
    expect((await terminal.screen()).replaceAll('\n', '')).toBe(`${out}/a.qcow2exit code 0`)
  })

  test('Ctrl-C ends it with one line and leaves no file', async () => {
    const out = newOut()
    const line = `cd ${basename(out)} && vdc-manage image convert ../big.raw a.qcow2 --to qcow2`
    const terminal = await start(line, { env: { PATH: fakeQemuImg({ rate: SLOWLY }) } })
    await terminal.until(/^Converting/m)
    await terminal.press('C-c')
    expect(await terminal.exitCode()).toBe(130)
    expect(await terminal.screen()).toBe('Error: Interrupted\nexit code 130')
    expect(readdirSync(out)).toEqual([])
    await expect.poll(() => processesIn(out)).toEqual([])
  })

  test('escapes control characters in names', async () => {
    const out = newOut()
    const terminal = await start(
      `vdc-manage image convert disk.raw "$(printf "${basename(out)}/\\033[31mred.raw")" --to raw`,
    )
    expect(await terminal.exitCode()).toBe(0)
    expect((await terminal.screen()).replaceAll('\n', '')).toBe(`${out}/\\u001b[31mred.rawexit code 0`)
  })
})

describe.each(ENGINES)('image add local --convert on %s', (engine) => {
  let database: TestDatabase
  let home: string
  beforeAll(async () => {
    database = await newDatabase(engine)
  })
  afterAll(() => database.remove())

  /** Creates a folder with an image in it. */
  async function newHome(source = 'disk.raw'): Promise<string> {
    home = newOut()
    await execa('cp', [at(source), home])
    return join(home, source)
  }
  const add = (path: string, ...args: string[]) =>
    vdcManage(['image', 'add', 'local', path, '--account-id', 'a-shpoolxx', ...args], { database })

  test('creates a file next to the source and registers it', async () => {
    for (const [source, to, name] of [
      ['disk.raw', 'qcow2', 'disk.qcow2'],
      ['disk.qcow2.gz', 'vpc', 'disk.vhd'],
      ['disk.tgz', 'raw', 'disk.raw'],
      ['fixed.vhd', 'raw', 'fixed.raw'],
    ] as const) {
      const path = await newHome(source)
      const run = await add(path, '--convert', to, '--checksum', hashOf(path, 'sha256'))
      expect(run).toMatchObject({ code: 0, stderr: '', stdout: expect.stringMatching(/^wmi-\w{8}\n$/) })
      const image = await vdcManageJson(['image', 'show', run.stdout.trim()], { database })
      expect(image).toMatchObject({ file_format: to, display_name: name.split('.')[0], virtual_size: DISK })
      expect(image.backup_object).toMatchObject({
        uri: `file://${home}/${name}`,
        container_format: 'none',
        checksum: hashOf(join(home, name), 'md5'),
        sha256: hashOf(join(home, name), 'sha256'),
      })
      expect(readdirSync(home).sort()).toEqual([source, name].sort())
      await expectSameDisk(at('disk.raw'), join(home, name), to)
    }
  })

  test('registers a file that already has the format unchanged, with a warning', async () => {
    const path = await newHome('disk.qcow2')
    const run = await add(path, '--convert', 'qcow2')
    expect(run).toMatchObject({
      code: 0,
      stderr: `Warning: The file ${path} is already qcow2, and is registered as it is\n`,
    })
    expect(readdirSync(home)).toEqual(['disk.qcow2'])
  })

  test('leaves no rows and no file if it is refused', async () => {
    const path = await newHome()
    const before = await allRows(database)
    const refused = async (args: string[], code: number, says: RegExp, env: Record<string, string> = {}) => {
      const words = ['image', 'add', 'local', path, '--convert', 'vdi', ...args]
      const run = await vdcManage(words, { database, env })
      expect(run).toMatchObject({ code, stdout: '' })
      expect(run.stderr).toMatch(says)
      expect(readdirSync(home)).toEqual([basename(path)])
      expect(await allRows(database)).toEqual(before)
    }
    const owner = ['--account-id', 'a-shpoolxx']
    await refused(['--account-id', 'a-nosuchxx'], 4, /Account a-nosuchxx does not exist/)
    await refused([...owner, '--checksum', '0'.repeat(32)], 3, /has the wrong MD5: expected 0{32}/)
    await refused([...owner, '--max-size', '1M'], 3, /over the limit of 1048576/)
    await refused([...owner, '--convert', 'iso'], 2, /given more than once|only be specified once/)
    await refused([...owner, '--storage-id', 'bkst-none'], 3, /bkst-none/)
    // Known only after the conversion.
    const PATH = fakeQemuImg({ after: `mkdir ${home}/disk.vdi` })
    const run = await vdcManage(['image', 'add', 'local', path, '--convert', 'vdi', ...owner], {
      database,
      env: { PATH },
    })
    expect(run).toMatchObject({ code: 5, stdout: '', stderr: expect.stringMatching(/disk.vdi already exists/) })
    expect(await allRows(database)).toEqual(before)
  })

  test('removes the result if it can no longer be registered', async () => {
    const path = await newHome()
    await execa('cp', [at('disk.qcow2'), at(`taken-${engine}.qcow2`)])
    // Another process takes the ID during the conversion.
    const { XDG_STATE_HOME } = environment({ database })
    const env = `env VDC_MANAGE_DATABASE_URI='${database.uri}' PATH='${process.env.PATH}' XDG_STATE_HOME='${XDG_STATE_HOME}'`
    const other = `image add local ${at(`taken-${engine}.qcow2`)} --account-id a-shpoolxx --uuid wmi-wanted`
    const PATH = fakeQemuImg({ after: `${env} ${PROGRAM} ${other} > /dev/null` })
    const args = [
      'image',
      'add',
      'local',
      path,
      '--account-id',
      'a-shpoolxx',
      '--convert',
      'qcow2',
      '--uuid',
      'wmi-wanted',
    ]
    const run = await vdcManage(args, { database, env: { PATH } })
    expect(run).toMatchObject({ code: 5, stdout: '', stderr: expect.stringMatching(/wmi-wanted is already taken/) })
    expect(readdirSync(home)).toEqual(['disk.raw'])
    const image = await vdcManageJson(['image', 'show', 'wmi-wanted'], { database })
    expect(image.backup_object.uri).toBe(`file://${at(`taken-${engine}.qcow2`)}`)
  })

  test('leaves no rows and no file if killed during the conversion', async () => {
    const path = await newHome()
    const before = await allRows(database)
    for (const [signal, code] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
    ] as const) {
      const PATH = fakeQemuImg({ before: 'exec sleep 30' })
      const args = ['image', 'add', 'local', path, '--account-id', 'a-shpoolxx', '--convert', 'qcow2']
      const running = execa(PROGRAM, args, {
        env: environment({ database, env: { PATH } }),
        extendEnv: false,
        reject: false,
        stdin: 'ignore',
      })
      await expect.poll(() => readdirSync(home).length).toBe(2)
      running.kill(signal)
      expect(await running).toMatchObject({ exitCode: code, stdout: '' })
      expect(readdirSync(home)).toEqual(['disk.raw'])
      expect(await allRows(database)).toEqual(before)
    }
  })

  test('is refused for a backup object, and with --tx bulk', async () => {
    const path = await newHome()
    const line = `image add local ${path} --account-id a-shpoolxx --convert qcow2\n`
    const bulk = await vdcManage(['--tx', 'bulk'], { database, input: line })
    expect(bulk.code).toBe(9)
    expect(bulk.stderr).toMatch(
      /Error: Cannot make files within --tx bulk, .*\nHint: Make the file first, with vdc-manage image convert or image prepare\n/,
    )
    expect(readdirSync(home)).toEqual(['disk.raw'])
    expect(await vdcManage([], { database, input: line })).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^wmi-/),
    })
    const object = (await vdcManageJson(['backupobject', 'list'], { database }))[0].id
    const run = await add(object, '--convert', 'raw')
    expect(run).toMatchObject({
      code: 3,
      stdout: '',
      stderr: expect.stringMatching(/is a backup object\nHint: Omit --convert/),
    })
  })
})
