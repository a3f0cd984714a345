import { execFileSync, spawn } from 'node:child_process'
import {
  chmodSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type Server } from 'node:net'
import { dirname, join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { noise } from '../../../disk/formats/inspecting.ts'
import { allRows, ENGINES, newDatabase, type TestDatabase } from '../../../support/databases/databases.ts'
import {
  makeFull,
  makePatched,
  type Patch,
  patch,
  sealVhdx,
  sealVpc,
  u16be,
  u32be,
  u32le,
  u64be,
  u64le,
} from '../../../support/files/image-bytes.ts'
import { hashOf, makeImage, newFolder, rawDisk } from '../../../support/files/images.ts'
import { environment, PROGRAM, shell, vdcManage, vdcManageJson } from '../../../support/process/cli.ts'
import { expectRefused, type Refusal } from '../../../support/refusals.ts'

/* The rows of the table of bad input. */

const folder = newFolder()
const at = (name: string) => join(folder.path, name)
const sh = (line: string) => execa('bash', ['-c', line], { cwd: folder.path })
const MIB = 1024 * 1024
const owner = ['--account-id', 'a-shpoolxx']
const add = (path: string, ...options: string[]) => ['image', 'add', 'local', path, ...owner, ...options]
afterAll(() => folder.remove())

let database: TestDatabase
beforeAll(async () => {
  database = await newDatabase('sqlite')
})
afterAll(() => database.remove())

const refuse = (path: string, says: string | RegExp, options: string[] = [], more: Partial<Refusal> = {}) =>
  expectRefused(database, add(path, ...options), { exit: 3, message: says, ...more })
/** Adds a file that must be accepted. Returns the image and stderr. */
async function take(path: string, ...options: string[]) {
  const run = await vdcManage(add(path, ...options, '--json'), { database })
  expect(run).toMatchObject({ code: 0 })
  return { image: JSON.parse(run.stdout), stderr: run.stderr }
}

describe('paths that are not regular files', () => {
  let server: Server
  beforeAll(() => {
    symlinkSync(at('nowhere'), at('dangling'))
    symlinkSync(at('loop'), at('loop'))
    mkdirSync(at('directory'))
    execFileSync('mkfifo', [at('fifo')])
    writeFileSync(at('file'), 'x')
    server = createServer().listen(at('socket'))
  })
  afterAll(() => server.close())

  const PATHS: [name: string, path: string, says: string | RegExp][] = [
    ['a missing path', at('missing'), 'missing does not exist'],
    ['a missing folder', at('missing/x'), 'does not exist'],
    ['a dangling symlink', at('dangling'), 'does not exist'],
    ['a symlink loop', at('loop'), 'cannot be read: its symbolic links form a loop'],
    ['a file as a folder', at('file/x'), 'a part of its path is not a folder'],
    ['a directory', at('directory'), 'is a folder, not a regular file'],
    ['a FIFO', at('fifo'), 'is a FIFO, not a regular file'],
    ['a socket', at('socket'), 'is a socket, not a regular file'],
    ['a character device', '/dev/zero', 'is a device, not a regular file'],
    ['a terminal', '/dev/tty', 'is a device, not a regular file'],
    ['a file in /proc', '/proc/version', 'the kernel generates the files in /proc'],
    ['an endless file in /proc', '/proc/kmsg', 'the kernel generates the files in /proc'],
    ['a file in /sys', '/sys/kernel/uevent_seqnum', 'the kernel generates the files in /sys'],
    ['an empty path', '', 'The path of the image file is empty'],
    ['a name that is too long', at('n'.repeat(256)), 'has a name that is too long'],
  ]
  test.each(PATHS)('refuses %s', (_, path, says) => refuse(path, says))

  test.each(PATHS)('refuses %s at once', async (_, path) => {
    const timed = async (args: string[]) => {
      const start = performance.now()
      await vdcManage(args, { database })
      return performance.now() - start
    }
    // A busy machine delays some runs, and slows down other commands that open the registry too.
    const other = ['image', 'show', 'wmi-none']
    let [least, usual] = [Number.POSITIVE_INFINITY, 0]
    for (let round = 0; round < 10 && least >= Math.max(200, 5 * usual); round++) {
      least = Math.min(least, await timed(add(path)))
      usual = round === 0 ? await timed(other) : Math.min(usual, await timed(other))
    }
    expect(least).toBeLessThan(Math.max(200, 5 * usual))
  })

  test('refuses a file or folder without read permission', async () => {
    const open = newFolder()
    chmodSync(dirname(open.path), 0o755)
    chmodSync(open.path, 0o777)
    mkdirSync(join(open.path, 'shut'))
    await makeImage(join(open.path, 'shut', 'disk.raw'), { format: 'raw', size: '1M' })
    const path = await makeImage(join(open.path, 'disk.raw'), { format: 'raw', size: '1M' })
    chmodSync(path, 0)
    chmodSync(join(open.path, 'shut'), 0o700)
    const drop = process.getuid?.() === 0 ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] : ['env']
    for (const each of [path, join(open.path, 'shut', 'disk.raw')]) {
      const [command = '', ...args] = [...drop, PROGRAM, ...add(each)]
      const env = environment({ env: { VDC_MANAGE_DATABASE_URI: `sqlite://${open.path}/r.sqlite` } })
      const run = await execa(command, args, { env, extendEnv: false, reject: false })
      expect(run).toMatchObject({
        exitCode: 3,
        stdout: '',
        stderr: expect.stringMatching(
          new RegExp(`^(?:Created a new registry: .*\\n)?Error: The file ${each} cannot be read: permission denied$`),
        ),
      })
    }
    open.remove()
  })

  test('registers the target of a symlink', async () => {
    await makeImage(at('good.qcow2'))
    mkdirSync(at('links'))
    symlinkSync('../good.qcow2', at('links/first.vmdk'))
    symlinkSync('links/first.vmdk', at('second'))
    const { image, stderr } = await take(at('second'))
    expect(image.backup_object.uri).toBe(`file://${at('good.qcow2')}`)
    expect(stderr).toBe('')
  })
})

