import {
  chownSync,
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { execa } from 'execa'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { allRows, ENGINES, newDatabase, type TestDatabase } from '../../support/databases/databases.ts'
import { hashOf, makeImage, newFolder } from '../../support/files/images.ts'
import { environment, PROGRAM, type Run, runLines, shell, vdcManage } from '../../support/process/cli.ts'
import { readSlowly } from '../../support/process/slow-reads.ts'
import { startTerminal } from '../../support/process/tmux.ts'
import { IS_THOROUGH } from '../../support/thorough.ts'

const KIB = 1024
const MIB = 2 ** 20
const GIB = 2 ** 30
const OWNER = '--account-id a-shpoolxx'

const folder = newFolder()
const at = (name: string) => join(folder.path, name)
const open: TestDatabase[] = []
afterAll(async () => {
  for (const database of open.splice(0)) await database.remove()
  folder.remove()
})

async function newRegistry(engine: (typeof ENGINES)[number] = 'sqlite'): Promise<TestDatabase> {
  const database = await newDatabase(engine)
  open.push(database)
  return database
}

let folders = 0
function newHome(): string {
  const home = at(`home${++folders}`)
  mkdirSync(home)
  return home
}

/** Creates files that look like disks, each with different bytes. */
function makeDisks(home: string, names: readonly string[], size = 256 * KIB): void {
  for (const name of names) {
    const file = openSync(join(home, name), 'w')
    writeSync(file, Buffer.of(0x55, 0xaa), 0, 2, 510)
    writeSync(file, `${name}\n`, 100_000)
    ftruncateSync(file, size)
    closeSync(file)
  }
}

/** Registers files in one process. Returns their IDs in the same order. */
async function register(database: TestDatabase, paths: readonly string[], more = ''): Promise<string[]> {
  const input = paths.map((path) => `image add local ${path} ${OWNER} ${more}\n`).join('')
  const run = await vdcManage(['-e'], { database, input, reject: true })
  return run.stdout.trim().split('\n')
}

const verify = (database: TestDatabase, ...args: string[]): Promise<Run> =>
  vdcManage(['image', 'verify', ...args], { database })

/** Returns the result of each image by its ID. */
function linesById({ stdout }: Run): Record<string, string> {
  const lines = stdout.split('\n').slice(0, -1)
  return Object.fromEntries(lines.map((line) => /^(\S+): (.*)$/.exec(line)?.slice(1) as [string, string]))
}

/** Waits until a process has read all disks but one, and reads that. */
async function untilOnlyReads(pid: number, path: string): Promise<void> {
  let last = 0
  for (let isAlone = 0; isAlone < 10; await sleep(50)) {
    const bytes = Number(/^rchar: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1])
    // On a busy machine it may have been stopped all the while.
    if (bytes === last) continue
    last = bytes
    const open = readdirSync(`/proc/${pid}/fd`).map((fd) => readlink(`/proc/${pid}/fd/${fd}`))
    const disks = open.filter((name) => name.startsWith(folder.path))
    // Several times, because files are opened one after another.
    isAlone = disks.length > 0 && disks.every((name) => name === path) ? isAlone + 1 : 0
  }
}

function readlink(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    // It was closed in the meantime.
    return ''
  }
}

function flipByte(path: string, position: number): void {
  const bytes = readFileSync(path).subarray(position, position + 1)
  const file = openSync(path, 'r+')
  writeSync(file, Buffer.from([(bytes[0] as number) ^ 1]), 0, 1, position)
  closeSync(file)
}

