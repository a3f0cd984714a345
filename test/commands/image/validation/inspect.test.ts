import { chmodSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { countRows, newDatabase, type TestDatabase } from '../../../support/databases/databases.ts'
import { hashOf, makeImage, newFolder } from '../../../support/files/images.ts'
import { environment, PROGRAM, type Run, type RunOptions, shell, vdcManage } from '../../../support/process/cli.ts'

const MIB = 2 ** 20

const folder = newFolder()
const at = (name: string) => join(folder.path, name)

beforeAll(async () => {
  await makeImage(at('good.qcow2'), { size: '64M' })
  await makeImage(at('good.vmdk'), { format: 'vmdk', size: '64M' })
  await makeImage(at('old.qed'), { format: 'qed', size: '64M' })
  await makeImage(at('empty.raw'), { format: 'raw', size: '1M' })
  await makeImage(at('layer.qcow2'), { more: ['-F', 'qcow2', '-b', 'good.qcow2'], size: '64M' })
  await shell(
    'mkfs.ext4 -q linux.raw 8M; gzip -k good.qcow2; tar czf linux.tgz linux.raw; tar cf two.tar linux.raw empty.raw; head -c 100000 good.qcow2 > cut.qcow2; head -c 100 good.qcow2.gz > cut.gz; head -c 900 linux.tgz > cut.tgz',
    { cwd: folder.path },
  )
  writeFileSync(at('page.html'), `<!DOCTYPE html>${' '.repeat(1000)}`)
  writeFileSync(at('noise.raw'), Buffer.alloc(MIB, 0xa5))
  writeFileSync(at('nothing.raw'), '')
  writeFileSync(at('big.raw'), '')
  truncateSync(at('big.raw'), 200 * 1024 * MIB)
})
afterAll(() => folder.remove())

/** Runs image inspect in the folder of the images, with a database that it must not use. */
function inspect(args: string[], options: RunOptions = {}): Promise<Run> {
  return vdcManage(['image', 'inspect', ...args], {
    cwd: folder.path,
    database: { uri: 'bogus://nowhere' },
    ...options,
  })
}

async function inspectJson(args: string[]) {
  const run = await inspect([...args, '--json'])
  return { code: run.code, stderr: run.stderr, answer: JSON.parse(run.stdout) }
}

const checksumsOf = (path: string) => ({ md5: hashOf(path, 'md5'), sha256: hashOf(path, 'sha256') })

/** Keys of a report, in order. */
const KEYS = [
  'path',
  'acceptable',
  'file_format',
  'version',
  'features',
  'contents',
  'arch',
  'container_format',
  'virtual_size',
  'size',
  'allocation_size',
  'md5',
  'sha256',
  'warnings',
  'refusals',
]

describe('image inspect prints a report', () => {
  test('as text', async () => {
    const { md5, sha256 } = checksumsOf(at('good.qcow2'))
    expect(await inspect(['good.qcow2'])).toEqual({
      code: 0,
      signal: undefined,
      stderr: '',
      stdout: [
        `path:             ${at('good.qcow2')}`,
        'acceptable:       yes',
        'file_format:      qcow2',
        'version:          3',
        'features:         -',
        'contents:         -',
        'arch:             -',
        'container_format: none',
        'virtual_size:     64 MiB (67108864 B)',
        'size:             192 KiB (196616 B)',
        'allocation_size:  192 KiB (196616 B)',
        `md5:              ${md5}`,
        `sha256:           ${sha256}`,
        '',
      ].join('\n'),
    })
  })

  test.each<[string, { container_format: string; [key: string]: unknown }]>([
    ['good.qcow2', { file_format: 'qcow2', version: 3, container_format: 'none', virtual_size: 64 * MIB }],
    ['good.vmdk', { file_format: 'vmdk', container_format: 'none', virtual_size: 64 * MIB }],
    [
      'linux.raw',
      {
        file_format: 'raw',
        container_format: 'none',
        contents: ['ext'],
        version: null,
        size: 8 * MIB,
        virtual_size: 8 * MIB,
      },
    ],
    ['good.qcow2.gz', { file_format: 'qcow2', container_format: 'gz', size: 196616, virtual_size: 64 * MIB }],
    ['linux.tgz', { file_format: 'raw', container_format: 'tgz', contents: ['ext'], size: 8 * MIB }],
  ])('as JSON: %s', async (name, expected) => {
    const { code, stderr, answer } = await inspectJson([name])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const bytes = readFileSync(at(name)).length
    expect(Object.keys(answer)).toEqual(KEYS)
    expect(answer).toMatchObject({
      path: at(name),
      acceptable: true,
      allocation_size: bytes,
      ...(expected.container_format === 'none' && { size: bytes }),
      ...checksumsOf(at(name)),
      warnings: [],
      refusals: [],
      ...expected,
    })
  })

  test('with warnings, and without checksums', async () => {
    const legacy = await inspect(['--no-checksum', 'old.qed'])
    expect(legacy).toMatchObject({ code: 0, stderr: '' })
    expect(legacy.stdout).toMatch(/^md5: +-\nsha256: +-\nwarning: +is in a legacy format/m)
    const { answer } = await inspectJson(['--no-checksum', 'noise.raw'])
    expect(answer).toMatchObject({ acceptable: true, md5: null, sha256: null })
    expect(answer.warnings).toEqual([expect.stringMatching(/may not boot$/)])
  })
})

/** Files, the message of their refusal, and what is known anyway. */
const REFUSED: [string, RegExp, object][] = [
  ['nosuch.qcow2', /^The file nosuch.qcow2 does not exist$/, { file_format: null, size: null }],
  ['', /^The path of the image file is empty$/, { path: '' }],
  ['.', /is a folder, not a regular file$/, {}],
  ['/dev/zero', /is a device, not a regular file$/, {}],
  ['nothing.raw', /nothing.raw is empty$/, {}],
  ['layer.qcow2', /refers to the backing file good.qcow2/, { file_format: 'qcow2', virtual_size: 64 * MIB, md5: null }],
  ['cut.qcow2', /is damaged or truncated/, { file_format: 'qcow2', allocation_size: 100000 }],
  ['page.html', /is an HTML page, not a disk image$/, { file_format: null, container_format: 'none' }],
  ['cut.gz', /is damaged or truncated/, { container_format: 'gz' }],
  ['cut.tgz', /is damaged or truncated/, { container_format: 'tgz' }],
  ['two.tar', /more than one/, { container_format: 'tar' }],
]

describe('image inspect refuses', () => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await newDatabase('sqlite')
  })
  afterAll(() => database.remove())

  test.each(REFUSED)('%j with what is known, and the error of image add local', async (name, message, known) => {
    const { code, stderr, answer } = await inspectJson([name])
    expect({ code, stderr }).toEqual({ code: 3, stderr: '' })
    expect(Object.keys(answer)).toEqual([...KEYS, 'error'])
    expect(answer).toMatchObject({ acceptable: false, ...known })
    const { error, refusals } = answer
    expect(error).toMatchObject({ code: 'FILE_REFUSED', message: expect.stringMatching(message), exit: 3 })
    expect(refusals[0]).toEqual({ message: error.message, ...(error.hint && { hint: error.hint }) })

    const run = await inspect([name])
    expect(run).toMatchObject({ code: 3, stdout: expect.stringMatching(/^path:.*\nacceptable: +no\nrefusal: /) })
    expect(/^refusal: +(.*)$/m.exec(run.stdout)?.[1]).toBe(error.message)
    expect(run.stderr).toBe(`Error: ${error.message}\n${error.hint ? `Hint: ${error.hint}\n` : ''}`)

    const add = ['image', 'add', 'local', name, '--account-id', 'a-shpoolxx', '--json']
    const added = await vdcManage(add, { cwd: folder.path, database })
    expect(JSON.parse(added.stdout)).toEqual({ error })
    expect(await countRows(database)).toMatchObject({ images: 0, backup_objects: 0, histories: 0 })
  })

  test('a file for several reasons, each printed once at a terminal', async () => {
    // qemu-img creates the data file in its working directory.
    const layer = 'qemu-img create -q -f qcow2 -F qcow2 -b good.qcow2 -o data_file=apart.raw both.qcow2 64M'
    expect(await shell(layer, { cwd: folder.path })).toMatchObject({ code: 0 })
    const backing = `The file ${at('both.qcow2')} refers to the backing file good.qcow2`
    const apart = `The file ${at('both.qcow2')} refers to the external data file apart.raw`
    const piped = await inspect(['both.qcow2', 'no\u001b[2J'])
    expect(piped).toMatchObject({ code: 3, stderr: expect.stringMatching(`^Error: ${backing}`) })
    expect(piped.stdout).toMatch(new RegExp(`^refusal 1: +${backing}.*\nrefusal 2: +${apart}`, 'm'))
    expect(piped.stdout).toContain('\nrefusal:    The file no\\u001b[2J does not exist\n')
    const line = "script -qec 'vdc-manage image inspect --no-color both.qcow2' /dev/null </dev/null"
    const { code, stdout } = await shell(line, { cwd: folder.path, database: { uri: 'bogus://nowhere' } })
    expect({ code, told: stdout.match(/refers to the (?:backing|external data) file/g) }).toEqual({
      code: 3,
      told: ['refers to the external data file', 'refers to the backing file'],
    })
    expect(stdout).toContain(`Error: ${backing}`)
  })

  test.each<[string[], RegExp]>([
    [['--file-format', 'raw'], /is qcow2, not raw as declared/],
    [['--max-size', '63M'], /has a virtual size of 67108864 bytes, over the limit of 66060288\nHint: .*--max-size/],
    [['--checksum', `md5:${'0'.repeat(32)}`], /has the wrong MD5: expected 0{32}, got [0-9a-f]{32}\n/],
    [['--checksum', 'f'.repeat(64)], /has the wrong SHA-256: expected f{64}, got [0-9a-f]{64}\n/],
  ])('a file that is not as expected: %j', async (args, says) => {
    const run = await inspect([...args, 'good.qcow2'])
    expect(run).toMatchObject({ code: 3, stdout: expect.stringMatching(/^acceptable: +no\nrefusal: /m) })
    expect(run.stderr).toMatch(says)
  })

  test('no file that is as expected, in any spelling', async () => {
    const { md5, sha256 } = checksumsOf(at('good.qcow2'))
    for (const checksum of [md5, sha256.toUpperCase(), `md5:${md5}`, `SHA256:${sha256}`]) {
      const args = ['--file-format', 'qcow2', '--max-size', '64MiB', '--checksum', checksum, 'good.qcow2']
      expect(await inspect(args)).toMatchObject({ code: 0, stderr: '' })
    }
  })

  test.each<[string[], number, string]>([
    [[], 2, 'Error: Missing argument: PATH\n'],
    [['--quick', 'good.qcow2'], 2, 'Error: Unknown option: --quick\n'],
    [
      ['--no-checksum', '--checksum', '0'.repeat(32), 'x'],
      2,
      'Error: --checksum and --no-checksum cannot be used together\n',
    ],
    [['--checksum', '0'.repeat(32), 'x', 'y'], 2, 'Error: --checksum can be used with only one file\n'],
    [['--checksum', 'md5:12', 'x'], 3, 'Error: --checksum must be sha256: and 64 hexadecimal digits, or md5: and 32\n'],
    [['--max-size', '1X', 'x'], 3, 'Error: --max-size must be a number of bytes, such as 1073741824, 10G or 64TiB\n'],
    [['--file-format', 'iso', 'x'], 3, 'Error: --file-format must be one of: raw, qcow2,'],
    [['--arch', 'arm', 'x'], 3, "Error: --arch must be one of: x86, x86_64; not 'arm'\n"],
  ])('invalid arguments: %j', async (args, code, says) => {
    const run = await inspect(args)
    expect(run).toMatchObject({ code, stdout: '' })
    expect(run.stderr.startsWith(says)).toBe(true)
  })
})