describe('sizes and names', () => {
  test('refuses empty and too short files, and warns about partial sectors', async () => {
    writeFileSync(at('empty.raw'), '')
    await refuse(at('empty.raw'), 'is empty')
    writeFileSync(at('short.raw'), Buffer.alloc(511))
    await refuse(at('short.raw'), 'is too short for a disk image: 511 bytes')
    writeFileSync(at('odd.raw'), Buffer.concat([rawDisk(MIB), Buffer.alloc(100)]))
    const { image, stderr } = await take(at('odd.raw'))
    expect(stderr).toBe(`Warning: The file ${at('odd.raw')} has ${MIB + 100} bytes, which is not a multiple of 512\n`)
    expect(image).toMatchObject({ virtual_size: MIB + 100, backup_object: { size: MIB + 100 } })
  })

  test.each([
    ['really.vmdk', 'qcow2'],
    ['really.raw', 'qcow2'],
    ['really.iso', 'vdi'],
    ['really.vhdx', 'vpc'],
  ])('warns about %s that is %s', async (name, format) => {
    await makeImage(at(name), { format, size: '16M' })
    const { image, stderr } = await take(at(name))
    expect(stderr).toContain(`is named .${name.split('.')[1]} but is ${format}\n`)
    expect(image.file_format).toBe(format)
  })

  test.each(['qcow2', 'QCOW2', 'vmdk', 'vdi', 'vhd', 'vhdx', 'hdd', 'qed', 'gz', 'tar', 'tgz', 'xz', 'ova'])(
    'refuses zeros named .%s as a failed download, unless declared raw',
    async (ending) => {
      const path = at(`broken-${ending}.${ending}`)
      writeFileSync(path, Buffer.alloc(MIB))
      await refuse(
        path,
        `is named .${ending.toLowerCase()} but is not in that format: its download may have failed`,
        [],
        {
          hint: '--file-format raw',
        },
      )
      expect((await take(path, '--file-format', 'raw')).stderr).toContain(
        `is named .${ending.toLowerCase()} but is raw`,
      )
    },
  )

  test.each(['img', 'bin', 'dsk', 'no-ending', 'backup.2024'])(
    'accepts a file extension without a format: %s',
    async (ending) => {
      const path = await makeImage(at(`name.${ending}`))
      expect((await take(path)).stderr).toBe('')
    },
  )

  test('accepts names with a meaning elsewhere', async () => {
    for (const name of ['-x', '--help', 'a:b', 'nbd:localhost:1', 'fat:rw:x', "it's;$(touch)&", '~', '*', '..raw']) {
      await makeImage(at('plain'), { format: 'raw', size: '1M' })
      renameSync(at('plain'), at(name))
      const run = await vdcManage(['image', 'add', 'local', ...owner, '--json', '--', name], {
        database,
        cwd: folder.path,
      })
      expect({ name, ...run }).toMatchObject({ name, code: 0, stderr: '' })
      expect(JSON.parse(run.stdout).backup_object.uri).toBe(`file://${at(name)}`)
    }
  })

  test.each([
    ['a b', 'contains a space'],
    ['json:{"driver":"raw"}', /contains the character '[{"]'/],
    ['new\nline', 'new\\nline contains the character U+000A'],
    ['\u001b[31mred\u0007', '\\u001b[31mred\\u0007 contains the character U+001B'],
    ['quote"', `contains the character '"'`],
    ['back\\slash', `contains the character '\\'`],
    ['100%', `contains the character '%'`],
    ['#1', `contains the character '#'`],
    ['ümlaut', 'contains the character U+00FC'],
    ['what?', `contains the character '?'`],
    ['画像', 'contains the character U+753B'],
  ])('refuses a name that a URI cannot contain before reading the file: %j', async (name, says) => {
    // Hashing it would take minutes.
    writeFileSync(at('huge'), rawDisk(512))
    truncateSync(at('huge'), 64 * 1024 * MIB)
    renameSync(at('huge'), at(name))
    await refuse(at(name), says)
    rmSync(at(name))
  })

  test('refuses a name that is not UTF-8', async () => {
    writeFileSync(at('good.raw'), rawDisk(MIB))
    await sh("cp good.raw $'bad\\xff.raw'; mkdir $'bad\\xff' && cp good.raw $'bad\\xff/fine.raw'")
    const before = await allRows(database)
    for (const [cd, name] of [
      ['.', "$'bad\\xff.raw'"],
      ["$'bad\\xff'", 'fine.raw'],
    ]) {
      const line = `cd ${cd} && vdc-manage image add local ${name} ${owner.join(' ')}`
      const run = await shell(line, { database, cwd: folder.path })
      expect(run).toMatchObject({ code: 3, stdout: '' })
      expect(run.stderr).toMatch(/^Error: The path .* is not UTF-8\nHint: Rename the file/)
    }
    expect(await allRows(database)).toEqual(before)
  })

  test('refuses a folder that is too long for a base URI', async () => {
    const deep = at(['d'.repeat(120), 'e'.repeat(120)].join('/'))
    mkdirSync(deep, { recursive: true })
    await refuse(await makeImage(join(deep, 'disk.raw'), { format: 'raw', size: '1M' }), 'is too long for a base URI')
  })
})