describe.each(ENGINES)('many images on %s', (engine) => {
  const home = newHome()
  let database: TestDatabase
  let ids: string[]
  const names = [
    // Concurrency does not depend on the engine.
    ...Array.from({ length: engine === 'sqlite' && IS_THOROUGH ? 180 : 30 }, (_, n) => `disk${n}.raw`),
    ...Array.from({ length: IS_THOROUGH ? 16 : 8 }, (_, n) => `disk${n}.qcow2`),
    'packed.raw.gz',
    'packed.qcow2.gz',
    'packed.tgz',
    'packed.tar',
  ]
  const idOf = (name: string) => ids[names.indexOf(name)] as string

  beforeAll(async () => {
    database = await newRegistry(engine)
    makeDisks(home, [...names.filter((name) => /^disk.*raw$/.test(name)), 'packed.raw'])
    for (const name of names.filter((each) => each.endsWith('.qcow2'))) await makeImage(join(home, name))
    await shell(
      'gzip -k packed.raw; gzip -c disk0.qcow2 > packed.qcow2.gz; tar czf packed.tgz packed.raw; tar cf packed.tar packed.raw',
      { cwd: home },
    )
    ids = await register(
      database,
      names.map((name) => join(home, name)),
    )
  })

  // The database does not affect how many images are checked at once.
  test.each(engine === 'sqlite' ? ['1', '8'] : [undefined])('all match with --jobs %s', async (jobs) => {
    const before = await allRows(database)
    const run = await verify(database, '--all', ...(jobs ? ['--jobs', jobs] : []))
    expect(run).toMatchObject({
      code: 0,
      stderr: `${names.length} images: ${names.length} ok, 0 differ, 0 not checked\n`,
    })
    expect(linesById(run)).toEqual(Object.fromEntries(ids.map((id) => [id, 'ok'])))
    expect(await allRows(database)).toEqual(before)
  })

  test('each difference is reported, and no other image', async () => {
    flipByte(join(home, 'disk7.raw'), 200 * KIB)
    truncateSync(join(home, 'disk10.raw'), 128 * KIB)
    rmSync(join(home, 'disk13.raw'))
    renameSync(join(home, 'disk20.raw'), join(home, 'swap'))
    renameSync(join(home, 'disk21.raw'), join(home, 'disk20.raw'))
    renameSync(join(home, 'swap'), join(home, 'disk21.raw'))
    await execa('qemu-img', ['rebase', '-u', '-F', 'raw', '-b', 'disk0.raw', join(home, 'disk3.qcow2')])
    await execa('qemu-img', ['resize', '-q', join(home, 'disk4.qcow2'), '2G'])
    flipByte(join(home, 'packed.raw.gz'), 300)
    flipByte(join(home, 'packed.tgz'), 300)
    await execa('cp', [join(home, 'disk9.raw'), join(home, 'disk5.qcow2')])
    rmSync(join(home, 'disk26.raw'))
    mkdirSync(join(home, 'disk26.raw'))
    rmSync(join(home, 'disk27.raw'))
    await execa('mkfifo', [join(home, 'disk27.raw')])
    const other = (what: string) =>
      new RegExp(
        `^differs: the MD5 is [0-9a-f]{32}, but [0-9a-f]{32} is registered; the SHA-256 is [0-9a-f]{64}, but [0-9a-f]{64} is registered${what}$`,
      )
    const expected: Record<string, RegExp> = {
      'disk7.raw': other(''),
      'disk10.raw': /^differs: the size of the file is 131072, but 262144 is registered(?:;|$)/,
      'disk13.raw': /^differs: the file \S+\/disk13.raw does not exist$/,
      'disk20.raw': other(''),
      'disk21.raw': other(''),
      'disk3.qcow2':
        /^differs: the file refers to the backing file disk0.raw, but an image must be self-contained; the MD5/,
      'disk4.qcow2': /^differs: (?:.*; )?the virtual size is 2147483648, but 1073741824 is registered(?:;|$)/,
      'packed.raw.gz': /^differs: the file is (?:a )?damaged or truncated.*; the MD5/,
      'packed.tgz': /^differs: the file is (?:a )?damaged or truncated.*; the MD5/,
      'disk5.qcow2': /^differs: the size of the file is 262144, .*; the file is raw, not qcow2 as declared$/,
      'disk26.raw': /^differs: \S+ is a folder, not a regular file$/,
      'disk27.raw': /^differs: \S+ is a FIFO, not a regular file$/,
    }
    const differing = Object.keys(expected).length
    for (const jobs of engine === 'sqlite' ? ['1', '8'] : ['2']) {
      const run = await verify(database, '--all', '--jobs', jobs)
      const { stderr, code } = run
      expect({ code, stderr }).toEqual({
        code: 8,
        stderr: `${names.length} images: ${names.length - differing} ok, ${differing} differ, 0 not checked\n`,
      })
      const lines = linesById(run)
      for (const [name, says] of Object.entries(expected)) expect(lines[idOf(name)]).toMatch(says)
      const fine = ids.filter((id) => lines[id] === 'ok')
      expect(fine.length).toBe(names.length - differing)
    }

    const quick = await verify(database, '--all', '--quick')
    expect(quick.code).toBe(8)
    // --quick does not see changes that only the contents reveal.
    const unseen = ['disk7.raw', 'disk20.raw', 'disk21.raw']
    for (const [id, line] of Object.entries(linesById(quick))) {
      const name = names[ids.indexOf(id)] as string
      if (name in expected && !unseen.includes(name)) expect(line).toMatch(/^differs: /)
      else expect(line).toBe('ok')
    }
  })
})

