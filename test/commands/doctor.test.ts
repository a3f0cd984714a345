import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { checkCluster } from '../../src/registry/doctor/database.ts'
import { allRows, ENGINES, newDatabase, newMariadb, newSqlite } from '../support/databases/databases.ts'
import { newWakame } from '../support/databases/wakame.ts'
import { damage, newLargeRegistry } from '../support/files/damage.ts'
import { newFolder } from '../support/files/images.ts'
import { environment, PROGRAM, type Run, type RunOptions, runLines, shell, vdcManage } from '../support/process/cli.ts'
import { newProgramFolder } from '../support/process/programs.ts'

interface Check {
  name: string
  result: string
  message: string
  hint?: string
}

/** The checks of what looks inside images. */
const GUESTS = ['qemu', 'building', 'libguestfs', 'kvm']

const folder = newFolder()
const storage = join(folder.path, 'storage')
mkdirSync(storage)
afterAll(() => folder.remove())
/** A PATH without programs for guests. To ask those for their versions takes longer than the other checks. */
const PATH = newProgramFolder(join(folder.path, 'few'))

// Doctor waits 5 s for the version of a program. Once they have run, programs start faster.
beforeAll(async () => {
  for (const program of ['guestfish', 'qemu-system-x86_64', 'mmdebstrap']) {
    await execa(program, ['--version'], { reject: false })
  }
})

/** Runs doctor until all programs answer in time, at most so many times. */
async function answered(doctor: () => Promise<Run>, times = 5): Promise<Run> {
  const run = await doctor()
  const isLate = /of unknown version|No answer within/.test(run.stdout)
  return isLate && times > 1 ? answered(doctor, times - 1) : run
}

/** Runs doctor. Returns its checks by name. */
async function examined(
  options: RunOptions,
  times?: number,
): Promise<{ run: Run; ok: boolean; checks: Record<string, Check> }> {
  const run = await answered(() => vdcManage(['doctor', '--json'], options), times)
  const { ok, checks } = JSON.parse(run.stdout) as { ok: boolean; checks: Check[] }
  for (const check of checks) {
    expect(Object.keys(check)).toEqual(['name', 'result', 'message', ...(check.result === 'ok' ? [] : ['hint'])])
  }
  expect(ok).toBe(checks.every(({ result }) => result !== 'failure'))
  expect(run).toMatchObject({ code: ok ? 0 : 6, stderr: '' })
  return { run, ok, checks: Object.fromEntries(checks.map((check) => [check.name, check])) }
}

describe.each(ENGINES)('on %s', (engine) => {
  test('prints one line per check if all is well, and writes nothing', async () => {
    const database = await newDatabase(engine)
    const storages = ['one', 'two'].map(
      (uuid) =>
        `backupstorage add --uuid ${uuid} --display-name s --storage-type local --base-uri file://${storage}/${uuid === 'two' ? 'prefix-' : ''}`,
    )
    const others = [
      'backupstorage add --uuid web --display-name w --storage-type webdav --base-uri http://host/images/',
      'backupstorage add --uuid gone --display-name g --storage-type local --base-uri file:///gone/',
      'backupstorage del bkst-gone',
    ]
    // A base URI without a trailing slash prints a warning.
    await vdcManage(['-e'], { database, input: `${[...storages, ...others].join('\n')}\n`, reject: true })
    const before = await allRows(database)
    const run = await answered(() => vdcManage(['doctor'], { database }))
    expect(run).toMatchObject({ code: 0, stderr: '' })
    const lines = run.stdout.split('\n').slice(0, -1)
    const names = engine === 'mariadb' ? ['engine', 'character_set', 'sql_mode', 'cluster'] : ['integrity']
    expect(lines.map((line) => line.split(/ +/).slice(0, 2))).toEqual(
      [
        'node',
        'configuration',
        'database',
        'schema',
        ...names,
        'bkst-one',
        'bkst-two',
        'qemu-img',
        'unpacking',
        'qemu',
        'building',
        'libguestfs',
        'kvm',
      ].map((name) => ['ok', name]),
    )
    // Messages are aligned.
    expect(new Set(lines.map((line) => /^\S+ +\S+ +/.exec(line)?.[0].length))).toEqual(new Set([24]))
    expect(run.stdout).toMatch(/configuration +(?:mysql|sqlite):\/\/\S+, set in VDC_MANAGE_DATABASE_URI\n/)
    expect(run.stdout).toMatch(/database +(?:MariaDB|SQLite) [\d.]+ answers in \d+ ms/)
    expect(run.stdout).toMatch(/schema +up to date\n/)
    expect(run.stdout).toMatch(/bkst-one +\/\S+\/storage\/, \S+ on \S+, [\d.]+ [KMGT]iB of [\d.]+ [KMGT]iB free\n/)
    expect(run.stdout).toMatch(/qemu-img +version \d\S+, \/\S+\/qemu-img; runs within the resource limits\n/)
    if (engine === 'mariadb') {
      expect(run.stdout).toMatch(
        /engine +InnoDB\n.*character_set +utf8mb4\n.*sql_mode +\S*STRICT_\S+\n.*cluster +no Galera cluster\n/,
      )
    }
    expect(await allRows(database)).toEqual(before)
    await database.remove()
  })
})

