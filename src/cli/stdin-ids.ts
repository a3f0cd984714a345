import { fstatSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { VdcError } from '../errors.ts'
import { sharedRegistry } from './shared-registry.ts'

/** The word that stands for IDs on stdin. */
export const STDIN = '-'
/** What is told where a command is to work on the IDs on stdin, and has none. */
export const NO_IDS = 'There are no IDs on stdin: nothing is done'

let reader: string | undefined
/** Whether a command has read stdin, or begun to. */
let isRead = false
/** The IDs read so far, for a script that is run again; undefined where nothing is run again. */
let kept: string[] | undefined
let source: AsyncIterator<string> | undefined

/** Says who reads stdin, such as a shell its script, so that no command takes it from there. */
export function claimStdin(by: string): void {
  reader = by
}

/**
 * Tells that a script begins that may be run again from its start: from now on
 * the IDs that are read are kept, and the first command that reads stdin gets
 * those of the runs before, too.
 */
export function rewindStdin(): void {
  kept ??= []
  isRead = false
}

/**
 * The IDs that words stand for; those of `-` are the lines of stdin, as they
 * come. In a shell an interruption ends the waiting for them.
 *
 * @throws VdcError USAGE where something else reads stdin, `-` is given twice, or
 *   another command has read stdin; VALUE_REFUSED where stdin cannot be read;
 *   INTERRUPTED or TERMINATED.
 */
export async function* idsOf(words: readonly string[]): AsyncGenerator<string> {
  const fromStdin = words.filter((word) => word === STDIN)
  if (fromStdin.length > 1) throw new VdcError('USAGE', '- stands for the IDs on stdin, and is given twice')
  if (fromStdin.length > 0) takeStdin()
  for (const word of words) {
    if (word === STDIN) yield* linesOfStdin()
    else yield word
  }
}

function takeStdin(): void {
  if (reader !== undefined) {
    throw new VdcError('USAGE', `- stands for IDs on stdin, and that is ${reader}`, {
      hint: 'Give the IDs themselves, or run the command outside of the shell',
    })
  }
  if (isRead) {
    throw new VdcError('USAGE', '- stands for the IDs on stdin, and another command of this script has read them', {
      hint: 'Give the IDs themselves, or use - in one command only',
    })
  }
  isRead = true
}

async function* linesOfStdin(): AsyncGenerator<string> {
  yield* [...(kept ?? [])]
  source ??= openStdin()
  try {
    for (;;) {
      const next = source.next()
      const { value, done } = await (sharedRegistry()?.interruption.before(next) ?? next)
      if (done) return
      const id = value.trim()
      if (id === '') continue
      kept?.push(id)
      yield id
    }
  } finally {
    // Whoever writes into the pipe need not wait; but what is run again reads on.
    if (kept === undefined) process.stdin.destroy()
  }
}

/** @throws VdcError VALUE_REFUSED for a directory, which Node takes for an empty file. */
function openStdin(): AsyncIterator<string> {
  if (isDirectory(0)) throw new VdcError('VALUE_REFUSED', 'IDs cannot be read from stdin: it is a directory')
  return createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY })[Symbol.asyncIterator]()
}

function isDirectory(descriptor: number): boolean {
  try {
    return fstatSync(descriptor).isDirectory()
  } catch {
    // It is closed, and so has no lines.
    return false
  }
}

/** What comes, as an array. */
export async function allOf<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}
