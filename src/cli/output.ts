import { VdcError } from '../errors.ts'

/**
 * Writes to stdout and waits until it is written.
 *
 * @returns false when nobody reads any more (`… | head -1`), which is no error.
 * @throws VdcError OUTPUT_FAILED when it can't be written, as on a full disk.
 */
export async function writeOut(text: string): Promise<boolean> {
  try {
    await write(process.stdout, text)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EPIPE') return false
    throw new VdcError('OUTPUT_FAILED', `The answer can not be written to stdout: ${(error as Error).message}`, {
      cause: error,
    })
  }
}

/** Writes a line for people to stderr; where that is closed, nobody minds. */
export async function writeNote(text: string): Promise<void> {
  await write(process.stderr, `${text}\n`).catch(() => {})
}

function write(stream: NodeJS.WriteStream, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(text, (error) => (error ? reject(error) : resolve()))
  })
}
