import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { ENGINES, newDatabase, type TestDatabase } from '../support/databases/databases.ts'
import { startProxy, type Verdict } from '../support/databases/mysql-proxy.ts'
import { environment, PROGRAM, runLines, shell, vdcManage } from '../support/process/cli.ts'

/** More than fit into one unit of work. */
const IMAGES = 450

/** Adds images `wmi-1` and so on, as copies of the first. */
async function addImages(database: TestDatabase): Promise<void> {
  await runLines(
    [
      'backupstorage add --uuid bkst-s --base-uri file:///srv/s/ --storage-type local --display-name s',
      `backupobject add --uuid bo-o --storage-id bkst-s --object-key o.raw --size 512 --checksum ${'0'.repeat(32)} --display-name o`,
      'image add local bo-o --uuid wmi-1 --account-id a-shpoolxx --is-public',
    ],
    { database },
  )
  const [first = {}] = await database.query('SELECT * FROM images')
  const columns = Object.keys(first).filter((column) => column !== 'id')
  for (let image = 2; image <= IMAGES; image++) {
    const values = columns.map((column) => (column === 'uuid' ? String(image) : (first[column] ?? null)))
    const marks = columns.map(() => '?').join(', ')
    await database.query(`INSERT INTO images (${columns.join(', ')}) VALUES (${marks})`, values)
  }
}

const IDS = Array.from({ length: IMAGES }, (_, index) => `wmi-${index + 1}`)
const INPUT = IDS.map((id) => `${id}\n`).join('')
const linesOf = (text: string) => text.split('\n').slice(0, -1)

describe.each(ENGINES)('many IDs on stdin on %s', (engine) => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await newDatabase(engine)
    await addImages(database)
  })
  afterAll(() => database.remove())
  const labels = (name: string) =>
    database.query('SELECT resource_uuid FROM resource_labels WHERE name = ? ORDER BY id', [name])

  test('are processed as they arrive, except for an incomplete line', async () => {
    const running = execa(PROGRAM, ['image', 'label', '-', 'slow=1', '--format', 'value', '-c', 'id'], {
      env: environment({ database }),
      extendEnv: false,
    })
    const answer = async () => String(await once(running.stdout, 'data'))
    running.stdin.write('wmi-1\nwmi-')
    expect(await answer()).toBe('wmi-1\n')
    expect(await labels('slow')).toEqual([{ resource_uuid: 'wmi-1' }])
    running.stdin.write('2\r')
    expect(await answer()).toBe('wmi-2\n')
    running.stdin.end('\nwmi-3')
    expect(await answer()).toBe('wmi-3\n')
    expect((await running).exitCode).toBe(0)
  })

  test('are answered in order, including one that fails', async () => {
    const ids = [...IDS.slice(0, 230), 'wmi-nowhere', ...IDS.slice(230), 'wmi-1']
    const run = await shell(
      `printf '${ids.map((id) => `${id}\\n`).join('')}' | vdc-manage image label - all=1 --format value -c id 2>&1`,
      { database },
    )
    const told = ids.map((id) => (id === 'wmi-nowhere' ? `Error: Image ${id} does not exist` : id))
    expect(linesOf(run.stdout).filter((line) => !line.startsWith('Hint'))).toEqual(told)
    expect(run.code).toBe(9)
    expect(await labels('all')).toEqual(IDS.map((id) => ({ resource_uuid: id })))
  })

  test('split long values over several statements', async () => {
    const value = 'x'.repeat(60_000)
    await vdcManage(['image', 'label', '-', `long=${value}`], { database, input: INPUT, reject: true })
    const [sum] = await database.query(
      "SELECT COUNT(*) AS n FROM resource_labels WHERE name = 'long' AND LENGTH(blob_value) = 60000",
    )
    expect(sum).toEqual({ n: IMAGES })
  })

  test('changes that cannot be printed are named on stderr', async () => {
    const three = 'wmi-1 wmi-2 wmi-3'
    const run = await shell(`vdc-manage image label ${three} full=1 --format ndjson > /dev/full`, { database })
    expect(run).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`Warning: Done, but not printed: ${three.replaceAll(' ', ', ')}\n`),
    })
    expect(await labels('full')).toEqual(three.split(' ').map((id) => ({ resource_uuid: id })))
  })

  test('a line without an end is refused', async () => {
    const run = await shell("tr '\\0' x < /dev/zero | head -c 50M | vdc-manage image label - endless=1", { database })
    expect(run).toMatchObject({
      code: 3,
      stderr: 'Error: A line on stdin is longer than 65536 characters: not an ID\n',
    })
  })

  test('an ID that the same run has already deleted is an error', async () => {
    const run = await vdcManage(['image', 'del', '-', '--json'], { database, input: `wmi-7\nwmi-8\n7\nwmi-9\n` })
    const codes = JSON.parse(run.stdout).map((answer: { error?: { code: string } }) => answer.error?.code)
    expect({ code: run.code, codes }).toEqual({ code: 9, codes: [undefined, undefined, 'IMAGE_DELETED', undefined] })
  })
})

test('a signal lets the committed batch be printed, and stops the rest', async () => {
  const database = await newDatabase('mariadb')
  await addImages(database)
  let interrupt = () => {}
  const proxy = await startProxy(inject('mariadb').port, async (_, sql): Promise<Verdict> => {
    if (/^commit/i.test(sql)) {
      interrupt()
      await sleep(300)
    }
    return 'pass'
  })
  const running = execa(PROGRAM, ['image', 'label', '-', 'a=b', '--format', 'value', '-c', 'id'], {
    env: environment({ database: { uri: database.uri.replace(/:\d+\//, `:${proxy.port}/`) } }),
    extendEnv: false,
    reject: false,
    stripFinalNewline: false,
    input: INPUT,
  })
  interrupt = () => void running.kill('SIGINT')
  const { stdout, signal } = await running
  const labelled = await database.query("SELECT resource_uuid FROM resource_labels WHERE name = 'a' ORDER BY id")
  expect(signal).toBe('SIGINT')
  expect(linesOf(stdout)).toEqual(labelled.map((row) => row.resource_uuid))
  expect(labelled.length).toBeGreaterThan(1)
  expect(labelled.length).toBeLessThan(IMAGES)
  await proxy.close()
  await database.remove()
})
