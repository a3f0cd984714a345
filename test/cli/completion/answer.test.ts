import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { execa } from 'execa'
import Libsql from 'libsql'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ENGINES, type TestDatabase } from '../../support/databases/databases.ts'
import { newFolder } from '../../support/files/images.ts'
import { inTime } from '../../support/in-time.ts'
import { environment, PROGRAM, type Run, type RunOptions, runLines, vdcManage } from '../../support/process/cli.ts'
import { ADD, newDatabaseWithObject } from '../../support/process/scripts.ts'

/* What the shells' completion scripts get from `vdc-manage complete`. */

const BREAKS = ' \t\n"\'@><=;|&(:'
/** Number of images in the measured databases. */
const MANY = 10_000
/** Most milliseconds that a completion may take. */
const LIMIT = 300

const folder = newFolder()
afterAll(() => folder.remove())

const answer = (words: string[], options?: RunOptions) => vdcManage(['complete', 'zsh', '--', ...words], options)
const wordsOf = (run: Run) => run.stdout.split('\n').slice(1, -1)

/** Runs a program. Returns the elapsed and CPU time in milliseconds. */
async function timed(
  [program = '', ...args]: string[],
  database: TestDatabase,
): Promise<{ wall: number; cpu: number }> {
  const started = performance.now()
  const { stderr } = await execa('/usr/bin/time', ['-f', '%U %S', program, ...args], {
    env: environment({ database }),
    extendEnv: false,
  })
  const [user, system] = stderr.split(' ').map(Number) as [number, number]
  return { wall: performance.now() - started, cpu: (user + system) * 1000 }
}

const medianOf = (numbers: number[]) => numbers.sort((a, b) => a - b)[(numbers.length - 1) / 2] as number

