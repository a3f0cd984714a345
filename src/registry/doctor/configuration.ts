import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type DatabaseSettings, describeDatabase, settingsSource } from '../../config.ts'
import { type Outcome, ok, warning } from './check.ts'

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

function allows(path: string, mode: number): Promise<boolean> {
  return access(path, mode).then(
    () => true,
    () => false,
  )
}