describe('declared and detected values', () => {
  test.each([
    ['qcow2', 'raw'],
    ['qcow2', 'vmdk'],
    ['vdi', 'qcow2'],
    ['vpc', 'vhdx'],
    ['raw', 'qcow2'],
  ])('refuses %s declared as %s', async (format, declared) => {
    await refuse(
      await makeImage(at(`declared-${format}-${declared}.img`), { format, size: '16M' }),
      `is ${format}, not ${declared} as declared`,
      ['--file-format', declared],
      { hint: 'Correct or omit --file-format' },
    )
  })

  /** Types of root partitions in the Discoverable Partitions Specification. */
  const ROOTS = {
    x86: '44479540-f297-41b2-9af7-d131d5f0458a',
    x86_64: '4f68bce3-e8cd-4db1-96e7-fbcaf984b709',
    arm64: 'b921b045-1df0-41c3-af44-4c6f280d3fae',
  }
  test('takes the architecture from the root partition', async () => {
    for (const [arch, type] of Object.entries(ROOTS)) {
      await sh(`truncate -s 8M ${arch}.raw && printf 'label: gpt\\nsize=1M, type=${type}\\n' | sfdisk -q ${arch}.raw`)
    }
    await refuse(at('x86_64.raw'), 'is made for x86_64, not x86 as declared', ['--arch', 'x86'])
    await refuse(at('x86.raw'), 'is made for x86, not x86_64 as declared', ['--arch', 'x86_64'])
    await refuse(at('arm64.raw'), 'is made for arm64, but instances can only be x86 or x86_64')
    expect((await take(at('x86.raw'))).image.arch).toBe('x86')
    expect((await take(at('x86_64.raw'), '--arch', 'x86_64')).image.arch).toBe('x86_64')
  })

  test('compares the checksum', async () => {
    const path = at('checked.raw')
    writeFileSync(path, rawDisk(MIB))
    const [md5, sha256] = [hashOf(path, 'md5'), hashOf(path, 'sha256')]
    for (const right of [
      `md5:${md5}`,
      `sha256:${sha256}`,
      sha256.toUpperCase(),
      `SHA256:${sha256.toUpperCase()}`,
      `MD5:${md5.toUpperCase()}`,
    ])
      await take(path, '--checksum', right)
    const wrong = sha256.replace(/^./, (digit) => (digit === '0' ? '1' : '0'))
    await refuse(path, `has the wrong SHA-256: expected ${wrong}, got ${sha256}`, ['--checksum', `sha256:${wrong}`], {
      hint: 'again',
    })
    await refuse(path, `has the wrong MD5: expected ${'0'.repeat(32)}, got ${md5}`, [
      '--checksum',
      `md5:${'0'.repeat(32)}`,
    ])
    for (const malformed of [
      '',
      'sha256:',
      `md5:${sha256}`,
      `sha256:${md5}`,
      `sha512:${sha256}${sha256}`,
      sha256.slice(1),
      `${sha256.slice(1)}g`,
    ])
      await refuse(path, 'must be sha256: and 64 hexadecimal digits, or md5: and 32', ['--checksum', malformed])
  })

  test('compares the checksum of a compressed file itself', async () => {
    await sh('gzip -c checked.raw > checked.raw.gz')
    await take(at('checked.raw.gz'), '--checksum', hashOf(at('checked.raw.gz'), 'sha256'))
    await refuse(at('checked.raw.gz'), 'has the wrong SHA-256', ['--checksum', hashOf(at('checked.raw'), 'sha256')])
  })
})