describe('configuration', () => {
  test('an embedded registry is not created, and is named once it exists', async () => {
    const home = join(folder.path, 'home')
    mkdirSync(home)
    const env = { PATH, HOME: home, XDG_DATA_HOME: join(home, 'data') }
    const path = join(home, 'data/vdc-manage/registry.sqlite')
    // The host must have no configuration.
    expect(existsSync('/etc/wakame-vdc/dcmgr.conf')).toBe(false)
    const fresh = await examined({ env })
    expect(fresh.checks).toMatchObject({
      configuration: {
        result: 'ok',
        message: `the embedded registry sqlite://${path}; no setting or dcmgr.conf names a database`,
      },
      database: { result: 'ok', message: 'none yet; created on first use' },
    })
    expect(readdirSync(home)).toEqual([])
    await vdcManage(['account', 'list'], { env, reject: true })
    expect((await examined({ env })).checks.database).toMatchObject({
      result: 'ok',
      message: expect.stringMatching(/^SQLite .* answers in/),
    })
  })

  test('dcmgr.conf, an invalid setting, and an SQLite file that cannot be created', async () => {
    const conf = join(folder.path, 'dcmgr.conf')
    writeFileSync(conf, "database_uri 'mysql2://root:secret@127.0.0.1:1/none'\n")
    expect((await examined({ env: { PATH, CONF_PATH: conf } })).checks.configuration).toEqual({
      name: 'configuration',
      result: 'ok',
      message: `mysql://root@127.0.0.1:1/none, set in ${conf} (named by CONF_PATH)`,
    })
    const broken = await examined({ env: { PATH, VDC_MANAGE_DATABASE_URI: '' } })
    expect(broken.checks.configuration).toMatchObject({
      result: 'failure',
      hint: expect.stringMatching(/VDC_MANAGE_DATABASE_URI/),
    })
    expect(broken.checks.database).toBeUndefined()
    expect(broken.checks.unpacking?.result).toBe('ok')
    const nowhere = await examined({
      database: { uri: 'sqlite:///nonexistent/registry.sqlite' },
      env: { PATH },
    })
    expect(nowhere.checks.database).toMatchObject({
      result: 'failure',
      message: 'The database sqlite:///nonexistent/registry.sqlite cannot be created: /nonexistent does not exist',
      hint: expect.stringMatching(/^Create the folder/),
    })
  })
})

