import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import type { Interruption } from '../../core/interruption.ts'
import { translateDriverError } from '../drivers/errors.ts'
import { sqliteUri } from './file.ts'

/** Milliseconds that the check may take by default; less than `doctor` waits for any of its checks. */
export const QUICK_CHECK_TIMEOUT = 8000
/** Milliseconds to wait for another process's lock. */
const BUSY_TIMEOUT = 2000

/** The program of the child process. Its arguments are the path of the driver and the URI of the file. */
const PROGRAM = `
const [driver, uri] = process.argv.slice(1)
try {
  const database = new (require(driver))(uri)
  database.exec('PRAGMA busy_timeout = ${BUSY_TIMEOUT}')
  const [row] = database.prepare('PRAGMA quick_check(1)').all()
  process.stdout.write(JSON.stringify({ found: Object.values(row)[0] }))
} catch ({ code, message }) {
  process.stdout.write(JSON.stringify({ code, message }))
}
`

/**
 * Checks a whole SQLite file for damage, up to the first fault
 * (https://sqlite.org/pragma.html#pragma_quick_check). Runs in a child process, because
 * within this process the check could not be ended. Writes nothing.
 *
 * @param timeout milliseconds that the check may take.
 * @returns `ok`, or the first fault; undefined if the time was not enough.
 * @throws VdcError DATABASE_DAMAGED if the file is too damaged to check; DATABASE_BUSY;
 *   INTERRUPTED or TERMINATED.
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