describe.each(ENGINES)('selected images on %s', (engine) => {
  const home = newHome()
  let database: TestDatabase
  let ids: string[]
  beforeAll(async () => {
    database = await newRegistry(engine)
    makeDisks(home, ['one.raw', 'two.raw', 'public.raw'])
    await runLines(['account add --uuid a-other'], { database })
    ids = await register(database, [join(home, 'one.raw'), join(home, 'two.raw')])
    const line = `image add local ${home}/public.raw --account-id a-other --is-public\nimage add local ${home}/one.raw --account-id a-other\n`
    ids.push(...(await vdcManage(['-e'], { database, input: line, reject: true })).stdout.trim().split('\n'))
  })

  test('IDs with and without prefix', async () => {
    const [one = '', two = ''] = ids
    expect(await verify(database, one, two.slice('wmi-'.length))).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(new RegExp(`^${one}: ok\n${two}: ok\n$|^${two}: ok\n${one}: ok\n$`)),
      stderr: '2 images: 2 ok, 0 differ, 0 not checked\n',
    })
    expect(await verify(database, one)).toMatchObject({ stderr: '1 image: 1 ok, 0 differ, 0 not checked\n' })
  })

  test('images that an account can use, and all images', async () => {
    const chosen = async (...args: string[]) => Object.keys(linesById(await verify(database, ...args))).sort()
    expect(await chosen('--account-id', 'a-other')).toEqual(
      (await vdcManage(['image', 'list', '-q', '--account-id', 'a-other'], { database })).stdout
        .trim()
        .split('\n')
        .sort(),
    )
    expect(await chosen('--all')).toEqual([...ids].sort())
  })

  test('a file shared by images is read once, and reported for each', async () => {
    const run = await vdcManage(['image', 'verify', '--all', '--json'], { database, reject: true })
    const { images } = JSON.parse(run.stdout)
    const shared = images.filter(({ path }: { path: string }) => path === join(home, 'one.raw'))
    expect(shared.map(({ id }: { id: string }) => id).sort()).toEqual([ids[0], ids[3]].sort())
    const log = at(`strace-${engine}.log`)
    await shell(`strace -f -qq -e trace=openat -o ${log} vdc-manage image verify --all --quick`, { database })
    expect(readFileSync(log, 'utf8').match(/one\.raw/g)).toHaveLength(1)
  })

  test.each<[string[], number, RegExp]>([
    [[], 2, /No images given\nHint: Give IDs, --account-id or --all/],
    [['--all', 'wmi-x'], 2, /IDs cannot be used with --account-id or --all/],
    [['--account-id', 'a-x', 'wmi-x'], 2, /IDs cannot be used with --account-id or --all/],
    [['--all', '--account-id', 'a-other'], 2, /cannot be used together/],
    [['wmi-nosuchxx'], 4, /Image wmi-nosuchxx does not exist/],
    [['--account-id', 'a-nosuchxx'], 4, /Account a-nosuchxx does not exist/],
    [['bo-x'], 3, /'bo-x' is not a valid image ID/],
    [['--all', '--jobs', '0'], 3, /jobs must be 1 or more/],
    [['--all', '--jobs', '257'], 3, /jobs must be 256 at most/],
    [['--all', '--jobs', '-1'], 3, /jobs must be 1 or more/],
    [['--all', '--jobs', 'many'], 3, /--jobs must be a whole number; not 'many'/],
    [['--all', '--jobs', '1.5'], 3, /--jobs must be a whole number; not '1.5'/],
  ])('refuses %j', async (args, code, says) => {
    const run = await verify(database, ...args)
    expect(run).toMatchObject({ code, stdout: '' })
    expect(run.stderr).toMatch(says)
  })

  test('no image is not an error', async () => {
    const empty = await newRegistry(engine)
    expect(await verify(empty, '--all')).toMatchObject({
      code: 0,
      stdout: '',
      stderr: '0 images: 0 ok, 0 differ, 0 not checked\n',
    })
    expect(JSON.parse((await verify(empty, '--all', '--json')).stdout)).toEqual({
      images: [],
      ok: 0,
      differs: 0,
      not_checked: 0,
      unknown: 0,
    })
  })

  test('a missing one of several exits with 9, and the others are reported', async () => {
    const run = await verify(database, ids[0] as string, 'wmi-nosuchxx', 'bo-x')
    expect(run).toMatchObject({ code: 9, stderr: '3 images: 1 ok, 0 differ, 2 not checked\n' })
    expect(linesById(run)).toMatchObject({
      [ids[0] as string]: 'ok',
      'wmi-nosuchxx': 'not checked: Image wmi-nosuchxx does not exist',
    })
  })
})