describe('a failing database', () => {
  const password = 's3cret&pass'
  const silent: { server: Server; uri: string } = {} as never
  beforeAll(async () => {
    silent.server = createServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1')
    await new Promise((resolve) => silent.server.once('listening', resolve))
    const { port } = silent.server.address() as { port: number }
    silent.uri = `mysql://root:${encodeURIComponent(password)}@127.0.0.1:${port}/none`
  })
  afterAll(() => silent.server.close())

  const without = (run: Run) => expect(`${run.stdout}${run.stderr}`).not.toMatch(/s3cret/)
  const othersAreChecked = (checks: Record<string, Check>) => {
    expect(Object.keys(checks)).toEqual([...['node', 'configuration', 'database', 'qemu-img', 'unpacking'], ...GUESTS])
    expect(checks).toMatchObject({ 'qemu-img': { result: 'ok' }, unpacking: { result: 'ok' } })
  }

  test('refuses connections: other checks run, and the password is not shown', async () => {
    const uri = `mysql://root:${encodeURIComponent(password)}@127.0.0.1:1/none`
    const { run, checks } = await examined({ database: { uri } })
    othersAreChecked(checks)
    expect(checks.database).toMatchObject({
      result: 'failure',
      message: expect.stringMatching(/^The database mysql:\/\/root@127.0.0.1:1\/none cannot be reached: /),
    })
    without(run)
    without(await vdcManage(['doctor', '--debug'], { database: { uri }, env: { PATH } }))
    const lines = (await vdcManage(['doctor'], { database: { uri }, env: { PATH } })).stdout
    expect(lines).toMatch(/^failure {2}database {7}The database .*\n {24}Hint: Check that the server is running /m)
  })

  test('does not answer: gives up after some seconds', async () => {
    const started = performance.now()
    const { run, checks } = await examined({ database: silent }, 1)
    expect(performance.now() - started).toBeLessThan(25_000)
    othersAreChecked(checks)
    expect(checks.database).toMatchObject({ result: 'failure', message: expect.stringMatching(/no answer/) })
    without(run)
  })

  test('does not answer: Ctrl-C exits with 130 at once', async () => {
    const running = execa(PROGRAM, ['doctor'], {
      env: environment({ database: silent }),
      extendEnv: false,
      reject: false,
    })
    let shown = ''
    running.stdout.setEncoding('utf8').on('data', (text) => (shown += text))
    await expect.poll(() => shown).toContain('configuration')
    running.kill('SIGINT')
    expect((await running).exitCode).toBe(130)
    // It did not wait for the end of the check.
    expect(shown).not.toMatch(/^\S+ +database /m)
  })

  test('is not a database, or refuses the login', async () => {
    const { checks } = await examined({ database: { uri: 'sqlite:///etc/passwd' } })
    othersAreChecked(checks)
    expect(checks.database).toMatchObject({
      result: 'failure',
      message: 'The database sqlite:///etc/passwd cannot be used: file is not a database',
      hint: expect.stringMatching(/names a database of vdc-manage/),
    })
    const aFolder = await examined({ database: { uri: `sqlite://${storage}` } })
    othersAreChecked(aFolder.checks)
    expect(aFolder.checks.database?.message).toBe(`The database sqlite://${storage} is a folder`)
    const own = await newMariadb()
    await own.query("CREATE USER IF NOT EXISTS doctor@localhost IDENTIFIED BY 'other'")
    const uri = own.uri.replace('root@', `doctor:${encodeURIComponent(password)}@`)
    const refused = await examined({ database: { uri } })
    othersAreChecked(refused.checks)
    expect(refused.checks.database).toMatchObject({ result: 'failure', message: /denied/i })
    without(refused.run)
    await own.query('DROP USER doctor@localhost')
    await own.remove()
  })
})

