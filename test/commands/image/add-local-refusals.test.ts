import { execFileSync } from 'node:child_process'
import { chmodSync, linkSync, mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { environment, PROGRAM, vdcManage } from '../../support/cli.ts'
import { countRows, ENGINES, newDatabase, type TestDatabase } from '../../support/databases.ts'
import { makeImage, newFolder } from '../../support/images.ts'

const folder = newFolder()
const at = (name: string) => join(folder.path, name)
afterAll(() => folder.remove())

/** A refusal: what is typed after `image add local`, and what comes of it. */
interface Refusal {
  args: string[]
  code: number
  says: RegExp
}
const owner = ['--account-id', 'a-shpoolxx']

const VALUES: Record<string, (good: string) => Refusal> = {
  'an unknown account': (good) => ({
    args: [good, '--account-id', 'a-nobody'],
    code: 4,
    says: /a-nobody\nHint: .*--create-account/,
  }),
  'an account in another case': (good) => ({ args: [good, '--account-id', 'a-SHPOOLXX'], code: 4, says: /a-SHPOOLXX/ }),
  'a disabled account': (good) => ({
    args: [good, '--account-id', 'a-disabled'],
    code: 5,
    says: /a-disabled is disabled/,
  }),
  'a deleted account': (good) => ({
    args: [good, '--account-id', 'a-deleted'],
    code: 5,
    says: /a-deleted was deleted/,
  }),
  'a disabled account with --create-account': (good) => ({
    args: [good, '--account-id', 'a-disabled', '--create-account'],
    code: 5,
    says: /a-disabled is disabled/,
  }),
  'no account': (good) => ({ args: [good], code: 2, says: /--account-id/ }),
  'an account in another case with --create-account': (good) => ({
    args: [good, '--account-id', 'a-SHPOOLXX', '--create-account'],
    code: 5,
    says: /a-SHPOOLXX is taken by one that differs only in case/,
  }),
  'an unknown storage': (good) => ({
    args: [good, ...owner, '--storage-id', 'bkst-none'],
    code: 3,
    says: /bkst-none\nHint: .*bkst-elsewhere/,
  }),
  'a storage elsewhere': (good) => ({
    args: [good, ...owner, '--storage-id', 'bkst-elsewhere'],
    code: 3,
    says: /does not lie in .*bkst-elsewhere.*file:\/\/\/elsewhere\//,
  }),
  'an unknown parent': (good) => ({
    args: [good, ...owner, '--parent-image-id', 'wmi-none'],
    code: 3,
    says: /wmi-none does not exist/,
  }),
  'a deleted parent': (good) => ({
    args: [good, ...owner, '--parent-image-id', 'wmi-gone'],
    code: 3,
    says: /wmi-gone is deleted/,
  }),
  'an unknown arch': (good) => ({
    args: [good, ...owner, '--arch', 'sparc'],
    code: 3,
    says: /x86, x86_64; not 'sparc'/,
  }),
  'an unknown state': (good) => ({
    args: [good, ...owner, '--state', 'deleted'],
    code: 3,
    says: /available, creating, pending/,
  }),
  'an unknown os type': (good) => ({ args: [good, ...owner, '--os-type', 'plan9'], code: 3, says: /linux, windows/ }),
  'another format': (good) => ({ args: [good, ...owner, '--file-format', 'raw'], code: 3, says: /is qcow2, not raw/ }),
  'a taken id': (good) => ({ args: [good, ...owner, '--uuid', 'wmi-taken'], code: 5, says: /wmi-taken is taken/ }),
  'a taken id in another case': (good) => ({
    args: [good, ...owner, '--uuid', 'TAKEN'],
    code: 5,
    says: /wmi-TAKEN is taken/,
  }),
  'the id of a deleted image': (good) => ({
    args: [good, ...owner, '--uuid', 'gone'],
    code: 5,
    says: /wmi-gone is taken/,
  }),
  'an id with a wrong prefix': (good) => ({
    args: [good, ...owner, '--uuid', 'bo-abc'],
    code: 3,
    says: /'bo-abc' is not the id of an image/,
  }),
  'an id with a newline': (good) => ({
    args: [good, ...owner, '--uuid', 'wmi-abc\n'],
    code: 3,
    says: /is not the id of an image/,
  }),
  'an id too long': (good) => ({
    args: [good, ...owner, '--uuid', 'x'.repeat(252)],
    code: 3,
    says: /256 characters, 255 at most/,
  }),
  'a name too long': (good) => ({
    args: [good, ...owner, '--display-name', 'é'.repeat(256)],
    code: 3,
    says: /display_name must not be longer than 255/,
  }),
  'an empty name': (good) => ({
    args: [good, ...owner, '--display-name', ''],
    code: 3,
    says: /display_name must not be empty/,
  }),
  'a description too long': (good) => ({
    args: [good, ...owner, '--description', 'x'.repeat(65536)],
    code: 3,
    says: /description must not be longer than 65535 bytes/,
  }),
  'an escape code': (good) => ({
    args: [good, ...owner, '--description', 'a\x1b[2Jb'],
    code: 3,
    says: /description must not hold control characters/,
  }),
  'an option given twice': (good) => ({
    args: [good, ...owner, '--arch', 'x86', '--arch', 'x86_64'],
    code: 2,
    says: /--arch is given more than once/,
  }),
  'an unknown option': (good) => ({ args: [good, ...owner, '--bogus'], code: 2, says: /Unknown option: --bogus/ }),
  'no path': () => ({ args: owner, code: 2, says: /Missing argument: PATH/ }),
  'two paths': (good) => ({ args: [good, good, ...owner], code: 2, says: /Unexpected argument/ }),
}

/** Files that are refused with exit 3, how they are made, and what is said of them. */
const FILES: Record<string, { make: () => unknown; says: RegExp }> = {
  'missing.qcow2': { make: () => {}, says: /missing.qcow2 does not exist/ },
  'dangling.qcow2': { make: () => symlinkSync(at('nowhere'), at('dangling.qcow2')), says: /does not exist/ },
  'loop.qcow2': { make: () => symlinkSync(at('loop.qcow2'), at('loop.qcow2')), says: /loop of links/ },
  directory: { make: () => mkdirSync(at('directory')), says: /not a regular file but a directory/ },
  fifo: { make: () => execFileSync('mkfifo', [at('fifo')]), says: /not a regular file but a FIFO/ },
  empty: { make: () => writeFileSync(at('empty'), ''), says: /is empty/ },
  short: { make: () => writeFileSync(at('short'), Buffer.alloc(511)), says: /too short for a disk image: 511 bytes/ },
  'backed.qcow2': {
    make: async () => makeImage(at('backed.qcow2'), { more: ['-b', await makeImage(at('base.qcow2')), '-F', 'qcow2'] }),
    says: /refers to the backing file .*base.qcow2.*\nHint: .*qemu-img convert/,
  },
  'gone-backing.qcow2': {
    make: () => makeImage(at('gone-backing.qcow2'), { more: ['-u', '-b', '/nowhere/base', '-F', 'raw'] }),
    says: /refers to the backing file \/nowhere\/base/,
  },
  'nbd-backing.qcow2': {
    make: () => makeImage(at('nbd-backing.qcow2'), { more: ['-u', '-b', 'nbd://127.0.0.1:1/x', '-F', 'raw'] }),
    says: /refers to the backing file nbd:/,
  },
  'data-file.qcow2': {
    make: () => makeImage(at('data-file.qcow2'), { more: ['-o', `data_file=${at('data.raw')}`] }),
    says: /refers to the external data file .*data.raw/,
  },
  'flat.vmdk': {
    make: () => makeImage(at('flat.vmdk'), { format: 'vmdk', more: ['-o', 'subformat=monolithicFlat'] }),
    says: /refers to the FLAT extent flat-flat.vmdk/,
  },
  'split.vmdk': {
    make: () => makeImage(at('split.vmdk'), { format: 'vmdk', more: ['-o', 'subformat=twoGbMaxExtentSparse'] }),
    says: /refers to the SPARSE extent split-s001.vmdk/,
  },
  'headless.vmdk': {
    make: () =>
      writeFileSync(
        at('headless.vmdk'),
        `\n# x\nversion=1\nCID=fffffffe\nparentCID=ffffffff\ncreateType="monolithicFlat"\nRW 2048 FLAT "${at('secret')}" 0\n`.padEnd(
          1024,
          '\n',
        ),
      ),
    says: /refers to the FLAT extent .*secret/,
  },
  'child.vmdk': {
    make: async () =>
      makeImage(at('child.vmdk'), {
        format: 'vmdk',
        more: ['-b', await makeImage(at('parent.vmdk'), { format: 'vmdk' }), '-F', 'vmdk'],
      }),
    says: /refers to the parent image with CID/,
  },
  'secret.luks': {
    make: () => makeEncrypted(at('secret.luks')),
    says: /is encrypted/,
  },
  'blank name.raw': {
    make: () => makeImage(at('blank name.raw'), { format: 'raw', size: '1M' }),
    says: /holds a blank/,
  },
  'ümlaut.raw': {
    make: () => makeImage(at('ümlaut.raw'), { format: 'raw', size: '1M' }),
    says: /holds the character U\+00FC/,
  },
  'hash#.raw': {
    make: () => makeImage(at('hash#.raw'), { format: 'raw', size: '1M' }),
    says: /holds the character '#'/,
  },
  'percent%41.raw': {
    make: () => makeImage(at('percent%41.raw'), { format: 'raw', size: '1M' }),
    says: /holds the character '%'/,
  },
  'bell\x07\x1b[31m.raw': {
    make: async () =>
      linkSync(await makeImage(at('bell.raw'), { format: 'raw', size: '1M' }), at('bell\x07\x1b[31m.raw')),
    says: /bell\\u0007\\u001b\[31m\.raw holds the character U\+0007/,
  },
}

/** Makes a LUKS image; qemu-img times the machine for that, and gives up where it can't, as on a busy one. */
async function makeEncrypted(path: string): Promise<void> {
  const secret = ['--object', 'secret,id=s,data=geheim', '-f', 'luks', '-o', 'key-secret=s']
  for (let attempt = 1; ; attempt++) {
    const result = await execa('qemu-img', ['create', '-q', ...secret, path, '8M'], { reject: attempt === 10 })
    if (result.exitCode === 0) return
  }
}

describe.each(ENGINES)('image add local on %s refuses, and writes nothing', (engine) => {
  let database: TestDatabase
  let good: string
  beforeAll(async () => {
    database = await newDatabase(engine)
    good = await makeImage(at(`good-${engine}.qcow2`))
    const now = '2020-01-01 00:00:00'
    for (const [uuid, enabled, deletedAt] of [
      ['disabled', 0, null],
      ['deleted', 1, now],
    ] as const) {
      await database.query(
        'INSERT INTO accounts (uuid, enabled, deleted_at, created_at, updated_at) VALUES (?, ?, ?, ?, ?)',
        [uuid, enabled, deletedAt, now, now],
      )
    }
    await database.query(
      "INSERT INTO backup_storages (uuid, display_name, storage_type, base_uri, created_at, updated_at) VALUES ('elsewhere', '', 'local', 'file:///elsewhere/', ?, ?)",
      [now, now],
    )
    const other = await makeImage(at(`other-${engine}.qcow2`))
    await vdcManage(['image', 'add', 'local', other, ...owner, '--uuid', 'taken'], { database, reject: true })
    await vdcManage(['image', 'add', 'local', other, ...owner, '--uuid', 'gone'], { database, reject: true })
    await vdcManage(['image', 'del', 'wmi-gone'], { database, reject: true })
  })
  afterAll(() => database.remove())

  async function expectRefusal({ args, code, says }: Refusal) {
    const before = await countRows(database)
    const run = await vdcManage(['image', 'add', 'local', ...args], { database })
    expect(run.stderr).toMatch(says)
    expect(run).toMatchObject({ code, stdout: '' })
    expect(run.stderr.trim().split('\n').length).toBeLessThanOrEqual(2)
    expect(await countRows(database)).toEqual(before)
    // A refusal is the same in JSON, on stdout.
    const json = await vdcManage(['image', 'add', 'local', ...args, '--json'], { database })
    expect(json).toMatchObject({ code, stderr: '' })
    expect(JSON.parse(json.stdout)).toEqual({
      error: expect.objectContaining({
        code: expect.stringMatching(/^[A-Z_]+$/),
        message: expect.any(String),
        exit: code,
      }),
    })
    expect(await countRows(database)).toEqual(before)
  }

  test.each(Object.keys(VALUES))('%s', (name) => expectRefusal((VALUES[name] as (good: string) => Refusal)(good)))

  test('an emoji, where the table is utf8 of three bytes', async () => {
    if (engine === 'sqlite') {
      const run = await vdcManage(['image', 'add', 'local', good, ...owner, '--display-name', '🐧'], { database })
      expect(run.code).toBe(0)
      return
    }
    await database.query('ALTER TABLE images CONVERT TO CHARACTER SET utf8mb3')
    await expectRefusal({
      args: [good, ...owner, '--display-name', '🐧'],
      code: 3,
      says: /display_name holds the character 🐧.*utf8mb3/,
    })
  })
})

describe('image add local refuses the file', () => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await newDatabase('sqlite')
  })
  afterAll(() => database.remove())

  async function expectRefusal(path: string, says: RegExp, code = 3) {
    const before = await countRows(database)
    const run = await vdcManage(['image', 'add', 'local', path, ...owner], { database })
    expect(run.stderr).toMatch(says)
    expect(run).toMatchObject({ code, stdout: '' })
    expect(await countRows(database)).toEqual(before)
  }

  test.each(Object.entries(FILES))('%j', async (name, { make, says }) => {
    await make()
    await expectRefusal(at(name), says)
  })

  test('a device, a socket, a file of /proc, no path at all', async () => {
    await expectRefusal('/dev/zero', /not a regular file but a device/)
    await expectRefusal('/proc/self/status', /no file of a disk: the kernel makes up what is in \/proc/)
    await expectRefusal('', /path of the image file is empty/)
    const server = createServer().listen(at('socket'))
    await expectRefusal(at('socket'), /not a regular file but a socket/)
    server.close()
  })

  test('a file that may not be read', async () => {
    const path = await makeImage(at('locked.raw'), { format: 'raw', size: '1M' })
    chmodSync(path, 0)
    if (process.getuid?.() !== 0) return expectRefusal(path, /permission denied/)
    // root may read everything: the program runs as nobody.
    chmodSync(folder.path, 0o755)
    mkdirSync(at('of-nobody'), { mode: 0o777 })
    chmodSync(at('of-nobody'), 0o777)
    const result = await execa(
      'setpriv',
      ['--reuid=65534', '--regid=65534', '--clear-groups', PROGRAM, 'image', 'add', 'local', path, ...owner],
      {
        env: environment({ env: { VDC_MANAGE_DATABASE_URI: `sqlite://${at('of-nobody')}/registry.sqlite` } }),
        extendEnv: false,
        reject: false,
      },
    )
    expect(result).toMatchObject({ exitCode: 3, stdout: '' })
    expect(result.stderr).toMatch(/locked.raw can not be read: permission denied/)
  })

  test('a file that is written to while it is hashed', async () => {
    const path = await makeImage(at('growing.raw'), { format: 'raw', size: '1500M' })
    const before = await countRows(database)
    const adding = vdcManage(['image', 'add', 'local', path, ...owner], { database })
    let size = 1500 * 1024 * 1024
    const growing = setInterval(() => {
      size += 512
      truncateSync(path, size)
    }, 20)
    const run = await adding
    clearInterval(growing)
    expect(run).toMatchObject({ code: 3, stdout: '' })
    expect(run.stderr).toMatch(/changed while it was being registered/)
    expect(await countRows(database)).toEqual(before)
  })

  test('qemu-img missing, killed, silent', async () => {
    const path = await makeImage(at('fine.raw'), { format: 'raw', size: '1M' })
    const bin = newFolder()
    symlinkSync(process.execPath, join(bin.path, 'node'))
    for (const program of ['env', 'setpriv', 'prlimit']) symlinkSync(`/usr/bin/${program}`, join(bin.path, program))
    const before = await countRows(database)
    const run = () => vdcManage(['image', 'add', 'local', path, ...owner], { database, env: { PATH: bin.path } })
    expect(await run()).toMatchObject({
      code: 6,
      stdout: '',
      stderr: 'Error: qemu-img is not installed\nHint: Install it: apt-get install qemu-utils\n',
    })
    const qemuImg = join(bin.path, 'qemu-img')
    writeFileSync(qemuImg, '#!/bin/sh\nkill -9 $$\n', { mode: 0o755 })
    expect(await run()).toMatchObject({
      code: 3,
      stdout: '',
      stderr: expect.stringMatching(/qemu-img was killed while it looked at it \(SIGKILL\)/),
    })
    writeFileSync(qemuImg, '#!/bin/sh\necho hello\n', { mode: 0o755 })
    expect(await run()).toMatchObject({ code: 6, stdout: '', stderr: expect.stringMatching(/no JSON/) })
    expect(await countRows(database)).toEqual(before)
    bin.remove()
  })
})
