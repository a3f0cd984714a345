import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import { ENGINES, type TestDatabase, untilNobodyIsConnected } from '../../support/databases/databases.ts'
import { startProxy } from '../../support/databases/mysql-proxy.ts'
import {
  ADD,
  imageIds,
  imagesNotWhole,
  linesOf,
  newDatabaseWithObject,
  runScript,
  startScript,
  watchImages,
} from '../../support/process/scripts.ts'
import { IS_THOROUGH, some } from '../../support/thorough.ts'

/* Adds a thousand images in one script, by default half as many. After SIGKILL, what is stored depends on --tx. */

const COUNT = some(1000, 2)
const LINES = Array<string>(COUNT).fill(ADD)
/** More lines than run until a signal comes, even if the test is stopped for seconds. */
const ENDLESS = Array<string>(10_000).fill(ADD)

describe.each(ENGINES)('on %s', (engine) => {
  let database: TestDatabase
  const newImages = watchImages(() => database)
  beforeAll(async () => {
    database = await newDatabaseWithObject(engine)
  })
  afterAll(() => database.remove())
  beforeEach(async () => {
    await newImages()
  })

  test.each(['each', 'bulk'])('--tx %s: prints every ID and stores all rows', async (tx) => {
    const run = await runScript(database, LINES, ['-e', '--tx', tx])
    expect(run).toMatchObject({ code: 0, stderr: '' })
    const ids = await newImages()
    expect(ids).toHaveLength(COUNT)
    expect(linesOf(run.stdout)).toEqual(ids)
    expect(await imagesNotWhole(database)).toEqual([])
    const [rows] = await database.query(
      "SELECT COUNT(*) AS n FROM images WHERE backup_object_id = 'bo-one' AND account_id = 'a-shpoolxx' AND state = 'available' AND deleted_at IS NULL",
    )
    expect(rows?.n).toBe((await imageIds(database)).length)
  })

  // Its printed IDs show its progress.
  test.each(IS_THOROUGH ? [1, 40, 250, 777] : [40, 250])(
    '--tx each: all printed IDs are stored after SIGKILL at ID %i',
    async (moment) => {
      const running = startScript(database, ENDLESS)
      let seen = ''
      running.process.stdout?.on('data', (data) => {
        seen += data
        if (linesOf(seen).length >= moment) running.kill('SIGKILL')
      })
      const run = await running.ended
      expect(run.signal).toBe('SIGKILL')
      await untilRolledBack()
      const printed = linesOf(run.stdout)
      const stored = await newImages()
      expect(printed.length).toBeGreaterThanOrEqual(moment)
      expect(printed.length).toBeLessThan(ENDLESS.length)
      // The last image may be committed but not printed.
      expect(stored.slice(0, printed.length)).toEqual(printed)
      expect(stored.length).toBeLessThanOrEqual(printed.length + 1)
      expect(await imagesNotWhole(database)).toEqual([])
    },
  )

  // It prints only at the end, so the debug output of one line shows its progress.
  test.each(IS_THOROUGH ? [1, 300, 999] : [150, 499])(
    '--tx bulk: nothing is stored after SIGKILL at line %i',
    async (moment) => {
      const script = [...LINES.slice(1, moment), `${ADD} --debug`, ...ENDLESS]
      const running = startScript(database, script, ['--tx', 'bulk'])
      running.process.stderr?.once('data', () => running.kill('SIGKILL'))
      const run = await running.ended
      expect(run).toMatchObject({ signal: 'SIGKILL', stdout: '' })
      await untilRolledBack()
      expect(await newImages()).toEqual([])
      expect(await imagesNotWhole(database)).toEqual([])
    },
  )

  test('leaves no locks for the next script', async () => {
    const run = await runScript(database, [ADD, ADD], ['--tx', 'bulk'])
    expect(run).toMatchObject({ code: 0, stderr: '' })
    expect(await newImages()).toEqual(linesOf(run.stdout))
  })

  /** Waits until the server has rolled back what lost clients had begun. */
  const untilRolledBack = async () => engine === 'sqlite' || (await untilNobodyIsConnected(database))

  if (engine === 'mariadb') test('--tx bulk: all or nothing is stored after SIGKILL during the commit', killedAtCommit)

  async function killedAtCommit(): Promise<void> {
    for (const verdict of ['swallow', 'pass'] as const) {
      await newImages()
      const proxy = await startProxy(inject('mariadb').port, (_, sql) => {
        if (!/^COMMIT/i.test(sql)) return 'pass'
        running.kill('SIGKILL')
        return verdict
      })
      const through = { uri: database.uri.replace(/:\d+\//, `:${proxy.port}/`) }
      const running = startScript(through, LINES.slice(0, 200), ['--tx', 'bulk'])
      expect(await running.ended).toMatchObject({ signal: 'SIGKILL', stdout: '' })
      await proxy.close()
      await untilRolledBack()
      expect(await newImages()).toHaveLength(verdict === 'pass' ? 200 : 0)
      expect(await imagesNotWhole(database)).toEqual([])
    }
  }
})
