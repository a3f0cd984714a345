import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { execa } from 'execa'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { newDatabase, type TestDatabase } from '../../../support/databases/databases.ts'
import { environment, PROGRAM, shell } from '../../../support/process/cli.ts'
import { IS_THOROUGH } from '../../../support/thorough.ts'

/** More than fit into the memory limit of a list. */
const IMAGES = IS_THOROUGH ? 1_000_000 : 300_000
/** Memory limit of a list of any length. */
const MEBIBYTES = 150

let database: TestDatabase

beforeAll(async () => {
  database = await newDatabase('mariadb')
  const columns =
    'account_id, created_at, updated_at, boot_dev_type, arch, state, features, file_format, instance_model_name, service_type, display_name, backup_object_id, volumes, vifs, uuid'
  const one = `'a-shpoolxx', '2026-11-24 09:30:00', '2026-11-24 09:30:00', 2, 'x86_64', 'available', '--- {}\\n', 'raw', '', 'std'`
  await database.query(
    `INSERT INTO images (${columns}) SELECT ${one}, CONCAT('image ', seq), CONCAT('bo-m', seq), '--- []\\n', '--- []\\n', CONCAT('m', seq) FROM seq_1_to_${IMAGES}`,
  )
})
afterAll(() => database.remove())

/** Runs a line in bash. `$MEASURE` before a command records its peak memory, in KiB. */
async function measured(line: string, uri = database.uri) {
  const log = join(inject('folder'), 'memory')
  const run = await shell(line, { database: { uri }, env: { MEASURE: `/usr/bin/time -q -o ${log} -f %M` } })
  return { ...run, peak: Number(readFileSync(log, 'utf8')) / 1024 }
}

test(`listing ${IMAGES} images as ndjson takes less than ${MEBIBYTES} MiB`, async () => {
  const { code, stdout, peak } = await measured(
    `set -o pipefail; $MEASURE vdc-manage image list --format ndjson | awk 'NR == 1; END { print; print NR }'`,
  )
  const [first = '', last = '', count] = stdout.split('\n')
  expect({ code, count }).toEqual({ code: 0, count: String(IMAGES) })
  expect([JSON.parse(first).id, JSON.parse(last).id]).toEqual(['wmi-m1', `wmi-m${IMAGES}`])
  expect(peak).toBeLessThan(MEBIBYTES)
})

test('a connection lost during a list is an error', async () => {
  const child = execa(PROGRAM, ['image', 'list', '--format', 'ndjson'], {
    env: environment({ database }),
    extendEnv: false,
    reject: false,
    buffer: { stdout: false },
  })
  const lines = createInterface({ input: child.stdout })
  let read = 0
  let last = ''
  for await (const line of lines) {
    last = line
    read++
    if (read !== 1) continue
    const [{ id } = {}] = await database.query(
      "SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND info LIKE '%resource_labels%' AND id <> CONNECTION_ID()",
    )
    await database.query(`KILL ${id}`)
  }
  const { exitCode, stderr } = await child
  expect({ exitCode, stderr }).toEqual({ exitCode: 6, stderr: '' })
  expect(JSON.parse(last).error).toMatchObject({ code: 'DATABASE_CONNECTION_LOST', exit: 6 })
  expect(read).toBeLessThan(IMAGES)
})

test('a slow reader gets all rows despite a short server timeout', async () => {
  // Only for this user, as other tests use the same server.
  const limit = `SET net_write_timeout = IF(CURRENT_USER() = 'slow@%', 1, @@GLOBAL.net_write_timeout)`
  const uri = database.uri.replace('root@', 'slow:s3cret@')
  await database.query(`CREATE USER slow@'%' IDENTIFIED BY 's3cret'`)
  await database.query(`GRANT ALL ON ${new URL(uri).pathname.slice(1)}.* TO slow@'%'`)
  await database.query('SET GLOBAL init_connect = ?', [limit])
  try {
    const { code, stdout, stderr } = await measured(
      'set -o pipefail; $MEASURE vdc-manage image list --format ndjson --limit 100000 | (sleep 4; wc -l)',
      uri,
    )
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: '100000\n', stderr: '' })
  } finally {
    await database.query("SET GLOBAL init_connect = ''")
    await database.query('DROP USER slow')
  }
})

test('a reader of only the first line gets it at once, without an error', async () => {
  const start = Date.now()
  const { code, stdout, stderr } = await measured(
    'set -o pipefail; $MEASURE vdc-manage image list --format ndjson | head -n 1 | jq -r .id',
  )
  expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: 'wmi-m1\n', stderr: '' })
  expect(Date.now() - start).toBeLessThan(60_000)
})