describe.each(ENGINES)('images that cannot be checked on %s', (engine) => {
  const home = newHome()
  let database: TestDatabase
  beforeAll(async () => {
    database = await newRegistry(engine)
    makeDisks(home, ['ruby.raw', 'here.raw'])
    await shell('gzip -k ruby.raw', { cwd: home })
    await runLines(
      [
        `backupstorage add --uuid bkst-here --display-name here --base-uri file://${home}/ --storage-type local`,
        'backupstorage add --uuid bkst-dav --display-name dav --base-uri http://dav.example/images/ --storage-type webdav',
        // As dcmgr's tools write it: MD5 and sizes, but no labels.
        `backupobject add --uuid bo-ruby --display-name ruby --storage-id bkst-here --object-key ruby.raw --container-format none --size 262144 --allocation-size 262144 --checksum ${hashOf(join(home, 'ruby.raw'), 'md5').toUpperCase()}`,
        `backupobject add --uuid bo-packed --display-name packed --storage-id bkst-here --object-key ruby.raw.gz --container-format gz --size 262144 --allocation-size ${readFileSync(join(home, 'ruby.raw.gz')).length} --checksum ${hashOf(join(home, 'ruby.raw.gz'), 'md5')}`,
        `backupobject add --uuid bo-dav --display-name dav --storage-id bkst-dav --object-key a.raw --container-format none --size 262144 --allocation-size 262144 --checksum ${'0'.repeat(32)}`,
        ...['ruby', 'packed', 'dav'].map(
          (name) => `image add local bo-${name} ${OWNER} --uuid wmi-${name} --file-format raw`,
        ),
      ],
      { database },
    )
    await database.query("DELETE FROM resource_labels WHERE resource_uuid IN ('bo-ruby', 'bo-packed')")
    await register(database, [join(home, 'here.raw')], '--uuid wmi-gone')
    await vdcManage(['image', 'del', 'wmi-gone'], { database, reject: true })
  })

  test('rows with only an MD5 are compared with it', async () => {
    expect(await verify(database, 'wmi-ruby', 'wmi-packed')).toMatchObject({
      code: 0,
      stderr: '2 images: 2 ok, 0 differ, 0 not checked\n',
    })
    flipByte(join(home, 'ruby.raw'), 200000)
    const run = await verify(database, 'wmi-ruby')
    expect(run).toMatchObject({
      code: 8,
      stdout: expect.stringMatching(/^wmi-ruby: differs: the MD5 is [0-9a-f]{32}, but [0-9a-f]{32} is registered\n$/),
    })
    flipByte(join(home, 'ruby.raw'), 200000)
  })

  test('remote and deleted images are not checked, which is an error only if given by ID', async () => {
    const all = await verify(database, '--all')
    expect(all).toMatchObject({ code: 0, stderr: '3 images: 2 ok, 0 differ, 1 not checked\n' })
    expect(linesById(all)).toEqual({
      'wmi-ruby': 'ok',
      'wmi-packed': 'ok',
      'wmi-dav': 'not checked: its file is not on this host: http://dav.example/images/a.raw',
    })
    const named = await verify(database, 'wmi-dav', 'wmi-gone')
    expect(named).toMatchObject({ code: 9, stderr: '2 images: 0 ok, 0 differ, 2 not checked\n' })
    expect(linesById(named)['wmi-gone']).toBe('not checked: it is deleted')
  })

  test('--json includes the error of the exit code', async () => {
    const run = await vdcManage(['image', 'verify', 'wmi-ruby', 'wmi-dav', '--json'], { database })
    expect(run.code).toBe(9)
    expect(run.stderr).toBe('2 images: 1 ok, 0 differ, 1 not checked\n')
    const { images, ...rest } = JSON.parse(run.stdout)
    expect(rest).toEqual({
      ok: 1,
      differs: 0,
      not_checked: 1,
      unknown: 0,
      error: { code: 'PARTLY_DONE', message: '1 of 2 images could not be checked', exit: 9 },
    })
    expect(images).toEqual([
      {
        id: 'wmi-dav',
        result: 'not_checked',
        path: null,
        differences: ['its file is not on this host: http://dav.example/images/a.raw'],
        failed: true,
      },
      { id: 'wmi-ruby', result: 'ok', path: join(home, 'ruby.raw'), differences: [] },
    ])
  })

  test('a missing object or storage is a difference', async () => {
    await database.query("UPDATE images SET backup_object_id = 'bo-nosuch' WHERE uuid = 'dav'")
    expect(await verify(database, 'wmi-dav')).toMatchObject({
      code: 8,
      stdout: 'wmi-dav: differs: its backup object bo-nosuch is not registered\n',
    })
    await database.query("UPDATE images SET backup_object_id = 'bo-dav' WHERE uuid = 'dav'")
    await database.query("UPDATE backup_objects SET backup_storage_id = 99 WHERE uuid = 'dav'")
    expect(await verify(database, 'wmi-dav')).toMatchObject({
      code: 8,
      stdout: 'wmi-dav: differs: the storage of its backup object bo-dav is not registered\n',
    })
    await database.query("UPDATE backup_objects SET state = 'deleted' WHERE uuid = 'dav'")
    expect(await verify(database, 'wmi-dav')).toMatchObject({
      code: 8,
      stdout: 'wmi-dav: differs: its backup object bo-dav is deleted\n',
    })
  })
})

