import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  allRows,
  ENGINES,
  newDatabase,
  newMariadb,
  type Row,
  type TestDatabase,
} from '../../support/databases/databases.ts'
import { startServer } from '../../support/databases/mariadb.ts'
import {
  accountLine,
  imageId,
  imageLine,
  type Line,
  labelLine,
  objectId,
  objectLine,
  registryFile,
  storageLine,
  wholeRegistry,
} from '../../support/databases/registry-lines.ts'
import { newFolder } from '../../support/files/images.ts'
import { vdcManage } from '../../support/process/cli.ts'

/** More than one batch, plus a part of another. */
const MANY = 450

const folder = newFolder()
afterAll(() => folder.remove())

function fileOf(lines: Iterable<Line>): string {
  const path = join(folder.path, 'registry.ndjson')
  writeFileSync(path, [...registryFile(lines)].join(''))
  return path
}

async function importLines(database: TestDatabase, lines: Iterable<Line>, ...args: string[]) {
  return vdcManage(['registry', 'import', fileOf(lines), ...args], { database })
}

/** Images with their own objects, and values that need care. */
function nasty(): Line[] {
  const lines = [...wholeRegistry(MANY)]
  const change = (id: string, changes: Line) => Object.assign(lines.find((line) => line.uuid === id) as Line, changes)
  change(objectId(3), { size: '9223372036854775807', allocation_size: '9007199254740993' })
  change(objectId(7), { progress: 100 / 3, state: 'creating' })
  change(objectId(201), { description: 'Ubuntu '.repeat(50), backup_storage_id: null })
  change(imageId(5), { description: 'Ubuntu '.repeat(50), features: null, parent_image_id: '' })
  change(imageId(202), { description: 'ü'.repeat(255) })
  change(imageId(203), { description: '😀'.repeat(255) })
  change(imageId(204), { description: '😀'.repeat(256) })
  change(imageId(99), { deleted_at: null })
  return lines
}

/** Returns the rows of a table by object, without their integer ids. */
function byThing(rows: readonly Row[]): Record<string, Row[]> {
  const things: Record<string, Row[]> = {}
  for (const { id: _, ...row } of rows) {
    const thing = String(row.uuid)
    things[thing] ??= []
    things[thing].push(row)
  }
  return things
}

test('histories are the same on both engines, each column once and in order', async () => {
  const databases = await Promise.all(ENGINES.map(newDatabase))
  const histories: Record<string, Row[]>[] = []
  for (const database of databases) {
    expect(await importLines(database, nasty())).toMatchObject({ code: 0, stdout: '' })
    const rows = await allRows(database)
    histories.push(byThing(rows.histories))
    expect(rows.images.map(({ uuid }) => `wmi-${uuid}`)).toEqual(Array.from({ length: MANY }, (_, n) => imageId(n)))
  }
  const [first = {}, second = {}] = histories
  const withoutTime = (all: Record<string, Row[]>) =>
    Object.entries(all)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([id, rows]) => [id, rows.map(({ created_at: _, ...row }) => row)])
  expect(withoutTime(first)).toEqual(withoutTime(second))
  expect(Object.keys(first)).toHaveLength(2 * MANY)
  const { image, object } = { image: first[imageId(5)] ?? [], object: first[objectId(201)] ?? [] }
  expect([image.length, object.length]).toEqual([23, 20])
  expect(image[0]).toMatchObject({ attr: 'id', vchar_value: null, blob_value: null })
  expect(image.at(-1)).toMatchObject({ attr: 'os_type', vchar_value: 'linux' })
  const of = (id: string, attr: string) => (first[id] ?? []).filter((row) => row.attr === attr)
  expect(of(imageId(5), 'description')).toMatchObject([{ vchar_value: null, blob_value: 'Ubuntu '.repeat(50) }])
  expect(of(imageId(202), 'description')).toMatchObject([{ vchar_value: 'ü'.repeat(255), blob_value: null }])
  expect(of(imageId(203), 'description')).toMatchObject([{ vchar_value: '😀'.repeat(255), blob_value: null }])
  expect(of(imageId(204), 'description')).toMatchObject([{ vchar_value: null, blob_value: '😀'.repeat(256) }])
  expect(of(objectId(3), 'size')).toMatchObject([{ vchar_value: '9223372036854775807' }])
  expect(of(objectId(7), 'progress')).toMatchObject([{ vchar_value: String(100 / 3) }])
  // For a deleted image, the previous state and then the deletion.
  expect(of(imageId(49), 'state').map((row) => row.vchar_value)).toEqual(['pending', 'deleted'])
  expect(of(imageId(49), 'deleted_at').map((row) => row.vchar_value === null)).toEqual([true, false])
  expect(of(imageId(99), 'state').map((row) => row.vchar_value)).toEqual(['pending', 'deleted'])
  for (const database of databases) await database.remove()
})

