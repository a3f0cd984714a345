import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type DatabaseSettings, describeDatabase, type SqliteSettings, settingsSource } from '../../config.ts'
import { failure, type Outcome, ok, warning } from './check.ts'

/** Says which database is used and who says so; the password is never shown. */
export function describeConfiguration(settings: DatabaseSettings, env: NodeJS.ProcessEnv): Outcome {
  const source = settingsSource(env)
  const database = describeDatabase(settings)
  if (source === undefined) return ok(`no setting and no dcmgr.conf, so the embedded registry ${database}`)
  const named = source === env.CONF_PATH ? `${source}, which CONF_PATH names,` : source
  return ok(`${named} says ${database}`)
}

/** Says what becomes of an SQLite file that is not there. */
export async function checkAbsentFile(settings: SqliteSettings): Promise<Outcome> {
  let folder = dirname(settings.path)
  // The folder of the embedded registry is made with those that it is in; one that somebody named is not.
  while (settings.embedded && folder !== dirname(folder) && !(await allows(folder, constants.F_OK)))
    folder = dirname(folder)
  if (!(await allows(folder, constants.W_OK | constants.X_OK))) {
    return failure(
      `${settings.path} is not there yet and can not be made: ${folder} does not exist or is not writable`,
      'Make the folder and give this user the right to write to it, or set VDC_MANAGE_DATABASE_URI',
    )
  }
  return ok('none yet; made on first use')
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

function allows(path: string, mode: number): Promise<boolean> {
  return access(path, mode).then(
    () => true,
    () => false,
  )
}