describe('without a database', () => {
  test.each([
    ['', 'words', 'image\tRegister, list, change, verify and delete images'],
    ['image', 'words', 'image\tRegister, list, change, verify and delete images'],
    ['image ', 'words', 'list\tList images'],
    ['image add ', 'words', 'local\tRegister an image that boots from a local copy'],
    ['image list --o', 'words', '--owned\tOnly images owned by the account, in any state'],
    ['image list --al', 'words', '--all\tInclude deleted images'],
    ['image modify x --is_p', 'words', '--is_public\tLet every account use the image'],
    ['image modify x --no-is_p', 'words', undefined],
    ['image add local x --arch=', 'words', '--arch=x86_64'],
    ['image add local ', 'files', undefined],
    ['backupobject add --from-file=', 'files', undefined],
    ['image list -c ', 'words', 'display_name'],
    ['image list --columns=id,sta', 'words', '--columns=id,state'],
    ['image show --json -c backup_object.u', 'words', 'backup_object.uri'],
    ['image list --sort created:desc,na', 'words', 'created:desc,name'],
    ['image list --sort name,name', 'words', undefined],
    ['account list --sort=desc', 'words', '--sort=description'],
    ['backupobject list --sort siz', 'words', 'size'],
    ['backupstorage list --sort nod', 'words', 'node_id'],
    ['image list --state ', 'words', 'deleted'],
    ['image list --file-format=qc', 'words', '--file-format=qcow2'],
    ['backupobject list --state pu', 'words', 'purged'],
    ['backupobject list --container-format tg', 'words', 'tgz'],
    ['backupstorage list --storage-type we', 'words', 'webdav'],
    ['image list --name ', 'words', undefined],
    ['image convert a ', 'files', undefined],
    ['image convert a b ', 'words', undefined],
    ['image try ', 'files', undefined],
    ['image install ', 'files', undefined],
    ['image install a ', 'files', undefined],
    ['image build a --init ', 'words', 'script'],
    ['metadata serve --user-data ', 'files', undefined],
    ['metadata s', 'words', 'serve\tServe metadata to instances, as Wakame-vdc and EC2 do'],
    ['image label wmi-x ', 'words', undefined],
    ['image list --json --js', 'words', undefined],
    ['image show -- --js', 'words', undefined],
    ['account add --uuid ', 'words', undefined],
    ['help image add vol', 'words', 'volume\tRegister an image that boots from a volume'],
    ['help ', 'words', 'exit-codes\tExit codes and their meanings'],
    ['help im', 'words', 'image\tRegister, list, change, verify and delete images'],
    ['help image exi', 'words', undefined],
    ['completion ', 'words', 'bash'],
    ['-f ', 'files', undefined],
    ['complete ', 'words', undefined],
  ])('%j: %s, %j', async (typed, kind, word) => {
    const run = await answer(typed.split(' '))
    expect(run).toMatchObject({ code: 0, stderr: '' })
    expect(run.stdout).toMatch(new RegExp(`^${kind}\n`))
    if (word === undefined) expect(wordsOf(run).filter((each) => !each.startsWith('--help'))).toEqual([])
    else expect(wordsOf(run).map((each) => each.replace(/\.$/, ''))).toContain(word)
  })

  test('splits the line for bash, and omits what bash already has', async () => {
    for (const [line, words] of [
      ['vdc-manage image add local x --arch=x86_', ['x86_64']],
      ['vdc-manage image add local x --arch x86_', ['x86_64']],
      ['vdc-manage image add local "x y" --arch x86_', ['x86_64']],
      ['vdc-manage completion "fi', ['fish']],
      ['vdc-manage  image   lis', ['list']],
    ] as const) {
      const run = await vdcManage(['complete', 'bash', '--', BREAKS, line])
      expect(run).toMatchObject({ code: 0, stderr: '' })
      expect(wordsOf(run)).toEqual(words)
    }
  })

  test('the hidden command is not in help, and a typo suggests completion instead', async () => {
    expect((await vdcManage(['--help'])).stdout).not.toMatch(/^ +complete\b/m)
    expect(await vdcManage(['complete', 'bash'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('Did you mean completion?'),
    })
  })
})

describe.each(ENGINES)('on %s with many images', (engine) => {
  let database: TestDatabase
  /** Polls, because an answer that would take too long is empty, as on a busy machine. */
  const offers = (args: string[]) => expect.poll(async () => wordsOf(await answer(args, { database })))
  afterAll(() => database.remove())
  beforeAll(async () => {
    database = await newDatabaseWithObject(engine)
    await runLines([`${ADD} --uuid first --display-name "A: name"`], { database })
    const columns = (await database.query('SELECT * FROM images'))
      .flatMap((row) => Object.keys(row))
      .filter((name) => !['id', 'uuid'].includes(name))
    const digit = `(${Array.from({ length: 10 }, (_, d) => `SELECT ${d} AS d`).join(' UNION ALL ')})`
    const number = 'a.d * 1000 + b.d * 100 + c.d * 10 + e.d'
    const uuid = engine === 'sqlite' ? `'m' || (${number})` : `CONCAT('m', ${number})`
    await database.query(
      `INSERT INTO images (uuid, ${columns.join(', ')}) SELECT ${uuid}, ${columns.join(', ')} FROM images AS i CROSS JOIN ${digit} AS a CROSS JOIN ${digit} AS b CROSS JOIN ${digit} AS c CROSS JOIN ${digit} AS e WHERE i.uuid = 'first'`,
    )
    expect(await database.query('SELECT COUNT(*) AS n FROM images')).toEqual([{ n: MANY + 1 }])
  })

  test(`answers within ${LIMIT} ms`, async () => {
    const least: number[] = []
    const empty: number[] = []
    for (let attempt = 0; attempt < 3; attempt++) {
      const times: { wall: number; cpu: number }[] = []
      for (let run = 0; run < 5; run++) {
        times.push(await timed([PROGRAM, 'complete', 'zsh', '--', 'image', 'show', 'wmi-m9'], database))
      }
      const [wall, cpu] = [medianOf(times.map((time) => time.wall)), medianOf(times.map((time) => time.cpu))]
      console.log(`an ID on ${engine}: ${Math.round(wall)} ms, of which CPU ${cpu} ms`)
      if (wall < LIMIT) return
      least.push(...times.map((time) => time.cpu))
      empty.push((await timed([process.execPath, '-e', '0'], database)).cpu)
    }
    // Elapsed time depends on other processes, so fall back to the least CPU time. An empty program takes about 50 ms.
    expect(Math.min(...least)).toBeLessThan(Math.max(LIMIT, 6 * Math.min(...empty)))
  })

  test('a truncated list has the same common prefix as the full one', async () => {
    let values: (string | undefined)[] = []
    const offered = async () => {
      values = wordsOf(await answer(['image', 'show', 'wmi-'], { database })).map((line) => line.split('\t')[0])
      return values
    }
    await expect.poll(offered).toHaveLength(200)
    expect(values[0]).toBe('wmi-first')
    expect(values.at(-1)).toBe('wmi-m9999')
  })

  test('IDs come with their names; deleted ones only where a command takes them', async () => {
    await offers(['image', 'show', 'wmi-f']).toEqual(['wmi-first\tA: name'])
    await offers(['image', 'show', 'wmi-F']).toEqual([])
    await offers(['image', 'try', 'wmi-f']).toEqual(['wmi-first\tA: name'])
    await offers(['image', 'build', 'a', '--uuid', 'wmi-f']).toEqual([])
    await database.query("UPDATE images SET deleted_at = created_at WHERE uuid = 'm1234'")
    await offers(['image', 'show', 'wmi-m1234']).toEqual([])
    await offers(['image', 'history', 'wmi-m123']).toHaveLength(11)
    for (const command of ['undelete', 'purge']) {
      await offers(['image', command, 'wmi-']).toEqual(['wmi-m1234\tA: name'])
    }
    await database.query("UPDATE accounts SET description = 'a\tb\nc\u202e' WHERE uuid = 'shpoolxx'")
    await offers(['account', 'show', 'a-sh']).toEqual(['a-shpoolxx\ta\\tb\\nc\\u202e'])
  })

  test('offers no name that is the ID of something else', async () => {
    await database.query("UPDATE images SET display_name = 'first' WHERE uuid = 'm1235'")
    await database.query("UPDATE images SET display_name = 'firsts' WHERE uuid = 'm1236'")
    await database.query("UPDATE images SET display_name = 'bo-1' WHERE uuid = 'm1237'")
    await offers(['image', 'show', 'fir']).toEqual(['firsts\twmi-m1236'])
    await offers(['image', 'show', 'bo-']).toEqual([])
  })

  test('offers no ID that a shell would run; a list of IDs prints it on one line', async () => {
    const values = "'2026-01-01 00:00:00', '2026-01-01 00:00:00'"
    for (const uuid of ['z$(id)', 'z\nz']) {
      await database.query(`INSERT INTO accounts (uuid, enabled, created_at, updated_at) VALUES (?, 1, ${values})`, [
        uuid,
      ])
    }
    await offers(['account', 'show', 'a-z']).toEqual([])
    const { stdout } = await vdcManage(['account', 'list', '--quiet', '--sort', 'id'], { database })
    expect(stdout.split('\n').slice(-3)).toEqual(['a-z\\nz', 'a-z$(id)', ''])
  })
})

describe('is silent, quick and writes nothing', () => {
  const home = join(folder.path, 'home')
  const silent: { server: Server; port: number } = {} as never
  beforeAll(async () => {
    mkdirSync(home)
    silent.server = createServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1')
    await new Promise((resolve) => silent.server.once('listening', resolve))
    silent.port = (silent.server.address() as { port: number }).port
  })
  afterAll(() => silent.server.close())

  /** Completes IDs and expects none. */
  async function nothingFrom(env: Record<string, string>): Promise<void> {
    // Loading takes longer on a busy machine. A server that is down gets seconds elsewhere.
    const run = await inTime(10 * LIMIT, 'completion', () =>
      answer(['image', 'show', 'wmi-'], { env: { HOME: home, ...env } }),
    )
    expect(run).toEqual({ code: 0, signal: undefined, stdout: 'words\n', stderr: '' })
  }

  test('with a refused connection, a silent server, an empty or invalid setting, or a missing file', async () => {
    await nothingFrom({ VDC_MANAGE_DATABASE_URI: 'mysql://root@127.0.0.1:1/none' })
    await nothingFrom({ VDC_MANAGE_DATABASE_URI: `mysql://root@127.0.0.1:${silent.port}/none` })
    await nothingFrom({ VDC_MANAGE_DATABASE_URI: '' })
    await nothingFrom({ VDC_MANAGE_DATABASE_URI: 'bogus' })
    await nothingFrom({ CONF_PATH: '/nonexistent' })
    const path = join(folder.path, 'none.sqlite')
    await nothingFrom({ VDC_MANAGE_DATABASE_URI: `sqlite://${path}` })
    expect(existsSync(path)).toBe(false)
  })

  test('without creating an embedded registry; it uses an existing one', async () => {
    await nothingFrom({ CONF_PATH: '' })
    const env = { HOME: home, XDG_DATA_HOME: join(home, 'data') }
    expect((await answer(['account', 'show', ''], { env })).stdout).toBe('words\n')
    expect(readdirSync(home)).toEqual([])
    await vdcManage(['account', 'list'], { env, reject: true })
    // An answer that would take too long is empty.
    await expect.poll(async () => wordsOf(await answer(['account', 'show', 'a-sh'], { env }))).toHaveLength(1)
  })

  test('with a file of a newer or older schema, a file that is not a database, and a locked one', async () => {
    const database = await newDatabaseWithObject('sqlite')
    const path = database.uri.slice('sqlite://'.length)
    const connection = new Libsql(path)
    try {
      for (const version of [99, 1]) {
        connection.exec(`PRAGMA user_version = ${version}`)
        connection.exec('PRAGMA wal_checkpoint(TRUNCATE)')
        const before = statSync(path, { bigint: true }).mtimeNs
        await answer(['backupobject', 'show', 'bo-'], { database })
        expect(statSync(path, { bigint: true }).mtimeNs).toBe(before)
        expect(connection.prepare('PRAGMA user_version').get()).toMatchObject({ user_version: version })
      }
      connection.exec('PRAGMA journal_mode = DELETE')
      connection.exec('BEGIN EXCLUSIVE')
      await nothingFrom({ VDC_MANAGE_DATABASE_URI: database.uri })
      connection.exec('ROLLBACK')
    } finally {
      connection.close()
    }
    await nothingFrom({ VDC_MANAGE_DATABASE_URI: 'sqlite:///etc/passwd' })
    await database.remove()
  })
})