describe('an unreadable file', () => {
  test.runIf(process.getuid?.() === 0)('is not checked, and exits with 9', async () => {
    const home = newHome()
    const database = await newRegistry()
    makeDisks(home, ['secret.raw', 'open.raw'])
    const [secret = '', visible = ''] = await register(database, [join(home, 'secret.raw'), join(home, 'open.raw')])
    const sqlite = database.uri.slice('sqlite://'.length)
    await shell(`chmod 0 ${home}/secret.raw; chmod 755 ${folder.path} ${home} ; chmod -R a+rwX ${join(sqlite, '..')}`)
    const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups', PROGRAM]
    const state = join(home, 'state')
    mkdirSync(state)
    chownSync(state, 65534, 65534)
    const options = {
      env: environment({ database, env: { XDG_STATE_HOME: state } }),
      extendEnv: false,
      reject: false,
      stripFinalNewline: false,
    } as const
    await execa('setpriv', [...nobody, 'backupstorage', 'trust', home], { ...options, reject: true })
    const { exitCode, stdout, stderr } = await execa('setpriv', [...nobody, 'image', 'verify', '--all'], options)
    const run = { code: exitCode, signal: undefined, stdout, stderr }
    expect(run).toMatchObject({ code: 9, stderr: '2 images: 1 ok, 0 differ, 1 not checked\n' })
    expect(linesById(run)).toEqual({
      [secret]: `not checked: the file ${home}/secret.raw cannot be read: permission denied`,
      [visible]: 'ok',
    })
  })
})