describe('the schema', () => {
  test('is missing: names pending migrations and a hint that works', async () => {
    const database = await newMariadb()
    const { checks } = await examined({ database, env: { PATH } })
    expect(checks.schema).toMatchObject({
      result: 'failure',
      message: expect.stringMatching(/^pending: 001_accounts, /),
      hint: 'Run: vdc-manage db migrate',
    })
    expect(await database.query('SHOW TABLES')).toEqual([])
    expect(await shell(String(checks.schema?.hint).replace('Run: ', ''), { database })).toMatchObject({ code: 0 })
    expect((await examined({ database, env: { PATH } })).ok).toBe(true)
    await database.remove()
  })

  test('is that of Wakame-vdc: shows its version and the limits of its character set', async () => {
    const database = await newWakame(inject('mariadb').port)
    const { ok, checks } = await examined({ database, env: { PATH } })
    expect(ok).toBe(true)
    expect(checks.schema).toMatchObject({ result: 'ok', message: 'up to date, alongside schema 23 of Wakame-vdc' })
    expect(checks.character_set).toMatchObject({
      result: 'warning',
      message: expect.stringMatching(/^utf8\S* in accounts, images, .*: emoji .* are refused$/),
    })
    await database.query('UPDATE schema_info SET version = 24')
    await database.query('ALTER TABLE images ENGINE = MyISAM')
    const odd = await examined({ database, env: { PATH } })
    expect(odd.checks).toMatchObject({
      schema: { result: 'warning', message: expect.stringMatching(/24.*newer than the supported schema 23/) },
      engine: { result: 'failure', message: 'images is MyISAM, which does not support transactions' },
    })
    await database.remove()
  })

  test('is empty, lacks a table, or is of a newer release, on SQLite', async () => {
    const database = newSqlite()
    writeFileSync(database.uri.slice('sqlite://'.length), '')
    expect(await examined({ database, env: { PATH } })).toMatchObject({
      ok: true,
      checks: { database: { message: 'none yet; created on first use' } },
    })
    await vdcManage(['db', 'migrate'], { database, reject: true })
    await database.query('DROP TABLE backup_storages')
    expect((await examined({ database, env: { PATH } })).checks).toMatchObject({
      storages: { result: 'failure', message: expect.stringMatching(/no such table: backup_storages/) },
      unpacking: { result: 'ok' },
    })
    await database.query('PRAGMA user_version = 99')
    expect((await examined({ database, env: { PATH } })).checks.database).toMatchObject({
      result: 'failure',
      message: expect.stringMatching(/later vdc-manage/),
    })
    await database.remove()
  })
})

test('reports a missing qemu-img, no folder to unpack in, and missing or full storages', async () => {
  const database = await newDatabase('sqlite')
  const add = (uuid: string, path: string, more = '') =>
    `backupstorage add --uuid ${uuid} --display-name s --storage-type local --base-uri file://${path} ${more}`
  await runLines(
    [
      add('gone', '/nonexistent/images/'),
      add('agent', '/nonexistent/other/', '--node-id sta-x'),
      add('full', '/nonexistent/full/'),
      add('foreign', '/nonexistent/foreign/'),
      add('fine', `${storage}/`),
    ],
    { database },
  )
  const path = join(folder.path, 'bin')
  mkdirSync(path)
  // As left by an import or the Ruby programs.
  const move = 'UPDATE backup_storages SET base_uri = ? WHERE uuid = ?'
  await database.query(move, ['file:///proc/', 'full'])
  await database.query(move, [`file://${path}/`, 'foreign'])
  for (const program of ['node', 'env', 'setpriv']) {
    const { stdout } = await shell(`command -v ${program}`)
    symlinkSync(stdout.trim(), join(path, program))
  }
  const { checks } = await examined({ database, env: { PATH: path, TMPDIR: '/nonexistent' } })
  expect(checks).toMatchObject({
    'qemu-img': {
      result: 'failure',
      message: 'qemu-img is not installed',
      hint: 'Install it with: apt-get install qemu-utils',
    },
    unpacking: { result: 'failure', message: 'Folder /nonexistent does not exist' },
    qemu: {
      result: 'warning',
      message: 'QEMU is not installed; only image try and image install need it',
      hint: expect.stringMatching(/^Install it with: apt-get install .*qemu-system-x86$/),
    },
    building: {
      result: 'warning',
      message: expect.stringMatching(/^mmdebstrap, .*unshare are not installed; only image build needs this$/),
      hint: expect.stringMatching(/^Install with: apt-get install --no-install-recommends mmdebstrap .*util-linux$/),
    },
    libguestfs: {
      result: 'warning',
      message: 'libguestfs is not installed; only image check and image prepare need it',
      hint: expect.stringMatching(/^Install it with: apt-get install .*libguestfs-tools/),
    },
    'bkst-gone': { result: 'failure', message: 'Folder /nonexistent/images/ does not exist' },
    'bkst-agent': { result: 'warning', message: expect.stringMatching(/on this host; agent sta-x serves it$/) },
    'bkst-full': {
      result: 'warning',
      message: expect.stringMatching(/^\/proc\/, proc on proc, .*; nearly full$/),
    },
    'bkst-foreign': {
      result: 'warning',
      message: expect.stringMatching(/ free; image verify and image purge skip its files$/),
      hint: `${path} is not an image folder of this host; to add it: vdc-manage backupstorage trust ${path}`,
    },
    'bkst-fine': { result: 'ok' },
  })
  await database.remove()
})