describe('invalid headers', () => {
  const seal = (path: string) => sealVpc(path, 0, 512, 64)
  const CLAIMS: [
    name: string,
    format: string,
    patches: Patch[],
    says: string | RegExp,
    after?: (path: string) => string,
  ][] = [
    ['an unknown feature', 'qcow2', [[72, u64be(32)]], 'needs unknown qcow2 features: bits 0x20'],
    ['the highest feature', 'qcow2', [[72, Buffer.from('8000000000000000', 'hex')]], 'needs unknown qcow2 features'],
    ['an unknown version', 'qcow2', [[4, u32be(4)]], 'has version 4 of the qcow2 format'],
    [
      'an unknown compression type',
      'qcow2',
      [
        [72, u64be(8)],
        [104, Buffer.from([9])],
      ],
      'has an unknown compression type',
    ],
    ['an unknown feature', 'qed', [[16, u64le(8)]], 'needs unknown QED features'],
    ['an unknown version', 'vdi', [[0x44, u32le(0x20001)]], 'has version 2.1 of the VDI format'],
    ['an unknown version', 'vmdk', [[4, u32le(4)]], 'has version 4 of the VMDK format'],
    ['an unknown version', 'vpc', [[12, u16be(2)]], 'has version 2 of the VHD format', seal],
    [
      'an unknown version',
      'vhdx',
      [
        [64 * 1024 + 66, Buffer.from([2, 0])],
        [128 * 1024 + 66, Buffer.from([2, 0])],
      ],
      'has version 2 of the VHDX format',
      (path) => sealVhdx(sealVhdx(path, 64 * 1024, 4096), 128 * 1024, 4096),
    ],
    ['an unknown version', 'parallels', [[16, u32le(3)]], 'has version 3 of the Parallels format'],
    ['the corrupt flag', 'qcow2', [[72, u64be(2)]], 'is marked as corrupt'],
    ['too many snapshots', 'qcow2', [[60, u32be(1001)]], 'has 1001 internal snapshots, more than 1000'],
    [
      'far too many snapshots',
      'qcow2',
      [
        [60, u32be(65535)],
        [64, u64be(65536)],
      ],
      'has 65535 internal snapshots, more than 1000',
    ],
    ['a disk of 0 bytes', 'qcow2', [[24, u64be(0)]], 'has a virtual size of 0 bytes'],
    [
      'a disk of 1 EiB',
      'qcow2',
      [[24, u64be(2 ** 60)]],
      'has a virtual size of 1152921504606846976 bytes, over the limit of 70368744177664',
    ],
    ['a disk of 0 bytes', 'vdi', [[0x170, u64le(0)]], 'has a virtual size of 0 bytes'],
    [
      'a table beyond the end',
      'qcow2',
      [[40, u64be(2 ** 40)]],
      /is damaged or truncated: it needs \d+ bytes and has \d+/,
    ],
    [
      'a refcount table beyond the end',
      'qcow2',
      [[48, u64be(2 ** 40)]],
      /is damaged or truncated: it needs \d+ bytes and has \d+/,
    ],
    ['a table overlapping the header', 'qcow2', [[40, u64be(0)]], 'is damaged'],
    ['a table beyond the end', 'qed', [[40, u64le(2 ** 40)]], /is damaged or truncated: it needs \d+ bytes/],
    ['a table beyond the end', 'vdi', [[0x154, u32le(0x7ffffe00)]], /is damaged or truncated: it needs \d+ bytes/],
    ['a table overlapping the header', 'vdi', [[0x154, u32le(0)]], 'its header and its block map overlap'],
    ['a table beyond the end', 'vmdk', [[56, u64le(2 ** 30)]], /is damaged or truncated: it needs \d+ bytes/],
    [
      'a table beyond the end',
      'vpc',
      [[512 + 16, u64be(2 ** 40)]],
      /is damaged or truncated: it needs \d+ bytes/,
      (path) => sealVpc(path, 512, 1024, 36),
    ],
    ['a table beyond the end', 'parallels', [[32, u32le(0x10000000)]], /is damaged/],
    ['a table beyond the end', 'qcow', [[40, u64be(2 ** 40)]], /is damaged or truncated: it needs \d+ bytes/],
  ]
  test.each(CLAIMS)('refuses %s in %s', async (name, format, patches, says, after = (path) => path) => {
    const path = at(`${name.replaceAll(' ', '-')}.${format}.img`)
    await refuse(after(await makePatched(path, format, patches)), says)
  })

  test.each([
    ['qcow2', []],
    ['qcow', []],
    ['qed', []],
    ['vdi', []],
    ['vmdk', []],
    ['vmdk', ['-o', 'subformat=streamOptimized']],
    ['vpc', []],
    ['vhdx', []],
    ['parallels', []],
  ])('refuses a truncated %s %j', async (format, options) => {
    const path = await makeFull(at(`cut-${options.length}.${format}.img`), format, options)
    for (const share of [0.9, 0.6]) {
      truncateSync(path, Math.floor((statSync(path).size * share) / 512) * 512)
      await refuse(path, /is damaged|is refused: qemu-img cannot (?:check|read) it/)
    }
  })

  test('refuses a raw disk that is shorter than its partitions or filesystem', async () => {
    await sh(`truncate -s 16M cut.raw && printf 'label: gpt\\n,,\\n' | sfdisk -q cut.raw && truncate -s 8M cut.raw`)
    await refuse(
      at('cut.raw'),
      `has partitions that end beyond the file: they need ${16 * MIB} bytes, but it has ${8 * MIB}`,
    )
    await sh('truncate -s 16M ext.img && mkfs.ext4 -q ext.img && truncate -s 9M ext.img')
    await refuse(at('ext.img'), `is damaged or truncated: it needs ${16 * MIB} bytes and has ${9 * MIB}`)
  })

  test('--max-size limits the size exactly', async () => {
    const path = await makeImage(at('ten.qcow2'), { size: '10G' })
    await refuse(
      path,
      'has a virtual size of 10737418240 bytes, over the limit of 10737418239',
      ['--max-size', '10737418239'],
      {
        hint: '--max-size',
      },
    )
    await refuse(path, 'over the limit of 9663676416', ['--max-size', '9G'])
    await take(path, '--max-size', '10G')
    const large = await makeImage(at('large.qcow2'), { size: '65T' })
    await refuse(large, `has a virtual size of ${65 * 1024 ** 4} bytes, over the limit of ${64 * 1024 ** 4}`)
    await take(large, '--max-size', '65TiB')
    await refuse(path, 'must be a number of bytes', ['--max-size', 'much'])
    // It also limits the size of unpacked images.
    await sh('truncate -s 64M zeros && gzip -c zeros > bomb.gz')
    await refuse(at('bomb.gz'), 'unpacks to more than 1048576 bytes', ['--max-size', '1M'])
  })

  test('warns about a few snapshots', async () => {
    const path = await makeImage(at('snapshots.qcow2'))
    await sh('qemu-img snapshot -c one snapshots.qcow2 && qemu-img snapshot -c two snapshots.qcow2')
    expect((await take(path)).stderr).toBe(`Warning: The file ${path} has 2 internal snapshots\n`)
  })

  test('warns about an image that was not closed cleanly', async () => {
    const path = await makePatched(at('dirty.qcow2'), 'qcow2', [[72, u64be(1)]], ['-o', 'lazy_refcounts=on'])
    expect((await take(path)).stderr).toContain('was not closed cleanly')
  })
})

