import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type DatabaseSettings, describeDatabase, settingsSource } from '../../config/config.ts'
import type { Interruption } from '../../core/interruption.ts'
import { shellWord } from '../../core/shell-word.ts'
import { RESTORE_FILE } from '../../db/faults/sqlite.ts'
import { QUICK_CHECK_TIMEOUT, quickCheck } from '../../db/sqlite/quick-check.ts'
import { failure, type Outcome, ok, warning } from './check.ts'

/** Says which database is used and who says so; the password is never shown. */
export function describeConfiguration(settings: DatabaseSettings, env: NodeJS.ProcessEnv): Outcome {
  const source = settingsSource(env)
  const database = describeDatabase(settings)
  if (settings.engine === 'sqlite' && settings.ignored !== undefined) {
    return warning(
      `the embedded registry ${database}; ${settings.ignored}`,
      'To use another one, set VDC_MANAGE_DATABASE_URI',
    )
  }
  if (source === undefined) return ok(`no setting and no dcmgr.conf, so the embedded registry ${database}`)
  const named = source === env.CONF_PATH ? `${source}, which CONF_PATH names,` : source
  return ok(`${named} says ${database}`)
}

/** Says whether an SQLite file can be written to, beside `text`, what is known of it. */
export async function checkSqliteFile(path: string, text: string): Promise<Outcome> {
  const isWritable = (await allows(path, constants.W_OK)) && (await allows(dirname(path), constants.W_OK))
  if (isWritable) return ok(text)
  return warning(
    `${text}; nothing can be written to it by this user`,
    'The file and its folder must be writable for whatever adds or changes something',
  )
}

/** Says whether an SQLite file is damaged, as far as there was time to look. */
export async function checkIntegrity(path: string, interruption: Interruption): Promise<Outcome> {
  const found = await quickCheck(path, interruption)
  if (found === 'ok') return ok('no damage found by quick_check')
  if (found === undefined) {
    return warning(
      `quick_check did not finish within ${QUICK_CHECK_TIMEOUT / 1000} s; it had found no damage so far`,
      `Let it finish by itself: sqlite3 ${shellWord(path)} 'PRAGMA quick_check'`,
    )
  }
  return failure(`The file is damaged: ${found}`, RESTORE_FILE)
}

function allows(path: string, mode: number): Promise<boolean> {
  return access(path, mode).then(
    () => true,
    () => false,
  )
}
