import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { newDatabase, type TestDatabase } from '../../support/databases/databases.ts'
import { startProxy, type Verdict } from '../../support/databases/mysql-proxy.ts'
import { LONG_AGO } from '../../support/databases/wakame.ts'
import { newFolder } from '../../support/files/images.ts'
import { environment, PROGRAM, runLines, vdcManage } from '../../support/process/cli.ts'
import { IS_THOROUGH } from '../../support/thorough.ts'

/** Every how many statements the connection is cut, or the program killed. */
const STEPS = IS_THOROUGH ? { cut: 1, kill: 3 } : { cut: 3, kill: 12 }

const folder = newFolder()
afterAll(() => folder.remove())

const BYTES = 'x'.repeat(2048)
const MD5 = createHash('md5').update(BYTES).digest('hex')
const srv = join(folder.path, 'srv')

describe('an image and its object, with the connection cut or the program killed at each statement', () => {
  let database: TestDatabase
  let count = 0
  beforeAll(async () => {
    database = await newDatabase('mariadb')
    mkdirSync(srv)
    await vdcManage(['backupstorage', 'trust', srv], { database, reject: true })
    await runLines(
      [`backupstorage add --uuid bkst-s --display-name s --base-uri file://${srv}/ --storage-type local`],
      { database },
    )
  })
  afterAll(() => database.remove())

  /** Adds an image with an object and a file, and runs `more` lines on it. Returns its name. */
  async function newThing(...more: ((name: string) => string)[]): Promise<string> {
    const name = `n${++count}`
    writeFileSync(join(srv, `${name}.raw`), BYTES)
    await runLines(
      [
        `backupobject add --uuid bo-${name} --display-name ${name} --storage-id bkst-s --object-key ${name}.raw --size 2048 --checksum ${MD5}`,
        `image add local bo-${name} --uuid wmi-${name} --account-id a-shpoolxx`,
        ...more.map((line) => line(name)),
      ],
      { database },
    )
    await database.query('UPDATE backup_objects SET created_at = ?, updated_at = ? WHERE uuid = ?', [
      ...[LONG_AGO, LONG_AGO],
      name,
    ])
    return name
  }

  async function statesOf(name: string): Promise<unknown[]> {
    const rows = await database.query(
      'SELECT i.state AS image, o.state AS object, i.deleted_at IS NULL AS lives, o.deleted_at IS NULL AS is_there FROM images i JOIN backup_objects o ON o.uuid = i.uuid WHERE i.uuid = ?',
      [name],
    )
    const [told] = await database.query(
      "SELECT SUM(uuid = ?) AS images, SUM(uuid = ?) AS objects FROM histories WHERE attr = 'deleted_at'",
      [`wmi-${name}`, `bo-${name}`],
    )
    return [rows, told]
  }

  /** Runs a command through a proxy that acts at one of its statements. Returns whether it got there. */
  async function runUntil(args: string[], moment: number, how: 'cut' | 'kill'): Promise<boolean> {
    let isThere = false
    let kill = () => {}
    const proxy = await startProxy(inject('mariadb').port, (number): Verdict => {
      if (number !== moment) return 'pass'
      isThere = true
      if (how === 'cut') return 'cut'
      kill()
      return 'swallow'
    })
    const uri = database.uri.replace(/:\d+\//, `:${proxy.port}/`)
    if (how === 'cut') await vdcManage(args, { database: { uri } })
    else {
      const child = execa(PROGRAM, args, {
        env: environment({ database: { uri } }),
        extendEnv: false,
        reject: false,
        stdin: 'ignore',
      })
      kill = () => child.kill('SIGKILL')
      await child
    }
    await proxy.close()
    return isThere
  }

  test.each([
    ['del', [], { image: 'available', object: 'available', lives: 1, is_there: 1 }],
    ['undelete', ['del'], { image: 'deleted', object: 'deleted', lives: 0, is_there: 0 }],
  ] as const)('image %s --with-object changes both or none', async (verb, before, unchanged) => {
    const isBefore = unchanged.lives
    let [changed, moments] = [0, 0]
    for (const how of ['cut', 'kill'] as const)
      for (let moment = 1; ; moment += STEPS[how]) {
        const name = await newThing(...before.map((each) => (id: string) => `image ${each} wmi-${id} --with-object`))
        const atFirst = await statesOf(name)
        const isThere = await runUntil(['image', verb, `wmi-${name}`, '--with-object'], moment, how)
        const [rows, told] = (await statesOf(name)) as [{ lives: number; is_there: number }[], object]
        const [row] = rows
        expect([how, moment, row?.lives]).toEqual([how, moment, row?.is_there])
        if (row?.lives === isBefore) expect([rows, told]).toEqual(atFirst)
        else changed++
        if (!isThere) break
        moments++
      }
    expect(moments).toBeGreaterThan(3)
    // At least where the moment came after the last statement, once for each way.
    expect(changed).toBeGreaterThanOrEqual(2)
  })

  test('image purge --unused never loses the file of an object that is there, and the next purge ends it', async () => {
    const purge = ['image', 'purge', '--unused', '--yes']
    const asides = () => readdirSync(srv).filter((file) => !/^n\d+\.raw$/.test(file))
    let moments = 0
    for (const how of ['cut', 'kill'] as const)
      for (let moment = 1; ; moment += STEPS[how]) {
        const name = await newThing((id) => `image del wmi-${id}`)
        await database.query('UPDATE images SET deleted_at = ? WHERE uuid = ?', [LONG_AGO, name])
        const isThere = await runUntil(purge, moment, how)
        const [object] = await database.query('SELECT state FROM backup_objects WHERE uuid = ?', [name])
        // A purge that is killed may leave the file set aside, under another name, for the next one.
        const isKept = existsSync(join(srv, `${name}.raw`)) || (how === 'kill' && asides().length === 1)
        if (object?.state !== 'purged')
          expect([how, moment, object?.state, isKept]).toEqual([...[how, moment], ...['available', true]])
        expect(await vdcManage(purge, { database })).toMatchObject({ code: 0 })
        const [purged] = await database.query('SELECT state FROM backup_objects WHERE uuid = ?', [name])
        const left = [...asides(), ...(existsSync(join(srv, `${name}.raw`)) ? [name] : [])]
        expect([how, moment, purged?.state, left]).toEqual([how, moment, 'purged', []])
        if (!isThere) break
        moments++
      }
    expect(moments).toBeGreaterThan(15)
  })
})