describe.each(ENGINES)('registry import of many lines on %s', (engine) => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await newDatabase(engine)
    expect(await importLines(database, wholeRegistry(MANY))).toMatchObject({ code: 0 })
  })
  afterAll(() => database.remove())

  /** Expects a file to be refused without writing, and a dry run to say the same. */
  async function expectConflicts(lines: readonly Line[], conflicts: string[]): Promise<void> {
    const before = await allRows(database)
    const run = await importLines(database, lines)
    expect(run).toMatchObject({ code: 5, stdout: '' })
    expect(run.stderr.split('\n').filter((line) => line.startsWith('Conflict: '))).toEqual(conflicts)
    expect((await importLines(database, lines, '--dry-run')).stderr).toBe(run.stderr)
    expect(await allRows(database)).toEqual(before)
  }

  test('imports again without changes, and adds a history for new lines only', async () => {
    const before = await allRows(database)
    const again = await importLines(database, wholeRegistry(MANY), '--json')
    expect(JSON.parse(again.stdout)).toMatchObject({
      backup_object: { added: 0, unchanged: MANY },
      image: { added: 0, unchanged: MANY },
      label: { added: 0, unchanged: 4 * MANY + MANY / 5 },
    })
    expect(await allRows(database)).toEqual(before)
    const more = await importLines(database, wholeRegistry(MANY + 3), '--json')
    expect(JSON.parse(more.stdout)).toMatchObject({
      backup_object: { added: 3, unchanged: MANY },
      image: { added: 3, unchanged: MANY },
    })
    const { histories } = await allRows(database)
    expect(histories.slice(0, before.histories.length)).toEqual(before.histories)
    const added = byThing(histories.slice(before.histories.length))
    expect(Object.entries(added).map(([id, rows]) => [id, rows.length])).toEqual(
      expect.arrayContaining(
        [MANY, MANY + 1, MANY + 2].flatMap((n) => [
          [imageId(n), 23],
          [objectId(n), 20],
        ]),
      ),
    )
    expect(Object.keys(added)).toHaveLength(6)
  })

  test('reports conflicts across batches in the order of the lines', async () => {
    const lines = [...wholeRegistry(MANY)]
    const find = (id: string) => lines.find((line) => line.uuid === id) as Line
    find(objectId(0)).state = 'pending'
    find(objectId(199)).object_key = 'other'
    find(imageId(150)).arch = 'x86'
    Object.assign(find(imageId(300)), { display_name: 'other', arch: 'x86' })
    find(imageId(MANY - 1)).uuid = imageId(MANY - 1)
      .toUpperCase()
      .replace('WMI-', 'wmi-')
    const label = lines.findIndex((line) => line.resource_uuid === objectId(222))
    ;(lines[label] as Line).string_value = 'other'
    const own = lines.find((line) => line.resource_uuid === imageId(400)) as Line
    own.name = 'OS'
    await expectConflicts(lines, [
      `Conflict: ${objectId(0)}: state`,
      `Conflict: ${objectId(199)}: object_key`,
      `Conflict: ${imageId(150)}: arch`,
      `Conflict: ${imageId(300)}: arch, display_name`,
      `Conflict: ${imageId(MANY - 1)
        .toUpperCase()
        .replace('WMI-', 'wmi-')}: uuid`,
      `Conflict: ${objectId(222)}: label:vdc-manage.md5`,
      `Conflict: ${imageId(400)}: its label 'OS' counts as the same name as its label 'os'`,
    ])
  })

  test('compares duplicates in one batch with each other', async () => {
    const fresh = (n: number): Line => ({
      ...imageLine(n + 1000),
      backup_object_id: objectId(0),
      parent_image_id: null,
    })
    const twice = [fresh(0), fresh(1), fresh(0), { ...fresh(1), arch: 'x86' }, fresh(2)]
    const labels = [
      labelLine(imageId(1000), 'team', 'a'),
      labelLine(imageId(1000), 'team', 'a'),
      labelLine(imageId(1000), 'TEAM', 'a'),
      labelLine(imageId(1000), 'site', 'a'),
      labelLine(imageId(1000), 'site', 'b'),
    ]
    await expectConflicts(
      [...twice, ...labels],
      [
        `Conflict: ${imageId(1001)}: arch`,
        `Conflict: ${imageId(1000)}: its label 'TEAM' counts as the same name as its label 'team'`,
        `Conflict: ${imageId(1000)}: label:site`,
      ],
    )
    const before = await allRows(database)
    const equal = [fresh(0), fresh(1), fresh(0), labels[0] as Line, labels[1] as Line]
    const run = await importLines(database, equal, '--json')
    expect(JSON.parse(run.stdout)).toMatchObject({
      image: { added: 2, unchanged: 1 },
      label: { added: 1, unchanged: 1 },
    })
    const { histories, images } = await allRows(database)
    expect(images).toHaveLength(before.images.length + 2)
    expect(histories).toHaveLength(before.histories.length + 2 * 23)
  })

  test('reports a line that the database refuses before an invalid later line', async () => {
    const before = await allRows(database)
    const objects = Array.from({ length: 300 }, (_, n): Line => objectLine(n + 2000))
    ;(objects[120] as Line).backup_storage_id = 'bkst-nowhere'
    const late = [...objects.slice(0, -1), { ...(objects.at(-1) as Line), size: -1 }]
    const run = await importLines(database, late)
    expect(run).toMatchObject({ code: 3, stdout: '' })
    expect(run.stderr).toContain(`line 122 (${objectId(2120)}) is refused: its backup storage bkst-nowhere`)
    expect(await allRows(database)).toEqual(before)
  })

  test('gives images that others register meanwhile only their own history', async () => {
    const lines = Array.from(
      { length: 3000 },
      (_, n): Line => ({ ...imageLine(n + 5000), backup_object_id: objectId(0) }),
    )
    let isOver = false
    const running = importLines(database, lines).finally(() => {
      isOver = true
    })
    const others: string[] = []
    while (!isOver) {
      const run = await vdcManage(['image', 'add', 'local', objectId(0), '--account-id', 'a-shpoolxx'], { database })
      expect(run.code).toBe(0)
      others.push(run.stdout.trim())
    }
    expect(await running).toMatchObject({ code: 0 })
    const created = await database.query("SELECT uuid, COUNT(*) AS n FROM histories WHERE attr = 'id' GROUP BY uuid")
    const counts = new Map(created.map(({ uuid, n }) => [uuid, n]))
    for (const id of [...others, ...lines.map(({ uuid }) => String(uuid))])
      expect([id, counts.get(id)]).toEqual([id, 1])
  })

  test('adds no history for rows that others insert meanwhile, and is not confused by old histories', async () => {
    const lines = [
      ...Array.from({ length: 300 }, (_, n): Line => objectLine(n + 9000)),
      ...Array.from({ length: 3000 }, (_, n): Line => ({ ...imageLine(n + 9000), backup_object_id: objectId(0) })),
    ]
    const old = "INSERT INTO histories (uuid, attr, vchar_value, created_at) VALUES (?, 'state', 'purged', ?)"
    await database.query(old, [objectId(9000), '2020-01-01 00:00:00'])
    const [{ id: _, ...twin }] = (await database.query('SELECT * FROM images ORDER BY id LIMIT 1')) as [Row]
    const columns = Object.keys(twin)
    const insert = `INSERT INTO images (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`
    let isOver = false
    const running = importLines(database, lines).finally(() => {
      isOver = true
    })
    const others: string[] = []
    while (!isOver) {
      const uuid = `${engine}bare${others.length}`
      await database.query(insert, Object.values({ ...twin, uuid }))
      others.push(`wmi-${uuid}`)
      await sleep(20)
    }
    expect(await running).toMatchObject({ code: 0 })
    const created = await database.query("SELECT uuid, COUNT(*) AS n FROM histories WHERE attr = 'id' GROUP BY uuid")
    const counts = new Map(created.map(({ uuid, n }) => [uuid, n]))
    expect(others.filter((id) => counts.has(id))).toEqual([])
    for (const { uuid } of lines) expect([uuid, counts.get(String(uuid))]).toEqual([uuid, 1])
  })

  test('is rolled back with the other commands in --tx bulk', async () => {
    const own = await newDatabase(engine)
    const path = fileOf(wholeRegistry(MANY))
    const lines = (end: string) => `account add --uuid a-first\nregistry import ${path}\n${end}\n`
    const bulk = (input: string) => vdcManage(['-e', '--tx', 'bulk'], { database: own, input })
    const before = await allRows(own)
    expect(await bulk(lines('account del a-nowhere'))).toMatchObject({ code: 4 })
    expect(await allRows(own)).toEqual(before)
    expect(await bulk(lines('account add --uuid a-last'))).toMatchObject({ code: 0 })
    const { histories } = await allRows(own)
    // Nine images are deleted, with known previous states.
    expect(histories).toHaveLength(MANY * (23 + 20) + (MANY / 50) * 3)
    await own.remove()
  })
})

test('long texts are split into statements that the server accepts', async () => {
  const server = await startServer(['--max-allowed-packet=1M'])
  const database = await newMariadb(server.port)
  await vdcManage(['db', 'migrate'], { database })
  // Each becomes two characters in a statement.
  const text = "'".repeat(60_000)
  const images = Array.from({ length: 60 }, (_, n): Line => ({ ...imageLine(n), description: text }))
  const run = await importLines(database, [accountLine(0), storageLine(), objectLine(0), ...images])
  expect(run).toMatchObject({ code: 0, stdout: '', stderr: expect.stringContaining('1 backup object, 60 images') })
  const [row] = await database.query('SELECT COUNT(*) AS n FROM histories WHERE blob_value = ?', [text])
  expect(row?.n).toBe(60)
  await database.remove()
  await server.remove()
})