describe('files that other programs write to', () => {
  test.each(['qcow2', 'raw'])('refuses %s that a running instance has open', async (format) => {
    const path = await makeImage(at(`running.${format}`), { format, size: '16M' })
    const machine = spawn('qemu-io', ['-f', format, path], { stdio: ['pipe', 'pipe', 'ignore'] })
    try {
      machine.stdin.write('read 0 512\n')
      await new Promise((resolve) => machine.stdout.once('data', resolve))
      await refuse(path, 'is in use: a running instance or another program has it open for writing', [], {
        hint: 'register a copy',
      })
    } finally {
      machine.stdin.end('quit\n')
      await new Promise((resolve) => machine.once('exit', resolve))
    }
    expect((await take(path)).stderr).toBe('')
  })

  const CHANGES: [name: string, change: (path: string, round: number) => void][] = [
    ['grows', (path, round) => truncateSync(path, (512 + round) * MIB)],
    ['is truncated', (path, round) => truncateSync(path, 512 * MIB - round * 512)],
    ['is written to', (path, round) => patch(path, [400 * MIB, `${round}`])],
    ['is written to with its times reset', (path) => utimesSync(patch(path, [MIB, 'x']), 1e9, 1e9)],
    [
      'is replaced',
      (path) => {
        writeFileSync(`${path}.new`, rawDisk(MIB))
        truncateSync(`${path}.new`, 512 * MIB)
        renameSync(`${path}.new`, path)
      },
    ],
  ]
  test.each(CHANGES)('refuses a file that %s while it is read', async (name, change) => {
    const attempt = async (path: string, isLast: boolean): Promise<boolean> => {
      writeFileSync(path, rawDisk(512))
      truncateSync(path, 512 * MIB)
      let round = 0
      const changing = setInterval(() => change(path, ++round), 10)
      try {
        await refuse(path, 'changed while it was being registered', [], {
          hint: 'Try again when no program is writing to it',
        })
      } catch (error) {
        if (round > 0 || isLast) throw error
        return false
      } finally {
        clearInterval(changing)
        rmSync(path)
      }
      return true
    }
    // A busy machine may make no change during a run.
    const path = (number: number) => at(`${name.replaceAll(/\W/g, '-')}-${number}.raw`)
    for (let number = 1; !(await attempt(path(number), number === 5)); number++);
  })
})

