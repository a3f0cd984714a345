import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, inject, test } from 'vitest'
import { ENGINES, newDatabase, type TestDatabase } from '../support/databases/databases.ts'
import { environment, PROGRAM } from '../support/process/cli.ts'
import { record } from './support/goals.ts'
import { median, timesOf } from './support/times.ts'

const IMAGES = 100_000
const MANY = 1_000_000
const ROUNDS = 5
const MIB = 1024

/** Output formats and their limits: wall time as a multiple of `mariadb -B`, and MiB. */
const WAYS = [
  { name: 'ids', words: ['--quiet'], times: 1.5, mebibytes: 100 },
  { name: 'csv', words: ['--format', 'csv'], times: 4, mebibytes: 100 },
  { name: 'ndjson', words: ['--format', 'ndjson'], times: 4, mebibytes: 100 },
  { name: 'table', words: [], times: 6, mebibytes: 200 },
]

/** Inserts images as `image add local` does: each with an object, its labels and its history. */
async function fill({ engine, query }: TestDatabase, count: number): Promise<void> {
  const isSqlite = engine === 'sqlite'
  const text = (...parts: string[]) => (isSqlite ? parts.join(' || ') : `CONCAT(${parts.join(', ')})`)
  const numbers = isSqlite
    ? `(WITH RECURSIVE n(seq) AS (SELECT 1 UNION ALL SELECT seq + 1 FROM n WHERE seq < ${count}) SELECT seq FROM n)`
    : `seq_1_to_${count}`
  const insert = (table: string, values: Record<string, string>) =>
    query(`INSERT INTO ${table} (${Object.keys(values)}) SELECT ${Object.values(values)} FROM ${numbers} AS s`)
  const now = "'2026-11-24 09:30:00'"
  const times = { created_at: now, updated_at: now }
  const object = text("'bo-m'", 'seq')
  const md5 = text("'d41d8cd98f00b204e9800998'", '10000000 + seq')
  await query(
    `INSERT INTO backup_storages (id, uuid, display_name, storage_type, base_uri, created_at, updated_at) VALUES (1, 'store', 'store', 'local', 'file:///srv/', ${now}, ${now})`,
  )
  await insert('backup_objects', {
    account_id: "'a-shpoolxx'",
    uuid: text("'m'", 'seq'),
    display_name: text("'image '", 'seq'),
    service_type: "'std'",
    backup_storage_id: '1',
    size: '1073741824 + seq',
    allocation_size: '4096 + seq',
    container_format: "'none'",
    status: '1',
    state: "'available'",
    object_key: text("'images/'", 'seq'),
    checksum: md5,
    source_volume_id: "''",
    ...times,
  })
  await insert('images', {
    account_id: "'a-shpoolxx'",
    uuid: text("'m'", 'seq'),
    arch: "'x86_64'",
    state: "'available'",
    features: isSqlite ? "'--- {}' || char(10)" : "'--- {}\\n'",
    volumes: isSqlite ? "'--- []' || char(10)" : "'--- []\\n'",
    vifs: isSqlite ? "'--- []' || char(10)" : "'--- []\\n'",
    file_format: "'raw'",
    instance_model_name: "''",
    service_type: "'std'",
    display_name: text("'image '", 'seq'),
    backup_object_id: object,
    boot_dev_type: '2',
    ...times,
  })
  const label = { resource_uuid: object, value_type: '1', ...times }
  await insert('resource_labels', {
    ...label,
    name: "'vdc-manage.virtual-size'",
    string_value: text("''", '1073741824 + seq'),
  })
  await insert('resource_labels', { ...label, name: "'vdc-manage.md5'", string_value: md5 })
  await insert('histories', { uuid: object, attr: "'checksum'", vchar_value: md5, created_at: now })
  if (!isSqlite) await query('ANALYZE TABLE images, backup_objects, resource_labels, histories')
}

const databases = {} as Record<TestDatabase['engine'], TestDatabase>
beforeAll(async () => {
  for (const engine of ENGINES) {
    databases[engine] = await newDatabase(engine)
    if (engine === 'mariadb') await databases[engine].query('SET GLOBAL innodb_buffer_pool_size = 256 * 1024 * 1024')
    await fill(databases[engine], IMAGES)
  }
}, 600_000)
afterAll(async () => {
  for (const engine of ENGINES) await databases[engine].remove()
})

