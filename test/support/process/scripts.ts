import { readFileSync, writeFileSync } from 'node:fs'
import { execa } from 'execa'
import { inject } from 'vitest'
import { type Engine, newDatabase, type TestDatabase } from '../databases/databases.ts'
import { type MysqlProxy, type OnStatement, startProxy } from '../databases/mysql-proxy.ts'
import { environment, PROGRAM, type Run, vdcManage } from './cli.ts'

/** The ID of the backup object that `newDatabaseWithObject` creates. */
export const OBJECT = 'bo-one'

/** A script line that adds an image with that backup object. */
export const ADD = `image add local ${OBJECT} --account-id a-shpoolxx`

/** The SQLite file of `newDatabaseWithObject`, once there is one. */
let sqliteFile: Buffer | undefined

/** Creates a database with only a storage and a backup object for images. */
export async function newDatabaseWithObject(engine: Engine): Promise<TestDatabase> {
  const database = await newDatabase(engine)
  const path = database.uri.slice('sqlite://'.length)
  if (engine === 'sqlite' && sqliteFile !== undefined) {
    writeFileSync(path, sqliteFile)
    return database
  }
  const script = [
    'backupstorage add --uuid bkst-one --display-name one --base-uri file:///srv/images/ --storage-type local',
    `backupobject add --uuid ${OBJECT} --display-name one --storage-id bkst-one --object-key one.raw --container-format none --size=1024 --allocation-size=1024 --checksum=81bb27d621f2d1e90ce24625a1dcb311`,
  ]
  // The warm process could keep the file open, and a test locks it.
  await vdcManage(['-e'], { database, input: script.join('\n'), reject: true, process: engine === 'sqlite' })
  if (engine === 'sqlite') sqliteFile = readFileSync(path)
  return database
}

/** Runs lines as a script on stdin. */
export function runScript(database: { uri: string }, script: string | string[], args: string[] = []): Promise<Run> {
  return vdcManage(args, { database, input: typeof script === 'string' ? script : `${script.join('\n')}\n` })
}

/**
 * Starts a script on stdin. Without a script, stdin stays open, so that the test can write to
 * it. `process` streams the output.
 */
export function startScript(database: { uri: string }, script: string[] | undefined, args: string[] = []) {
  const running = execa(PROGRAM, args, {
    env: environment({ database }),
    extendEnv: false,
    reject: false,
    stripFinalNewline: false,
    ...(script === undefined ? { stdin: 'pipe' as const } : { input: `${script.join('\n')}\n` }),
  })
  return {
    process: running,
    kill: (signal: NodeJS.Signals) => void running.kill(signal),
    ended: running.then(
      (result): Run => ({
        code: result.exitCode,
        signal: result.signal,
        stdout: result.stdout as string,
        stderr: result.stderr as string,
      }),
    ),
  }
}

/** Runs a script on a MariaDB database through a proxy. */
export async function runThroughProxy(
  database: TestDatabase,
  script: string[],
  args: string[],
  onStatement: OnStatement = () => 'pass',
): Promise<{ run: Run; proxy: MysqlProxy }> {
  const proxy = await startProxy(inject('mariadb').port, onStatement)
  const run = await runScript(behind(proxy, database), script, args)
  await proxy.close()
  return { run, proxy }
}

/** As `runThroughProxy`, in its own process. `act` decides what the proxy does at each statement, and can send signals. */
export async function killThroughProxy(
  database: TestDatabase,
  script: string[],
  args: string[],
  act: (process: { kill(signal: NodeJS.Signals): void }) => OnStatement,
): Promise<Run> {
  let running: ReturnType<typeof startScript> | undefined
  const onStatement = act({ kill: (signal) => running?.kill(signal) })
  const proxy = await startProxy(inject('mariadb').port, onStatement)
  running = startScript(behind(proxy, database), script, args)
  const run = await running.ended
  await proxy.close()
  return run
}

/** Returns the URI of a database at a proxy of its server. */
function behind(proxy: MysqlProxy, database: TestDatabase): { uri: string } {
  return { uri: database.uri.replace(/:\d+\//, `:${proxy.port}/`) }
}

/** Returns the IDs of all images, in the order in which they were stored. */
export async function imageIds(database: TestDatabase): Promise<string[]> {
  return (await database.query('SELECT uuid FROM images ORDER BY id')).map((row) => `wmi-${row.uuid}`)
}

/** Returns the IDs of images that lack some of their 23 history rows, and of history rows without an image. */
export async function imagesNotWhole(database: TestDatabase): Promise<string[]> {
  const rows = await database.query(
    "SELECT uuid AS id, COUNT(*) AS n FROM histories WHERE uuid LIKE 'wmi-%' GROUP BY uuid",
  )
  const counts = new Map(rows.map((row) => [String(row.id), Number(row.n)]))
  const ids = new Set([...(await imageIds(database)), ...counts.keys()])
  const known = new Set(await imageIds(database))
  return [...ids].filter((id) => !known.has(id) || counts.get(id) !== 23)
}

/** Returns the lines of a text, without an empty one at the end. */
export function linesOf(text: string): string[] {
  return text === '' ? [] : text.replace(/\n$/, '').split('\n')
}

/** Returns a function that returns the IDs of the images added since its last call. */
export function watchImages(database: () => TestDatabase): () => Promise<string[]> {
  let before: string[] = []
  return async () => {
    const ids = await imageIds(database())
    const added = ids.filter((id) => !before.includes(id))
    before = ids
    return added
  }
}