describe('qemu-img', () => {
  const bin = newFolder()
  const tool = (name: string) => join(bin.path, name)
  const fine = at('fine.qcow2')
  beforeAll(async () => {
    await makeImage(fine)
    symlinkSync(process.execPath, tool('node'))
  })
  afterAll(() => bin.remove())
  /** Registers an image with only the given programs and a script as qemu-img, and expects a refusal. */
  async function expectOfQemu(script: string | undefined, refusal: Refusal, programs = ['env', 'setpriv']) {
    for (const name of ['env', 'setpriv', 'qemu-img']) rmSync(tool(name), { force: true })
    for (const name of programs) symlinkSync(`/usr/bin/${name}`, tool(name))
    if (script !== undefined) writeFileSync(tool('qemu-img'), script, { mode: 0o755 })
    const before = await allRows(database)
    const run = await vdcManage(add(fine), { database, env: { PATH: bin.path } })
    expect(run).toMatchObject({ code: refusal.exit, stdout: '' })
    expect(run.stderr).toMatch(refusal.message)
    expect(run.stderr.split('\n')[1]).toContain(refusal.hint ?? '')
    expect(await allRows(database)).toEqual(before)
  }
  const bash = (text: string) => `#!/bin/bash\n${text}\n`
  const perl = (text: string) => `#!/usr/bin/perl\n${text}\n`

  test.each<[name: string, script: string | undefined, refusal: Refusal]>([
    ['is missing', undefined, { exit: 6, message: 'qemu-img is not installed', hint: 'apt-get install qemu-utils' }],
    ['is killed', bash('kill -9 $$'), { exit: 3, message: 'qemu-img was killed while processing it (SIGKILL)' }],
    ['is terminated', bash('kill -TERM $$'), { exit: 3, message: 'qemu-img was killed while processing it (SIGTERM)' }],
    ['crashes', bash('kill -SEGV $$'), { exit: 3, message: 'qemu-img crashes on it (SIGSEGV)' }],
    ['aborts', bash('kill -ABRT $$'), { exit: 3, message: 'qemu-img crashes on it (SIGABRT)' }],
    [
      'exceeds its CPU time',
      // On a busy machine the time limit can come first, so it ends itself like the kernel would at the soft limit.
      bash('[ "$(ulimit -St) $(ulimit -Ht)" = "2 3" ] && kill -XCPU $$'),
      { exit: 3, message: 'qemu-img needs more than 2 s of processor time' },
    ],
    [
      'exceeds its memory',
      perl('my $x = "x" x (2 * 1024 ** 3); print length $x;'),
      { exit: 3, message: 'qemu-img needs more than 1024 MiB of memory' },
    ],
    [
      'exceeds its open files',
      perl('for (1..100) { open($f[$_], "<", "/dev/null") or die "$!\\n" }'),
      { exit: 3, message: 'qemu-img would open more than 64 files for it' },
    ],
    ['exceeds its output', bash('exec /usr/bin/yes'), { exit: 3, message: 'qemu-img prints more than 4 MiB about it' }],
    ['exceeds its time', bash('exec /bin/sleep 60'), { exit: 3, message: 'qemu-img needs more than 10 s' }],
    ['prints nonsense', bash('echo hello'), { exit: 6, message: 'The output of qemu-img is not valid JSON' }],
    ['prints nothing', bash('exit 0'), { exit: 6, message: 'The output of qemu-img is not valid JSON' }],
    [
      'prints too little',
      bash('echo "{}"'),
      { exit: 6, message: 'The output of qemu-img info lacks the format or the virtual size' },
    ],
    [
      'reports another format',
      bash(`echo '{"format": "raw", "virtual-size": 1073741824}'`),
      { exit: 3, message: 'is unclear: its header describes qcow2' },
    ],
    [
      'reports another size',
      bash(`echo '{"format": "qcow2", "virtual-size": 512}'`),
      { exit: 3, message: 'but qemu-img reports qcow2 with 512' },
    ],
    [
      'reports a backing file',
      bash(`echo '{"format": "qcow2", "virtual-size": 1073741824, "backing-filename": "/x"}'`),
      { exit: 3, message: 'refers to the backing file /x' },
    ],
    [
      'reports a data file',
      bash(
        `echo '{"format": "qcow2", "virtual-size": 1073741824, "format-specific": {"type": "qcow2", "data": {"data-file": "/x"}}}'`,
      ),
      { exit: 3, message: 'refers to the external data file /x' },
    ],
    [
      'reports encryption',
      bash(`echo '{"format": "qcow2", "virtual-size": 1073741824, "encrypted": true}'`),
      { exit: 3, message: 'is encrypted' },
    ],
    [
      'fails',
      bash('echo "qemu-img: Could not open: no luck" >&2; exit 1'),
      { exit: 3, message: 'qemu-img cannot read it: Could not open: no luck' },
    ],
    ['fails without a message', bash('exit 1'), { exit: 3, message: 'qemu-img cannot read it: it gave no reason' }],
  ])('%s', (_, script, refusal) => expectOfQemu(script, refusal))

  test('is not executable', async () => {
    const refusal = { exit: 6, message: 'qemu-img cannot be run: ' }
    await expectOfQemu(undefined, { exit: 6, message: 'qemu-img is not installed' })
    writeFileSync(tool('qemu-img'), 'x', { mode: 0o644 })
    const run = await vdcManage(add(fine), { database, env: { PATH: bin.path } })
    expect(run).toMatchObject({ code: refusal.exit, stdout: '', stderr: expect.stringContaining(refusal.message) })
  })

  test.each(['setpriv'])('needs %s, which is missing', async (missing) => {
    await expectOfQemu(
      bash('exit 0'),
      { exit: 6, message: `${missing} is not installed`, hint: 'apt-get install util-linux' },
      ['env', 'setpriv'].filter((name) => name !== missing),
    )
  })

  test('may be a newer version with more output and a warning', async () => {
    const answer =
      '{"format": "qcow2", "virtual-size": 1073741824, "children": [], "dirty-flag": false, "new": {"a": 1}}'
    await expectOfQemu(bash('exit 0'), { exit: 6, message: '' })
    writeFileSync(
      tool('qemu-img'),
      bash(
        `echo 'qemu-img: warning: new' >&2; [ "$1" = check ] && echo '{"check-errors": 0, "more": 1}' || echo '${answer}'`,
      ),
      { mode: 0o755 },
    )
    const run = await vdcManage(add(fine), { database, env: { PATH: bin.path } })
    expect(run).toMatchObject({ code: 0, stderr: '' })
  })
})