describe('output', () => {
  const home = newHome()
  let database: TestDatabase
  let ids: string[]
  beforeAll(async () => {
    database = await newRegistry()
    makeDisks(home, ['a.raw', 'b.raw', 'c.raw'])
    ids = await register(
      database,
      ['a', 'b', 'c'].map((name) => join(home, `${name}.raw`)),
    )
  })

  test('can be closed early, or be full', async () => {
    const closed = await shell('vdc-manage image verify --all -j 1 | head -1; echo $PIPESTATUS', { database })
    expect(closed).toMatchObject({
      stdout: expect.stringMatching(/^wmi-\w+: ok\n0\n$/),
      stderr: '3 images: 3 ok, 0 differ, 0 not checked\n',
    })
    const full = await shell('vdc-manage image verify --all > /dev/full', { database })
    expect(full).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^Error: Cannot write to stdout: ENOSPC/),
    })
    expect(await shell('vdc-manage image verify --all > /dev/null 2>&-', { database })).toMatchObject({ code: 0 })
  })

  test('is the same in the shell', async () => {
    rmSync(join(home, 'b.raw'))
    const input = `image verify ${ids[0]}\nimage verify --all --quick\nimage verify ${ids[2]} --json\n`
    const run = await vdcManage([], { database, input })
    expect(run.code).toBe(9)
    expect(run.stdout).toMatch(new RegExp(`^${ids[0]}: ok\n`))
    expect(run.stdout).toMatch(/"unknown": 0/)
    expect(run.stderr).toMatch(
      /3 images: 2 ok, 1 differs, 0 not checked\n(?:Error: .*\n)?Line 2 failed: image verify --all --quick\n/,
    )
  })
})

