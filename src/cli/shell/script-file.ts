import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { VdcError } from '../../errors.ts'
import { readScript, type ScriptLine } from './lines.ts'

/** An open script: its name for messages, and its commands. */
export interface Script {
  /** undefined for stdin. */
  name: string | undefined
  lines: AsyncIterable<ScriptLine> | Iterable<ScriptLine>
}

/**
 * Opens a script.
 *
 * @param path undefined and `-` are stdin.
 * @throws VdcError VALUE_REFUSED when it can't be read.
 */
export async function openScript(path: string | undefined): Promise<Script> {
  if (path === undefined || path === '-') return { name: undefined, lines: readScript(process.stdin) }
  const refuse = (why: string, cause?: unknown) => new VdcError('VALUE_REFUSED', `The script ${path} ${why}`, { cause })
  const stats = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw refuse(error.code === 'ENOENT' ? 'does not exist' : `can not be read: ${error.message}`, error)
  })
  if (stats.isDirectory()) throw refuse('is a directory')
  const stream = createReadStream(path)
  await new Promise<void>((resolve, reject) => {
    stream.once('ready', () => resolve())
    stream.once('error', (error) => reject(refuse(`can not be read: ${error.message}`, error)))
  })
  return { name: path, lines: readScript(stream as AsyncIterable<Buffer>) }
}
