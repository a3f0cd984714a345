import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { parseDatabaseUri } from '../../src/config/config.ts'
import { newDatabase, type TestDatabase } from '../support/databases/databases.ts'
import { startProxy } from '../support/databases/mysql-proxy.ts'
import { makeImage, newFolder } from '../support/files/images.ts'
import { inTime } from '../support/in-time.ts'
import { environment, PROGRAM, vdcManage, vdcManageJson } from '../support/process/cli.ts'
import { freePort } from '../support/process/free-port.ts'

const MIB = 1024 * 1024
const SECRET = 'S3cr3t-p4ss'
const folder = newFolder()
afterAll(() => folder.remove())
let files = 0
function conf(text: string): string {
  const path = join(folder.path, `dcmgr${++files}.conf`)
  writeFileSync(path, text)
  return path
}
function fifo(): string {
  const path = join(folder.path, `fifo${++files}`)
  execFileSync('mkfifo', [path])
  return path
}

describe('the database', () => {
  let database: TestDatabase
  const name = () => database.uri.split('/').at(-1) as string
  beforeAll(async () => {
    database = await newDatabase('mariadb')
    const { port } = inject('mariadb')
    await database.query(`CREATE USER IF NOT EXISTS 'op:er'@'%' IDENTIFIED BY '${SECRET}@/'`)
    await database.query(`GRANT ALL ON *.* TO 'op:er'@'%'`)
    expect(port).toBeGreaterThan(0)
  })
  afterAll(async () => {
    await database.query(`DROP USER 'op:er'@'%'`)
    await database.remove()
  })
  const accounts = { code: 0, stdout: 'a-00000000\na-shpoolxx\n', stderr: '' }
  const list = (env: Record<string, string>) => vdcManage(['account', 'list', '--quiet'], { env })

  test('can be given as each form of URI', async () => {
    const { port, socket } = inject('mariadb')
    const password = encodeURIComponent(`${SECRET}@/`)
    for (const uri of [
      `mysql://root@127.0.0.1:${port}/${name()}`,
      `mysql2://root@127.0.0.1:${port}/${name()}`,
      `mysql://127.0.0.1:${port}/${name()}?user=root`,
      `mysql://op%3Aer:${password}@127.0.0.1:${port}/${name()}`,
      `mysql2://127.0.0.1:${port}/${name()}?user=op%3Aer&password=${password}&encoding=utf8`,
      `mysql://root@localhost/${name()}?socket=${socket}`,
      `mysql2:///${name()}?user=root&socket=${socket}`,
    ]) {
      expect(await list({ VDC_MANAGE_DATABASE_URI: uri })).toEqual({ ...accounts, signal: undefined })
    }
  })

  test('is taken from database_uri in the file of CONF_PATH, unless the environment sets one', async () => {
    const uri = `mysql2://127.0.0.1:${inject('mariadb').port}/${name()}?user=root`
    for (const text of [
      `database_uri '${uri}'\n`,
      `# database_uri 'mysql2://elsewhere/x'\n\ndatabase_uri 'mysql2://elsewhere/x'\n  database_uri("${uri}") # ours\nservice_type("std", "StdServiceType") {\n}\n`,
      `config.database_uri = "${uri}"\n`,
    ]) {
      expect(await list({ CONF_PATH: conf(text) })).toMatchObject(accounts)
    }
    expect(
      await list({ CONF_PATH: conf(`database_uri 'mysql2://127.0.0.1:1/x'`), VDC_MANAGE_DATABASE_URI: uri }),
    ).toMatchObject(accounts)
  })

  test.each([
    ['that is missing', () => join(folder.path, 'missing.conf'), /missing.conf does not exist/],
    ['that is a folder', () => folder.path, /images-\w+ is a folder, not a regular file/],
    ['that is a device', () => '/dev/zero', /\/dev\/zero is a device, not a regular file/],
    ['that is a FIFO', () => fifo(), /fifo\d+ is a FIFO, not a regular file/],
    ['larger than 1 MiB', () => conf(`database_uri 'mysql2://h/x'${' '.repeat(MIB)}`), /is larger than 1 MiB/],
    ['without a database_uri', () => conf('# database_uri "x"\n'), /has no readable database_uri/],
    [
      'with a database_uri that only Ruby can evaluate',
      () => conf('database_uri "mysql2://#{host}/x"\n'),
      /has no readable database_uri/,
    ],
    [
      'with a database_uri that only Ruby can evaluate after a plain one',
      () => conf("database_uri 'mysql2://h/x'\ndatabase_uri ENV['X']\n"),
      /has no readable database_uri/,
    ],
    [
      'with a database_uri that is commented out',
      () => conf("=begin\ndatabase_uri 'mysql2://h/x'\n=end\n__END__\ndatabase_uri 'mysql2://h/x'\n"),
      /has no readable database_uri/,
    ],
    ['with an unknown scheme', () => conf("database_uri 'postgres://h/x'\n"), /unknown scheme 'postgres:'/],
  ])('a conf file %s is an error, not a reason to use the embedded registry', async (_, path, says) => {
    const data = newFolder()
    const run = await list({ CONF_PATH: path(), XDG_DATA_HOME: data.path })
    expect(run).toMatchObject({ code: 3, stdout: '' })
    expect(run.stderr).toMatch(says)
    expect(existsSync(join(data.path, 'vdc-manage'))).toBe(false)
    data.remove()
  })

  test.each(['VDC_MANAGE_DATABASE_URI', 'CONF_PATH'])(
    'an empty %s is an error, not a reason to use the embedded registry',
    async (variable) => {
      const data = newFolder()
      const run = await list({ [variable]: '', XDG_DATA_HOME: data.path })
      expect(run).toMatchObject({
        code: 3,
        stdout: '',
        stderr: `Error: ${variable} is set but empty\nHint: Set ${variable} to a value, or unset it\n`,
      })
      expect(existsSync(join(data.path, 'vdc-manage'))).toBe(false)
      data.remove()
    },
  )

  test.each([
    ['nonsense', /is not a URI/],
    ['postgres://h/x', /unknown scheme 'postgres:'/],
    ['mysql://host', /does not name a database/],
    [`mysql://u:${SECRET}@host:99999/x`, /has an invalid host or port/],
    [`mysql://u:${SECRET}%zz@host/x`, /invalid %-escape/],
    [`mysql://u:p@ss/${SECRET}@127.0.0.1:3306/x`, /contains an @ after the host; special .* must be %-escaped/],
    ['sqlite://relative/path', /does not contain an absolute path/],
    [
      'sqlite:///no/such/folder/x.sqlite',
      /x.sqlite cannot be created: \/no\/such\/folder does not exist.*\nHint: Create the folder/,
    ],
  ])('refuses the invalid URI %s', async (uri, says) => {
    const run = await list({ VDC_MANAGE_DATABASE_URI: uri })
    expect(run.stdout).toBe('')
    expect([3, 6]).toContain(run.code)
    expect(run.stderr).toMatch(says)
    expect(run.stderr).not.toContain(SECRET)
  })

  test.each([
    [`mysql://u:12/${SECRET}@host`, 'contains an @ after the host'],
    [`mysql://u:p@ss?${SECRET}@host/x`, 'contains an @ after the host'],
    [`mysql://u:p@ss#${SECRET}@host/x`, 'contains an @ after the host'],
    ['mysql://host/x/y', 'does not name a database'],
    [`mysql://host?user=u&password=p@${SECRET}&socket=/run/x`, 'does not name a database'],
  ])('errors do not show a password cut off by a special character: %s', (uri, says) => {
    const message = new RegExp(`^The database URI in the test ${says}(?!.*${SECRET})`)
    expect(() => parseDatabaseUri(uri, 'the test')).toThrow(
      expect.objectContaining({ exit: 3, message: expect.stringMatching(message) }),
    )
  })

  test('a password appears in no message, debug output or process argument', async () => {
    const { port } = inject('mariadb')
    const good = encodeURIComponent(`${SECRET}@/`)
    for (const uri of [
      `mysql://op%3Aer:${good}@127.0.0.1:${port}/${name()}`,
      `mysql://op%3Aer:${SECRET}@127.0.0.1:${port}/${name()}`,
    ]) {
      for (const more of [[], ['--json'], ['--debug']]) {
        const run = await vdcManage(['account', 'list', ...more], { env: { VDC_MANAGE_DATABASE_URI: uri, DEBUG: '*' } })
        expect(run.stdout + run.stderr).not.toContain(SECRET)
      }
      const status = await vdcManage(['db', 'status'], { env: { VDC_MANAGE_DATABASE_URI: uri } })
      expect(status.stdout + status.stderr).not.toContain(SECRET)
    }
    const wrong = await list({ VDC_MANAGE_DATABASE_URI: `mysql://op%3Aer:${SECRET}@127.0.0.1:${port}/${name()}` })
    expect(wrong).toMatchObject({ code: 6, stdout: '', stderr: expect.stringMatching(/Access denied/) })
    const images = newFolder()
    const image = await makeImage(join(images.path, 'disk.qcow2'))
    const strace = await execa(
      'strace',
      [
        '-f',
        '-qq',
        '-v',
        '-s',
        '4096',
        '-e',
        'trace=execve',
        PROGRAM,
        'image',
        'add',
        'local',
        image,
        '--account-id',
        'a-shpoolxx',
      ],
      {
        env: environment({ env: { VDC_MANAGE_DATABASE_URI: `mysql://op%3Aer:${good}@127.0.0.1:${port}/${name()}` } }),
        extendEnv: false,
        reject: false,
      },
    )
    images.remove()
    expect(strace.stderr).toMatch(/execve\("[^"]*qemu-img", \["qemu-img", "info"/)
    // With -v, strace shows the environments too. Ours contains the URI, that of the child must not.
    const child = strace.stderr.split('\n').filter((line) => line.includes('["qemu-img", "info"'))
    expect(child.join()).toContain('LC_ALL=C')
    expect(child.join()).not.toContain(SECRET)
    expect(child.join()).not.toContain('VDC_MANAGE')
  })

  test('an error of the database itself exits with 6, and prints one error and one hint', async () => {
    const { port } = inject('mariadb')
    const run = await list({ VDC_MANAGE_DATABASE_URI: `mysql://root@127.0.0.1:${port}/no_such_db` })
    expect(run).toMatchObject({
      code: 6,
      stdout: '',
      stderr: expect.stringMatching(/^Error: .*Unknown database 'no_such_db'\nHint: .*\n$/),
    })
    const text = join(folder.path, 'text.sqlite')
    writeFileSync(text, 'This is not a database at all, but a text.\n'.repeat(100))
    const broken = await list({ VDC_MANAGE_DATABASE_URI: `sqlite://${text}` })
    expect(broken).toMatchObject({
      code: 6,
      stdout: '',
      stderr: expect.stringMatching(
        /^Error: .*text.sqlite cannot be used: file is not a database\nHint: .*names a database of vdc-manage\n$/,
      ),
    })
  })
})

describe('the embedded registry', () => {
  test('is created on first use in the data folder, and the note on stderr says where and how to use MySQL', async () => {
    const data = newFolder()
    const env = { XDG_DATA_HOME: join(data.path, 'share') }
    const first = await vdcManage(['account', 'add'], { env })
    const path = join(data.path, 'share/vdc-manage/registry.sqlite')
    expect(first).toMatchObject({ code: 0, stdout: expect.stringMatching(/^a-\w{8}\n$/) })
    expect(first.stderr).toBe(
      `Created the embedded registry ${path}; to use MySQL, set VDC_MANAGE_DATABASE_URI=mysql://user@host/wakame_dcmgr\n`,
    )
    expect(existsSync(path)).toBe(true)
    expect(await vdcManage(['account', 'list', '--quiet'], { env })).toMatchObject({
      code: 0,
      stderr: '',
      stdout: expect.stringContaining(first.stdout),
    })
    expect((await vdcManageJson(['db', 'status'], { env })).database).toBe(`sqlite://${path}`)
    data.remove()
  })

  test('exits with 6 if it cannot be created', async () => {
    const data = newFolder()
    writeFileSync(join(data.path, 'file'), '')
    expect(await vdcManage(['account', 'list'], { env: { XDG_DATA_HOME: join(data.path, 'file') } })).toMatchObject({
      code: 6,
      stdout: '',
    })
    mkdirSync(join(data.path, 'vdc-manage/registry.sqlite'), { recursive: true })
    chmodSync(data.path, 0o755)
    expect(await vdcManage(['account', 'list'], { env: { XDG_DATA_HOME: data.path } })).toMatchObject({
      code: 6,
      stdout: '',
    })
    data.remove()
  })
})

describe('an unreachable database causes one error with a hint and exit code 6 within 10 s', () => {
  async function expectDown(uri: string, says: RegExp) {
    const started = Date.now()
    for (const args of [
      ['image', 'list'],
      ['image', 'show', 'wmi-x'],
      ['account', 'add'],
    ]) {
      const run = await inTime(10_000, args.join(' '), () => vdcManage(args, { env: { VDC_MANAGE_DATABASE_URI: uri } }))
      expect(run).toMatchObject({ code: 6, stdout: '' })
      expect(run.stderr).toMatch(/^Error: The database mysql:\/\/\S+ can ?not be reached: .+\nHint: .+\n$/)
      expect(run.stderr).toMatch(says)
      if (Date.now() - started > 3000) return
    }
  }

  test('if nothing listens', async () => {
    await expectDown(`mysql://root@127.0.0.1:${await freePort()}/x`, /ECONNREFUSED/)
    await expectDown('mysql://root@localhost/x?socket=/nowhere.sock', /ENOENT/)
    await expectDown('mysql://root@no-such-host.invalid/x', /ENOTFOUND|EAI_AGAIN/)
  })

  test('if the server accepts the connection and sends nothing', async () => {
    const server = createServer(() => {}).listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    await expectDown(`mysql://root@127.0.0.1:${(server.address() as { port: number }).port}/x`, /no answer in time/)
    server.close()
  })

  test('if the server freezes after its greeting', async () => {
    const database = await newDatabase('mariadb')
    const frozenAt = (statement: number) =>
      startProxy(inject('mariadb').port, (number) => (number >= statement ? 'swallow' : 'pass'))
    const proxied = (port: number) => database.uri.replace(/:\d+\//, `:${port}/`)
    const [first, later] = [await frozenAt(1), await frozenAt(5)]
    // Later statements have a longer limit.
    const running = vdcManage(['account', 'add'], {
      env: { VDC_MANAGE_DATABASE_URI: proxied(later.port) },
      process: true,
    })
    await expectDown(proxied(first.port), /no answer in time/)
    await first.close()
    const run = await running
    expect(run).toMatchObject({ code: 6, stdout: '', stderr: expect.stringMatching(/^Error: .*no answer in time.*\n/) })
    await later.close()
    await database.remove()
  })

  test('if the server hangs up, or uses another protocol', async () => {
    for (const greeting of ['', 'HTTP/1.1 400 Bad Request\r\n\r\n']) {
      const server = createServer((socket) => socket.on('error', () => {}).end(greeting)).listen(0, '127.0.0.1')
      await new Promise((resolve) => server.once('listening', resolve))
      await expectDown(`mysql://root@127.0.0.1:${(server.address() as { port: number }).port}/x`, /./)
      server.close()
    }
  })
})