test('several files are reported one after another, even if some are refused', async () => {
  const run = await inspect(['--no-checksum', 'good.qcow2', 'layer.qcow2', 'nosuch', 'linux.raw'])
  expect(run.code).toBe(3)
  expect(run.stdout.split('\n\n').map((report) => report.split('\n').slice(0, 2))).toEqual([
    [`path:             ${at('good.qcow2')}`, 'acceptable:       yes'],
    [`path:             ${at('layer.qcow2')}`, 'acceptable:       no'],
    ['path:       nosuch', 'acceptable: no'],
    [`path:             ${at('linux.raw')}`, 'acceptable:       yes'],
  ])
  expect(run.stderr.match(/^Error: .*$/gm)).toHaveLength(2)
  const { code, answer } = await inspectJson(['--no-checksum', 'nosuch', 'good.qcow2'])
  expect(code).toBe(3)
  expect(answer.map(({ acceptable }: { acceptable: boolean }) => acceptable)).toEqual([false, true])
})

test('opens no database and no network connection', async () => {
  const log = at('strace.log')
  const args = ['-f', '-qq', '-e', 'trace=connect,open,openat,creat,mkdir,unlink,rename', '-o', log]
  // Neither an unreachable database nor a new embedded registry.
  for (const env of [
    environment({ database: { uri: 'mysql://root@127.0.0.1:1/none' } }),
    { ...environment({ env: { CONF_PATH: '/nonexistent' } }), HOME: folder.path },
  ]) {
    const run = await execa('strace', [...args, PROGRAM, 'image', 'inspect', at('good.qcow2')], {
      env,
      extendEnv: false,
    })
    expect(run.stderr).toBe('')
    // The first run writes the code cache.
    const calls = readFileSync(log, 'utf8').replaceAll(/.*"\/var\/cache(?:\/vdc-manage.*)?", .*\n/g, '')
    expect(calls).toContain(at('good.qcow2'))
    // The C library asks a daemon for user names.
    expect(calls.match(/.*(?:AF_INET|sun_path=(?!"\/var\/run\/nscd)|sqlite|libsql|O_CREAT|mkdir\().*/g)).toBeNull()
  }
})

test('accepts odd names, and escapes them', async () => {
  for (const [name, refused] of [
    ['line\nfeed\u001b[31m.qcow2', 'the character U+000A'],
    ["it's $HOME.qcow2", 'a space'],
    ['json:{}', "the character '{'"],
    ['nbd:localhost:1', undefined],
    ['-x', undefined],
  ] as const) {
    await execa('cp', ['--', 'good.qcow2', `./${name}`], { cwd: folder.path })
    const run = await inspect(['--no-checksum', '--', name])
    // Names that add local would refuse are refused here too.
    expect(run.code).toBe(refused === undefined ? 0 : 3)
    if (refused === undefined) expect(run.stderr).toBe('')
    else expect(run.stderr).toContain(` contains ${refused}, which a URI must escape: `)
    expect(run.stdout).toMatch(/^file_format: +qcow2$/m)
    expect(run.stdout.split('\n')[0]).toBe(
      `path:             ${at(name).replace('\n', '\\n').replace('\u001b', '\\u001b')}`,
    )
  }
  const missing = await inspect(['no\u001b[2Jsuch'])
  expect(missing.code).toBe(3)
  expect(missing.stderr).toMatch(/^Error: The file no\\u001b\[2Jsuch does not exist\nHint: Check the path; .*\n$/)
})

test('handles closed pipes and full disks', async () => {
  const run = (line: string) => shell(line, { cwd: folder.path, database: { uri: 'bogus://nowhere' } })
  const closed = await run('vdc-manage image inspect good.qcow2 linux.raw | head -1; echo $PIPESTATUS')
  expect(closed).toMatchObject({ stderr: '', stdout: `path:             ${at('good.qcow2')}\n0\n` })
  for (const json of ['', '--json']) {
    const full = await run(`vdc-manage image inspect ${json} good.qcow2 > /dev/full`)
    expect(full.code).toBe(1)
    expect(full.stderr).toMatch(/^Error: Cannot write to stdout: ENOSPC/)
  }
})

test('works in the shell without a database', async () => {
  const run = await vdcManage([], {
    cwd: folder.path,
    database: { uri: 'bogus://nowhere' },
    input:
      'image inspect --no-checksum linux.raw\nimage inspect nosuch\nimage inspect good.qcow2 --json --no-checksum\n',
  })
  expect(run.code).toBe(9)
  expect(run.stdout).toMatch(/^path: .*linux.raw\n/)
  expect(run.stdout).toMatch(/"file_format": "qcow2"/)
  expect(run.stderr).toMatch(/^Error: The file nosuch does not exist\nHint: .*\nLine 2 failed: image inspect nosuch\n$/)
})

test.each([
  ['SIGINT', 130, 'Interrupted'],
  ['SIGTERM', 143, 'Terminated'],
] as const)('%s prints the reports so far and one line, and sets the exit code', async (signal, exitCode, says) => {
  const running = execa(PROGRAM, ['image', 'inspect', 'linux.raw', 'big.raw'], {
    env: environment({ database: { uri: 'bogus://nowhere' } }),
    extendEnv: false,
    reject: false,
    cwd: folder.path,
  })
  // The first file is reported, the second is not.
  running.stdout.once('data', () => running.kill(signal))
  const run = await running
  expect(run).toMatchObject({ exitCode, stderr: `Error: ${says}` })
  expect(run.stdout).toMatch(/^path: .*linux.raw\nacceptable: +yes\n/)
})

test('reports a missing or failing qemu-img', async () => {
  const bin = newFolder()
  for (const program of ['env', 'setpriv']) symlinkSync(`/usr/bin/${program}`, join(bin.path, program))
  symlinkSync(process.execPath, join(bin.path, 'node'))
  const run = (name: string) => inspect([name], { env: { PATH: bin.path } })
  expect(await run('good.qcow2')).toMatchObject({
    code: 6,
    stdout: '',
    stderr: 'Error: qemu-img is not installed\nHint: Install it with: apt-get install qemu-utils\n',
  })
  const says = async (script: string) => {
    writeFileSync(join(bin.path, 'qemu-img'), `#!/bin/sh\n${script}\n`, { mode: 0o755 })
    return run('good.qcow2')
  }
  expect(await says('echo hello')).toMatchObject({ code: 6, stderr: expect.stringMatching(/not valid JSON/) })
  expect(await says('kill -9 $$')).toMatchObject({ code: 3, stderr: expect.stringMatching(/was killed .*SIGKILL/) })
  expect(await says('kill -SEGV $$')).toMatchObject({ code: 3, stderr: expect.stringMatching(/crashes on it/) })
  expect(await says('exec /usr/bin/yes aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa')).toMatchObject({
    code: 3,
    stderr: expect.stringMatching(/more than 4 MiB/),
  })
  // High priority, if allowed, and several tries, so that the CPU limit is reached before the time limit.
  const spin = () => says('exec /usr/bin/nice -n -15 /bin/sh -c "while :; do :; done"')
  let spun = await spin()
  for (let more = 0; more < 9 && /more than 10 s\n/.test(spun.stderr); more++) spun = await spin()
  expect(spun).toMatchObject({ code: 3, stderr: expect.stringMatching(/more than 2 s of processor time/) })
  chmodSync(join(bin.path, 'qemu-img'), 0o644)
  expect(await run('good.qcow2')).toMatchObject({ code: 6, stderr: expect.stringMatching(/cannot be run: .*denied/) })
  bin.remove()
})
