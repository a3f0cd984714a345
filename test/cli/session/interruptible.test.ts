import { readdirSync, readlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { countRows, newDatabase, type TestDatabase, waitingForTables } from '../../support/databases/databases.ts'
import { bootSector, newFolder } from '../../support/files/images.ts'
import { environment, PROGRAM, shell } from '../../support/process/cli.ts'

let database: TestDatabase
const folder = newFolder()
const [big, packed, member, small] = ['big.raw', 'packed.raw.gz', 'member.gz', 'small.raw'].map((name) =>
  join(folder.path, name),
) as [string, string, string, string]
beforeAll(async () => {
  database = await newDatabase('mariadb')
  for (const [path, size] of [
    [big, 200 * 2 ** 30],
    [small, 2 ** 20],
  ] as const) {
    writeFileSync(path, bootSector())
    truncateSync(path, size)
  }
  // 4 GiB of zeros, in 256 members: hashing them takes much longer than the signal.
  await shell(`head -c 16M /dev/zero | gzip -1 > ${member} && for at in {1..256}; do cat ${member}; done > ${packed}`)
})
afterAll(async () => {
  await database.remove()
  folder.remove()
})

describe.each([
  ['SIGINT', 130, 'INTERRUPTED'],
  ['SIGTERM', 143, 'TERMINATED'],
  ['SIGHUP', 143, 'TERMINATED'],
] as const)('%s outside a terminal', (signal, exit, code) => {
  test('while a file is hashed: exits with its exit code, prints one line or JSON, and stores nothing', async () => {
    const before = await countRows(database)
    const interrupted = async (words: string) => {
      const running = execa(PROGRAM, words.split(' '), {
        env: environment({ database }),
        extendEnv: false,
        reject: false,
        stdin: 'ignore',
        stripFinalNewline: false,
      })
      await expect.poll(() => hasOpen(running.pid as number, folder.path)).toBe(true)
      running.kill(signal)
      const { exitCode, stdout, stderr } = await running
      return { code: exitCode, stdout, stderr }
    }
    const add = `image add local ${big} --account-id a-shpoolxx`
    const says = signal === 'SIGINT' ? 'Error: Interrupted\n' : 'Error: Terminated\n'
    expect(await interrupted(add)).toMatchObject({ code: exit, stdout: '', stderr: says })
    expect(await interrupted(`backupobject add --from-file ${big}`)).toMatchObject({ code: exit, stderr: says })
    expect(await interrupted(`backupobject add --from-file ${packed}`)).toMatchObject({ code: exit, stderr: says })
    const json = await interrupted(`${add} --json`)
    expect(json).toMatchObject({ code: exit, stderr: '' })
    expect(JSON.parse(json.stdout)).toMatchObject({ error: { code, exit } })
    expect(await countRows(database)).toEqual(before)
  })
})

/** Returns whether a process has a file in a folder open. */
function hasOpen(pid: number, folder: string): boolean {
  try {
    const open = readdirSync(`/proc/${pid}/fd`).map((descriptor) => readlinkSync(`/proc/${pid}/fd/${descriptor}`))
    return open.some((path) => path.startsWith(`${folder}/`))
  } catch {
    // A listed descriptor was closed in the meantime.
    return false
  }
}

describe('while the database does not answer', () => {
  beforeAll(async () => {
    await database.query('LOCK TABLES images WRITE, histories WRITE, backup_objects WRITE')
  })
  afterAll(async () => {
    await database.query('UNLOCK TABLES')
    await sleep(100)
    expect(await database.query('SELECT * FROM images')).toEqual([])
    expect(await database.query('SELECT * FROM backup_objects')).toEqual([])
  })

  /**
   * Sends SIGINT to the waiting program, then once more after each pause in milliseconds. Returns how long it lived
   * after the last one.
   */
  async function interrupted(
    ...pauses: number[]
  ): Promise<{ code?: number | undefined; stderr: string; took: number }> {
    const before = await waitingForTables(database)
    const running = execa(PROGRAM, ['image', 'add', 'local', small, '--account-id', 'a-shpoolxx'], {
      env: environment({ database }),
      extendEnv: false,
      reject: false,
      stdin: 'ignore',
    })
    while (!(await waitingForTables(database)).some((id) => !before.includes(id))) await sleep(50)
    running.kill('SIGINT')
    for (const pause of pauses) {
      await sleep(pause)
      running.kill('SIGINT')
    }
    const sent = performance.now()
    const { exitCode, stderr } = await running
    return { code: exitCode, stderr, took: performance.now() - sent }
  }

  test('a signal waits some seconds for it', async () => {
    const run = await interrupted()
    expect(run).toMatchObject({ code: 130, stderr: 'Error: Interrupted' })
    // The server would make it wait for 20 s.
    expect(run.took).toBeLessThan(15_000)
  })

  test('a second signal ends it at once, but not if it is a repetition of the first', async () => {
    // After a single signal it would live for 2 s more. On a busy machine both may arrive at once, or the second too
    // late.
    await expect.poll(async () => (await interrupted(1000)).took).toBeLessThan(1500)
    const isSame = async () => {
      const { code, stderr, took } = await interrupted(20)
      return code === 130 && stderr === 'Error: Interrupted' && took > 2000
    }
    await expect.poll(isSame).toBe(true)
  })
})