describe('at a terminal, and interrupted', () => {
  const [BIG, HUGE] = [64 * MIB, 400 * GIB]
  const home = newHome()
  const terminals: Awaited<ReturnType<typeof startTerminal>>[] = []
  let database: TestDatabase
  let small: string[]
  let sparse: string[]
  beforeAll(async () => {
    database = await newRegistry()
    makeDisks(
      home,
      Array.from({ length: 6 }, (_, n) => `small${n}.raw`),
    )
    makeDisks(home, ['big0.raw', 'big1.raw'], BIG)
    small = await register(
      database,
      Array.from({ length: 6 }, (_, n) => join(home, `small${n}.raw`)),
    )
    // Registered by hand, because hashing the huge one would take too long.
    await runLines(
      [
        `backupstorage add --uuid bkst-big --display-name big --base-uri file://${home}/ --storage-type local`,
        ...['big0', 'big1', 'huge'].flatMap((name) => [
          `backupobject add --uuid bo-${name} --display-name ${name} --storage-id bkst-big --object-key ${name}.raw --container-format none --size ${name === 'huge' ? HUGE : BIG} --allocation-size ${name === 'huge' ? HUGE : BIG} --checksum ${'0'.repeat(32)}`,
          `image add local bo-${name} ${OWNER} --uuid wmi-${name} --file-format raw`,
        ]),
      ],
      { database },
    )
    sparse = ['wmi-big0', 'wmi-big1']
    writeFileSync(join(home, 'huge.raw'), '')
    truncateSync(join(home, 'huge.raw'), HUGE)
  })
  afterEach(async () => {
    for (const terminal of terminals.splice(0)) await terminal.close()
  })
  const start = async (line: string, width: number) => {
    const terminal = await startTerminal(line, { database, home: folder.path, width })
    terminals.push(terminal)
    return terminal
  }

  test.each([
    [80, /^Verifying \[#*\.*\] +\d+% +[\d.]+ [KM]iB\/130 MiB +[\d.]+ [KM]iB\/s +\d+:\d\d left$/m],
    [40, /^Verifying (?:\[#*\.*\])? *\d+% +[\d.]+ [KM]iB\/s +\d+:\d\d$/m],
  ])('at %i columns a bar shows the progress of all bytes, and no line is garbled', async (width, shown) => {
    const command = `vdc-manage image verify -j 1 ${[small[0], sparse[0], ...small.slice(1), sparse[1]].join(' ')}`
    const paths = ['big0.raw', 'big1.raw'].map((name) => join(home, name))
    const terminal = await start(readSlowly(command, paths, 30), width)
    const seen = await terminal.until(shown)
    const [bar = ''] = shown.exec(seen) ?? []
    expect(bar.length).toBeLessThan(width)
    // One line was printed before the bar came; the others are printed while it is shown.
    await terminal.until(new RegExp(`^${small[5]}: ok$`, 'm'))
    expect(await terminal.exitCode()).toBe(8)
    const lines = (await terminal.screen()).split('\n')
    expect(lines.filter((line) => line.includes('Verifying'))).toEqual([])
    expect(lines.filter((line) => / ok$/.test(line) && line.startsWith('wmi-'))).toEqual(small.map((id) => `${id}: ok`))
    const differing = lines.filter((line) =>
      /^wmi-big\d: differs: the MD5 is [0-9a-f]{32}, but 0{32} is registered$/.test(line),
    )
    expect(differing).toHaveLength(2)
    expect(lines.slice(-2)).toEqual(['8 images: 6 ok, 2 differ, 0 not checked', 'exit code 8'])
    expect(lines).toHaveLength(10)
  })

  test.each([80, 40])(
    'at %i columns, Ctrl-C prints the lines so far and a summary, and exits with 130',
    async (width) => {
      const terminal = await start(`vdc-manage image verify -j 2 ${small.join(' ')} wmi-huge`, width)
      await terminal.until(/^Verifying/m)
      for (const id of small) await terminal.until(new RegExp(`^${id}: ok$`, 'm'))
      const pressed = Date.now()
      await terminal.press('C-c')
      expect(await terminal.exitCode()).toBe(130)
      // Reading the whole file would take minutes.
      expect(Date.now() - pressed).toBeLessThan(60_000)
      expect((await terminal.screen()).split('\n').sort()).toEqual(
        [
          ...small.map((id) => `${id}: ok`),
          ...(width === 80
            ? ['7 images: 6 ok, 0 differ, 0 not checked, 1 unknown']
            : ['7 images: 6 ok, 0 differ, 0 not checked,', '1 unknown']),
          'Error: Interrupted',
          'exit code 130',
        ].sort(),
      )
    },
  )

  test.each([
    ['INT', 130, 'INTERRUPTED', 'Interrupted'],
    ['TERM', 143, 'TERMINATED', 'Terminated'],
  ] as const)('SIG%s without a terminal prints what is known, also as JSON', async (signal, code, name, says) => {
    /** Runs image verify until only the last image is left, and sends the signal. */
    const interrupted = async (...more: string[]): Promise<Run> => {
      const running = execa(PROGRAM, ['image', 'verify', '-j', '2', ...small, 'wmi-huge', ...more], {
        env: environment({ database }),
        extendEnv: false,
        reject: false,
        stripFinalNewline: false,
        stdin: 'ignore',
      })
      let printed = ''
      running.stdout.on('data', (data) => {
        printed += data
      })
      // JSON is printed at the end only.
      if (more.includes('--json')) await untilOnlyReads(running.pid as number, join(home, 'huge.raw'))
      else await expect.poll(() => printed.match(/: ok$/gm)?.length).toBe(small.length)
      running.kill(`SIG${signal}`)
      const { exitCode, stdout, stderr } = await running
      return { code: exitCode, signal: undefined, stdout, stderr }
    }
    const run = await interrupted()
    expect(run).toMatchObject({ code, stderr: `7 images: 6 ok, 0 differ, 0 not checked, 1 unknown\nError: ${says}\n` })
    expect(Object.keys(linesById(run)).sort()).toEqual([...small].sort())
    const json = await interrupted('--json')
    expect(json.code).toBe(code)
    const { images, ...rest } = JSON.parse(json.stdout)
    expect(rest).toEqual({
      ok: 6,
      differs: 0,
      not_checked: 0,
      unknown: 1,
      error: { code: name, message: says, exit: code },
    })
    expect(images.map(({ id }: { id: string }) => id).sort()).toEqual([...small].sort())
  })

  test('Ctrl-C in the shell interrupts it, and the shell continues', async () => {
    const terminal = await start('vdc-manage', 80)
    await terminal.untilLine('vdc-manage>> ')
    await terminal.type(`image verify ${small[0]} wmi-huge`)
    await terminal.press('Enter')
    await terminal.until(new RegExp(`^${small[0]}: ok$`, 'm'))
    await terminal.until(/^Verifying/m)
    await terminal.press('C-c')
    const screen = await terminal.until(/^vdc-manage>>$(?![\s\S])/m)
    expect(screen).toContain(`${small[0]}: ok\n`)
    expect(screen).toMatch(/^2 images: 1 ok, 0 differ, 0 not checked, 1 unknown\nError: Interrupted\nvdc-manage>>$/m)
  })
})