test('reports the versions of QEMU and of what builds images', async () => {
  const { checks } = await examined({})
  expect(checks).toMatchObject({
    qemu: { result: 'ok', message: expect.stringMatching(/^version [\d.]+, \/\S+\/qemu-system-x86_64$/) },
    building: { result: 'ok', message: expect.stringMatching(/^mmdebstrap [\d.]+, as (?:root|an ordinary user)$/) },
  })
})

describe('libguestfs', () => {
  test('is ready: names its parts, and says how to test KVM', async () => {
    const { checks } = await examined({})
    expect(checks).toMatchObject({
      libguestfs: { message: expect.stringMatching(/^guestfish [\d.]+, QEMU [\d.]+, kernel \/boot\/vmlinuz-\S+$/) },
      kvm: { message: expect.stringMatching(/^(?:\/dev\/kvm can be opened; .*--deep|there is no \/dev\/kvm, .*)$/) },
    })
  })

  test.each([
    [
      'kernel',
      ['guestfish', 'qemu-system-x86_64'],
      'SUPERMIN_KERNEL',
      /^needs the kernel \S+, which does not exist; only/,
    ],
    ['QEMU', ['guestfish'], undefined, /^needs QEMU, which is not installed/],
  ])('lacks a %s: a warning with a hint', async (lacking, programs, variable, lack) => {
    const path = newProgramFolder(join(folder.path, `bin-${lacking}`), programs)
    const kernel = variable === undefined ? {} : { [variable]: join(path, 'no-kernel') }
    const { ok, checks } = await examined({ database: newSqlite(), env: { PATH: path, ...kernel } })
    expect(ok).toBe(true)
    expect(checks.libguestfs).toMatchObject({
      result: 'warning',
      hint: expect.stringMatching(/^(?:Correct or unset SUPERMIN_KERNEL|Install it with: apt-get .*)$/),
    })
    expect(checks.libguestfs?.message.replace(/^libguestfs /, '')).toMatch(lack)
    expect(checks.kvm).toBeUndefined()
  })
})

test('reports a damaged SQLite file with a hint, runs other checks, and writes nothing', async () => {
  const database = await newLargeRegistry()
  damage(database)
  const path = database.uri.slice('sqlite://'.length)
  const before = readFileSync(path)
  const { ok, checks } = await examined({ database, env: { PATH } })
  expect(ok).toBe(false)
  expect(checks).toMatchObject({
    database: { result: 'ok' },
    schema: { result: 'ok' },
    integrity: {
      result: 'failure',
      message: expect.stringMatching(/^The file is damaged: .*(?:page|malformed)/i),
      hint: expect.stringMatching(/^Restore the file from a backup, .*vdc-manage registry export$/),
    },
    unpacking: { result: 'ok' },
  })
  expect(readFileSync(path).equals(before)).toBe(true)
  await database.remove()
})

test('prints the same in the shell, and the session continues', async () => {
  const database = await newDatabase('sqlite')
  const input = 'account list --quiet\ndoctor\naccount list --quiet\n'
  const run = await answered(() => vdcManage(['-e'], { database, input }))
  expect(run).toMatchObject({ code: 0, stderr: '' })
  const lines = run.stdout.split('\n').slice(0, -1)
  expect(lines.slice(0, 2)).toEqual(lines.slice(-2))
  expect(lines.filter((line) => line.startsWith('ok '))).toHaveLength(lines.length - 4)
  await database.remove()
})

test.each([
  ['no cluster', undefined, 'ok'],
  ['a node of three', { size: 3, status: 'Primary', state: 'Synced', ready: true }, 'ok'],
  ['a node that catches up', { size: 3, status: 'Primary', state: 'Joined', ready: true }, 'warning'],
  ['a node cut off from the others', { size: 1, status: 'non-Primary', state: 'Initialized', ready: false }, 'failure'],
])('Galera: %s', (_, cluster, result) => {
  expect(checkCluster(cluster)).toMatchObject({ result })
})
