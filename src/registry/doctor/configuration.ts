import { constants } from 'node:fs'
import { dirname } from 'node:path'
import { type DatabaseSettings, describeDatabase, settingsSource } from '../../config/config.ts'
import { allows } from '../../core/find-program.ts'
import type { Interruption } from '../../core/interruption.ts'
import { shellWord } from '../../core/shell-word.ts'
import { RESTORE_FILE } from '../../db/faults/sqlite.ts'
import { QUICK_CHECK_TIMEOUT, quickCheck } from '../../db/sqlite/quick-check.ts'
import { failure, type Outcome, ok, warning } from './check.ts'

/** Reports which database is used and which setting names it. Never shows the password. */
export function describeConfiguration(settings: DatabaseSettings, env: NodeJS.ProcessEnv): Outcome {
  const source = settingsSource(env)
  const database = describeDatabase(settings)
  if (settings.engine === 'sqlite' && settings.ignored !== undefined) {
    return warning(
      `the embedded registry ${database}; ${settings.ignored}`,
      'To use another database, set VDC_MANAGE_DATABASE_URI',
    )
  }
  if (source === undefined) return ok(`the embedded registry ${database}; no setting or dcmgr.conf names a database`)
  return ok(`${database}, set in ${source}${source === env.CONF_PATH ? ' (named by CONF_PATH)' : ''}`)
}

/**
 * Checks whether this user can write to an SQLite file.
 *
 * @param text the rest of the message: what else is known about the file.
 */
export async function checkSqliteFile(path: string, text: string): Promise<Outcome> {
  const isWritable = (await allows(path, constants.W_OK)) && (await allows(dirname(path), constants.W_OK))
  if (isWritable) return ok(text)
  return warning(
    `${text}; this user cannot write to it`,
    'To add or change anything, make the file and its folder writable',
  )
}

/** Checks an SQLite file for damage with `PRAGMA quick_check`, as far as its timeout allows. */
export async function checkIntegrity(path: string, interruption: Interruption): Promise<Outcome> {
  const found = await quickCheck(path, interruption)
  if (found === 'ok') return ok('quick_check found no damage')
  if (found === undefined) {
    return warning(
      `quick_check did not finish within ${QUICK_CHECK_TIMEOUT / 1000} s; it found no damage until then`,
      `Run the whole check with: sqlite3 ${shellWord(path)} 'PRAGMA quick_check'`,
    )
  }
  return failure(`The file is damaged: ${found}`, RESTORE_FILE)
}
