import { VdcError } from '../../core/errors.ts'

/** What waits to be written until something is committed; `id` is what it tells of, where it tells that something is stored. */
interface Held {
  text: string
  id: string | undefined
}
/** Told by bin/run.js, as Node takes /dev/null for a stdout that is closed. */
const isClosed = process.env.VDC_MANAGE_STDOUT === 'closed'

let held: { what: 'all' | 'ids'; texts: Held[]; isLost?: boolean } | undefined

/** From now on keeps back what is written to stdout: all of it, or what tells that something is stored. */
export function holdOutput(what: 'all' | 'ids'): void {
  held = { what, texts: [] }
}

/** Says whether all output is kept back, so that what goes wrong must be told elsewhere. */
export function isHoldingAll(): boolean {
  return held?.what === 'all'
}

/** Forgets what was kept back, as it did not come true. */
export function dropOutput(): void {
  held = undefined
}

/** From now on nothing is promised of what is kept back, as it will not come true; returns whether that is news. */
export function giveUpOutput(): boolean {
  const isNews = held !== undefined && !held.isLost
  if (held !== undefined) held.isLost = true
  return isNews
}

/** Tells on stderr of what is kept back that it may be stored, or not, as nobody knows. */
export async function doubtOutput(): Promise<void> {
  for (const { id } of held?.texts ?? []) if (id !== undefined) await writeNote(`Perhaps stored: ${id}`)
}

/**
 * Writes what was kept back. What is stored and can't be told on stdout is told on stderr.
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

/** The error for an answer that somebody must get and nobody reads. */
export function outputClosed(): VdcError {
  return new VdcError('OUTPUT_FAILED', 'Nobody reads the answer: stdout is closed')
}

/**
 * Writes to stdout and waits until it is written.
 *
 * @param id of what is stored, where that is what the text tells.
 * @returns false when nobody reads any more (`… | head -1`), which is no error.
 * @throws VdcError OUTPUT_FAILED when it can't be written, as on a full disk.
 */
export async function writeOut(text: string, id?: string): Promise<boolean> {
  if (held?.what === 'all' || (held?.what === 'ids' && id !== undefined)) {
    held.texts.push({ text, id })
    if (held.what === 'ids' && !held.isLost) await writeNote(`Stored when this session ends: ${id}`)
    return true
  }
  if (isClosed) throw new VdcError('OUTPUT_FAILED', 'The answer cannot be written: stdout is closed')
  try {
    await write(process.stdout, text)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EPIPE') return false
    throw new VdcError('OUTPUT_FAILED', `The answer cannot be written to stdout: ${(error as Error).message}`, {
      cause: error,
    })
  }
}

/** Writes a line for people to stderr; where that is closed, nobody minds. */
export async function writeNote(text: string): Promise<void> {
  await write(process.stderr, `${text}\n`).catch(() => {})
}

let clear: (() => void) | undefined

/** Has `work` run before anything is written, such as what clears a progress bar; undefined ends that. */
export function beforeText(work: (() => void) | undefined): void {
  clear = work
}

function write(stream: NodeJS.WriteStream, text: string): Promise<void> {
  clear?.()
  return new Promise((resolve, reject) => {
    stream.write(text, (error) => (error ? reject(error) : resolve()))
  })
}