describe.each(ENGINES)('values that %s cannot store are refused before hashing', (engine) => {
  let other: TestDatabase
  const huge = at(`huge-${engine}.raw`)
  beforeAll(async () => {
    other = await newDatabase(engine)
    if (engine === 'mariadb') await other.query('ALTER TABLE images CONVERT TO CHARACTER SET utf8mb3')
    writeFileSync(huge, rawDisk(512))
    // Takes more than a minute to hash.
    truncateSync(huge, 128 * 1024 * MIB)
  })
  afterAll(() => other.remove())

  test.each<[name: string, options: string[], message: string | RegExp]>([
    ['a name that is too long', ['--display-name', 'x'.repeat(256)], '--display-name must not be longer than 255'],
    [
      'a description that is too long',
      ['--description', 'x'.repeat(65536)],
      'description must not be longer than 65535 bytes',
    ],
    ['control characters', ['--display-name', 'a\u001b[2Jb'], '--display-name must not contain control characters'],
    [
      'a root device that is too long',
      ['--root-device', `label:${'x'.repeat(255)}`],
      '--root-device must not be longer than 255',
    ],
  ])('%s', async (_, options, message) => {
    await expectRefused(other, add(huge, ...options), { exit: 3, message })
  })

  test('four-byte UTF-8 on a utf8 database', async () => {
    if (engine === 'sqlite') return
    await expectRefused(other, add(huge, '--display-name', '🐧'), {
      exit: 3,
      message: '--display-name contains 🐧',
    })
  })

  test('an unknown account and a taken ID', async () => {
    const small = await makeImage(at(`small-${engine}.qcow2`))
    await vdcManageJson(add(small, '--uuid', 'wmi-taken'), { database: other })
    await expectRefused(other, add(huge, '--uuid', 'wmi-taken'), { exit: 5, message: 'wmi-taken is already taken' })
    await expectRefused(other, ['image', 'add', 'local', huge, '--account-id', 'a-nobody'], {
      exit: 4,
      message: 'a-nobody',
    })
  })
})

test('refuses an image with random damage, without changing it', async () => {
  const path = await makeFull(at('noisy.qcow2'), 'qcow2')
  const size = statSync(path).size
  patch(path, [Math.floor(size / 4), noise(65536, 7)], [65536, noise(512, 8)])
  await refuse(path, /is damaged|qemu-img/)
  expect(readFileSync(path).length).toBe(size)
})