/** Returns the highest peak of a list's memory in several runs, in MiB: V8 decides differently in each. */
async function peakOf(words: readonly string[], env: Record<string, string>): Promise<number> {
  const log = join(inject('folder'), 'memory')
  const command = ['/usr/bin/time', '-q', '-o', log, '-f', '%M', PROGRAM, 'image', 'list', ...words]
  const peaks: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    await execa('bash', ['-c', '"$@" > /dev/null', 'bash', ...command], { env, extendEnv: false })
    peaks.push(Number(readFileSync(log, 'utf8')) / MIB)
  }
  return Math.max(...peaks)
}

test(`lists of ${IMAGES} images`, async () => {
  const name = new URL(databases.mariadb.uri).pathname.slice(1)
  const port = String(inject('mariadb').port)
  const client = ['mariadb', '--no-defaults', '-h127.0.0.1', `-P${port}`, '-uroot', '-B', '-e', 'select * from images']
  for (const [engine, order] of [
    ['mariadb', []],
    ['mariadb', ['--sort', 'name:desc']],
    ['sqlite', []],
  ] as const) {
    const env = environment({ database: databases[engine] })
    const walls: Record<string, number[]> = {}
    const add = (way: string, wall: number) => {
      walls[way] = [...(walls[way] ?? []), wall]
    }
    for (let round = 0; round < ROUNDS; round++) {
      add('mariadb -B', (await timesOf([...client, name], env)).wall)
      for (const { name, words } of WAYS)
        add(name, (await timesOf([PROGRAM, 'image', 'list', ...words, ...order], env)).wall)
    }
    const base = median(walls['mariadb -B'] as number[])
    for (const { name, words, times, mebibytes } of WAYS) {
      const ratio = median(walls[name] as number[]) / base
      const peak = await peakOf([...words, ...order], env)
      const what = `${IMAGES} images as ${name}, ${[engine, ...order].join(' ')}`
      const figures = `${ratio.toFixed(1)} × mariadb -B (${base.toFixed(0)} ms), ${peak.toFixed(0)} MiB`
      if (engine === 'sqlite' || order.length > 0) console.log(`${what}: ${figures}`)
      else {
        const isMet = ratio <= times && peak < mebibytes
        record({ part: 'lists', what, figure: figures, goal: `≤ ${times} ×, < ${mebibytes} MiB`, isMet })
      }
    }
  }
})

/** Returns the milliseconds until a list prints its first line. */
async function firstLine(words: readonly string[], env: Record<string, string>): Promise<number> {
  const begun = performance.now()
  const child = spawn(PROGRAM, ['image', 'list', ...words], { env, stdio: ['ignore', 'pipe', 'ignore'] })
  const took = await new Promise<number>((resolve) =>
    child.stdout.once('data', () => resolve(performance.now() - begun)),
  )
  const ended = new Promise((resolve) => child.once('close', resolve))
  child.stdout.destroy()
  await ended
  return took
}

test(`first line and memory of lists of ${MANY} images`, async () => {
  const env = environment({ database: databases.mariadb })
  const streamed = WAYS.slice(0, 3)
  const few = new Map<string, number>()
  for (const { name, words } of streamed) few.set(name, await peakOf(words, env))
  const columns = (await databases.mariadb.query('SHOW COLUMNS FROM images')).map(({ Field }) => String(Field))
  const copied = columns.filter((name) => name !== 'id')
  const values = copied.map((name) => (name === 'uuid' ? `CONCAT(uuid, 'x', seq)` : name))
  await databases.mariadb.query(
    `INSERT INTO images (${copied}) SELECT ${values} FROM images JOIN seq_1_to_${MANY / IMAGES - 1}`,
  )
  for (const { name, words } of streamed) {
    const waits: number[] = []
    for (let round = 0; round < ROUNDS; round++) waits.push(await firstLine(words, env))
    const wait = median(waits)
    const peak = await peakOf(words, env)
    const before = few.get(name) as number
    record({
      part: 'lists',
      what: `${MANY} images as ${name}: first line; memory compared with ${IMAGES}`,
      figure: `${wait.toFixed(0)} ms; ${peak.toFixed(0)} MiB compared with ${before.toFixed(0)}`,
      goal: '≤ 500 ms; ≤ 1.1 ×',
      isMet: wait <= 500 && peak <= before * 1.1,
    })
  }
})
