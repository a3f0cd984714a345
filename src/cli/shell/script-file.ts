import { createReadStream, fstatSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { VdcError } from '../../core/errors.ts'
import { readScript, type ScriptLine } from './lines.ts'

/** An open script. */
export interface Script {
  /** Name for messages; undefined for stdin. */
  name: string | undefined
  lines: AsyncIterable<ScriptLine> | Iterable<ScriptLine>
}

/**
 * Opens a script.
 *
 * @param path path of the script; undefined and `-` are stdin.
 * @throws VdcError VALUE_REFUSED if it cannot be read.
 */
export async function openScript(path: string | undefined): Promise<Script> {
  const isStdin = path === undefined || path === '-'
  const refuse = (why: string, cause?: unknown) =>
    new VdcError('VALUE_REFUSED', `The script ${isStdin ? 'on stdin' : path} ${why}`, { cause })
  const unreadable = (error: Error) => refuse(`cannot be read: ${error.message}`, error)
  if (isStdin) {
    // Node reads a directory as an empty file.
    if (fstatSync(0).isDirectory()) throw refuse('is a directory')
    return { name: undefined, lines: readScript(translated(process.stdin, unreadable)) }
  }
  const stats = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'ENOENT' ? refuse('does not exist', error) : unreadable(error)
  })
  if (stats.isDirectory()) throw refuse('is a directory')
  const stream = createReadStream(path)
  await new Promise<void>((resolve, reject) => {
    stream.once('ready', () => resolve())
    stream.once('error', (error) => reject(unreadable(error)))
  })
  return { name: path, lines: readScript(translated(stream, unreadable)) }
}

async function* translated(
  stream: AsyncIterable<Buffer>,
  translate: (error: Error) => VdcError,
): AsyncGenerator<Buffer> {
  try {
    yield* stream
  } catch (error) {
    throw translate(error as Error)
  }
}
