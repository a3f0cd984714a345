import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse as parseYaml } from 'yaml'
import { renderTable } from '../../../../src/cli/answer/table.ts'
import { ENGINES, newDatabase, type TestDatabase } from '../../../support/databases/databases.ts'
import { vdcManage } from '../../../support/process/cli.ts'

/** More than one batch on either engine. */
const ACCOUNTS = 2500

describe.each(ENGINES)('on %s', (engine) => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await newDatabase(engine)
    const rows = Array.from({ length: ACCOUNTS }, (_, at) => `('t${at}', '${'x'.repeat(at % 90)} 日本 ${at}')`)
    await database.query(
      `INSERT INTO accounts (uuid, description, created_at, updated_at) SELECT v.*, '2026-11-24 09:30:00', '2026-11-24 09:30:00' FROM (${engine === 'sqlite' ? '' : 'WITH w(a, b) AS ('}VALUES ${rows.join(', ')}${engine === 'sqlite' ? '' : ') SELECT * FROM w'}) AS v`,
    )
  })
  afterAll(() => database.remove())

  /** Returns the query of an image list. */
  async function queryOf(...words: string[]): Promise<string> {
    const { code, stderr } = await vdcManage(['image', 'list', '--debug', ...words], { database })
    expect(code).toBe(0)
    return stderr.split('\n').findLast((line) => /^sql: .* from `images` as `i`/.test(line)) as string
  }

  test('a list reads only what it prints, and joins only the tables that it needs', async () => {
    const joined = async (...words: string[]) =>
      [...(await queryOf(...words)).matchAll(/left join `(\w+)` as `(\w)`/g)].map(([, table, as]) => `${table} ${as}`)
    const [object, storage] = ['backup_objects o', 'backup_storages s']
    const labels = ['resource_labels v', 'resource_labels m']
    expect(await queryOf('--quiet')).toMatch(
      /^sql: select `i`.`uuid`, `i`.`features`, `i`.`volumes`, `i`.`vifs` from `images` as `i` where/,
    )
    expect(await joined('-c', 'id,state,created_at', '--json')).toEqual([])
    expect(await queryOf('-c', 'id,state', '--json')).not.toMatch(/description|resource_labels/)
    expect(await joined('-c', 'checksum', '--format', 'csv')).toEqual([object])
    expect(await joined('-c', 'backup_storage_id')).toEqual([object, storage])
    expect(await joined('--quiet', '--sort', 'size')).toEqual([object, ...labels])
    expect(await joined('--quiet', '--checksum', '0'.repeat(32))).toEqual([object])
    expect(await joined()).toEqual([object, ...labels])
    expect(await joined('--format', 'ndjson')).toEqual([object, storage, ...labels])
  })

  test('a list of several batches is complete and in order in each format', async () => {
    const list = async (...words: string[]) => {
      const run = await vdcManage(['account', 'list', '--sort', 'id:desc', ...words], { database })
      expect(run).toMatchObject({ code: 0, stderr: '' })
      return run.stdout
    }
    const all = JSON.parse(await list('--json'))
    const ids = all.map(({ id }: { id: string }) => id)
    expect(ids).toEqual(ids.toSorted().toReversed())
    expect(ids.length).toBeGreaterThan(ACCOUNTS)
    expect(await list('--json')).toBe(`${JSON.stringify(all, null, 2)}\n`)
    expect(
      (await list('--format', 'ndjson'))
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual(all)
    expect(parseYaml(await list('--format', 'yaml', '-c', 'id'))).toEqual(ids.map((id: string) => ({ id })))
    const lines = ids.map((id: string) => `${id}\n`).join('')
    expect(await list('--quiet')).toBe(lines)
    expect(await list('--format', 'csv', '-c', 'id')).toBe(`id\n${lines}`)
    expect(await list('--format', 'value', '-c', 'id')).toBe(lines)
    const table = (await list('-c', 'description,id')).split('\n').slice(1, -1)
    expect(table.map((line) => line.split(' ').at(-1))).toEqual(ids)
    // Each Japanese character takes two cells.
    const starts = table.map((line) => line.lastIndexOf('a-') + (line.match(/日本/) === null ? 0 : 2))
    expect(new Set(starts).size).toBe(1)
  })
})

test('a table in a pipe has the layout of cli-table3 at a terminal', async () => {
  const texts = [
    '',
    'plain',
    '日本語',
    '👩‍👩‍👧 family',
    'e\u0301',
    'tab\tand\nline',
    '\u001b[2J',
    ' spaces ',
    'x'.repeat(600),
  ]
  const rows = Array.from({ length: 450 }, (_, at) => ({ id: `r${at}`, a: texts[at % 9], b: texts[(at * 7) % 9] }))
  const columns = [{ name: 'a' as const }, { name: 'id' as const }, { name: 'b' as const, isText: true }]
  const laidOut = (width: number | undefined) =>
    renderTable(columns, rows, { header: true, now: undefined, width, emphasize: (text) => `<${text}>` })
  expect(await laidOut(undefined)).toEqual(await laidOut(10_000))
})
