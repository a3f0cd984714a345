import { VdcError } from '../../core/errors.ts'
import { wrapMessage } from './wrap.ts'

/** Output that is held back until the commit. */
interface Held {
  text: string
  /** The new ID in the text, if it reports that something was stored. */
  id: string | undefined
}
/** Set by bin/run.js, because Node replaces a closed stdout by /dev/null. */
const isClosed = process.env.VDC_MANAGE_STDOUT === 'closed'

let held: { what: 'all' | 'ids'; texts: Held[]; isLost?: boolean } | undefined

/** Starts to hold back output: all of stdout, or only the IDs of stored items. */
export function holdOutput(what: 'all' | 'ids'): void {
  held = { what, texts: [] }
}

/** Returns true if all output is held back, so that errors must go to stderr. */
export function isHoldingAll(): boolean {
  return held?.what === 'all'
}

/** Discards the output that was held back, after a rollback. */
export function dropOutput(): void {
  held = undefined
}

/** Stops announcing IDs, because they will not be stored. Returns true on the first call. */
export function giveUpOutput(): boolean {
  if (held === undefined || held.isLost) return false
  held.isLost = true
  return true
}

/** Prints to stderr the IDs that may or may not be stored, after a commit with an unknown outcome. */
export async function doubtOutput(): Promise<void> {
  for (const { id } of held?.texts ?? []) if (id !== undefined) await writeNote(`Possibly stored: ${id}`)
}

/**
 * Prints the output that was held back. If stdout fails, prints the stored IDs to stderr.
 *
 * @throws VdcError OUTPUT_FAILED.
 */
export async function releaseOutput(): Promise<void> {
  const texts = held?.texts ?? []
  held = undefined
  for (const [written, { text, id }] of texts.entries()) {
    const read = await writeOut(text).catch((error: unknown) => error as VdcError)
    if (read === true || (read === false && id === undefined)) continue
    for (const rest of texts.slice(written)) if (rest.id !== undefined) await writeNote(`Stored: ${rest.id}`)
    throw read === false ? outputClosed() : read
  }
}

/** Returns the error for output that must be read, when the reader has closed stdout. */
export function outputClosed(): VdcError {
  return new VdcError('OUTPUT_FAILED', 'Cannot write to stdout: its reader has closed it')
}

/**
 * Writes to stdout and waits until it is written.
 *
 * @param id the ID of a stored item, if the text reports it.
 * @returns false if the reader has closed the pipe (`… | head -1`), which is not an error.
 * @throws VdcError OUTPUT_FAILED if the text cannot be written, for example because the disk is full.
 */
export async function writeOut(text: string, id?: string): Promise<boolean> {
  if (held?.what === 'all' || (held?.what === 'ids' && id !== undefined)) {
    held.texts.push({ text, id })
    if (held.what === 'ids' && !held.isLost) await writeNote(`Will be stored at the end of this session: ${id}`)
    return true
  }
  if (isClosed) throw new VdcError('OUTPUT_FAILED', 'Cannot write to stdout: it is closed')
  try {
    await write(process.stdout, text)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EPIPE') return false
    throw new VdcError('OUTPUT_FAILED', `Cannot write to stdout: ${(error as Error).message}`, { cause: error })
  }
}

/**
 * Writes a message to stderr: an error, a hint, a warning or a note. At a terminal, it is wrapped at
 * words. Ignores errors, for example if stderr is closed.
 */
export async function writeNote(text: string): Promise<void> {
  const { isTTY, columns } = process.stderr
  await writeErr(isTTY && columns > 0 ? wrapMessage(text, columns) : text)
}

/** Writes lines to stderr as they are. Ignores errors. */
export async function writeErr(text: string): Promise<void> {
  await write(process.stderr, `${text}\n`).catch(() => {})
}

let clear: (() => void) | undefined

/** Runs `work` before each write, for example to clear a progress bar; undefined ends that. */
export function beforeText(work: (() => void) | undefined): void {
  clear = work
}

function write(stream: NodeJS.WriteStream, text: string): Promise<void> {
  clear?.()
  return new Promise((resolve, reject) => {
    stream.write(text, (error) => (error ? reject(error) : resolve()))
  })
}
