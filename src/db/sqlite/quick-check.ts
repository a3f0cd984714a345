import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import type { Interruption } from '../../core/interruption.ts'
import { translateDriverError } from '../drivers/errors.ts'
import { sqliteUri } from './file.ts'

/** Milliseconds that the look may take, where nothing else is said; less than what `doctor` waits for any one thing. */
export const QUICK_CHECK_TIMEOUT = 8000
/** Milliseconds that it waits for another process's lock. */
const LOCKED = 2000

/** What runs in the other process, with the path of the driver and the file's URI. */
const PROGRAM = `
const [driver, uri] = process.argv.slice(1)
try {
  const database = new (require(driver))(uri)
  database.exec('PRAGMA busy_timeout = ${LOCKED}')
  const [row] = database.prepare('PRAGMA quick_check(1)').all()
  process.stdout.write(JSON.stringify({ found: Object.values(row)[0] }))
} catch ({ code, message }) {
  process.stdout.write(JSON.stringify({ code, message }))
}
`

/**
 * Has SQLite look through the whole file for damage, up to the first that it
 * finds (https://sqlite.org/pragma.html#pragma_quick_check). It runs in a process
 * of its own, as nothing else in this one could end it. Writes nothing.
 *
 * @param timeout milliseconds that the look may take.
 * @returns `ok`; what is wrong with the file; undefined where there was not enough time.
 * @throws VdcError DATABASE_DAMAGED where the file is too damaged to look through, DATABASE_BUSY;
 *   what the interruption asks for.
 */
export async function quickCheck(
  path: string,
  interruption: Interruption,
  timeout = QUICK_CHECK_TIMEOUT,
): Promise<string | undefined> {
  const driver = createRequire(import.meta.url).resolve('libsql')
  const answer = await new Promise<string | undefined>((resolve, reject) => {
    const options = { timeout, killSignal: 'SIGKILL' as const, signal: interruption.signal }
    execFile(process.execPath, ['-e', PROGRAM, driver, sqliteUri(path, 'mode=ro')], options, (error, stdout) => {
      if (error === null) resolve(stdout)
      else if (error.killed) resolve(undefined)
      else reject(error)
    })
  }).catch((error) => {
    interruption.throwIfRequested()
    throw error
  })
  if (answer === undefined) return undefined
  const { found, code, message }: { found?: string; code?: string; message?: string } = JSON.parse(answer)
  if (found === undefined) throw translateDriverError(Object.assign(new Error(message), { code }), `sqlite://${path}`)
  return found.split('\n').findLast((line) => line !== '')
}
