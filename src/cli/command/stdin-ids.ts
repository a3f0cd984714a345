import { fstatSync } from 'node:fs'
import { VdcError } from '../../core/errors.ts'
import { sharedRegistry } from '../session/open-registry.ts'

/** The word that stands for IDs on stdin. */
export const STDIN = '-'
/** What is told where a command is to work on the IDs on stdin, and has none. */
export const NO_IDS = 'There are no IDs on stdin: nothing is done'
/** If a \r\n arrives in two pieces, it ends an empty line, too, which is no ID. */
const LINE_END = /\r\n|[\n\r\u2028\u2029]/
/** Characters of a line that may come in several pieces: nobody needs to keep a longer one. */
const LONGEST_LINE = 65_536

let reader: string | undefined
/** Whether a command has read stdin, or begun to. */
let isRead = false
/** The IDs read so far, for a script that is run again; undefined where nothing is run again. */
let kept: string[] | undefined
let source: AsyncIterator<string[]> | undefined

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
 * The IDs that words stand for. For `-`, these are the lines of stdin, in batches of those
 * that have arrived. In a shell, an interruption ends the wait for more.
 *
 * @throws VdcError USAGE where something else reads stdin, `-` is given twice, or
 *   another command has read stdin; VALUE_REFUSED where stdin cannot be read;
 *   INTERRUPTED or TERMINATED.
 */
export async function* idsOf(words: readonly string[]): AsyncGenerator<string[]> {
  const [first, ...others] = [...words.keys()].filter((index) => words[index] === STDIN)
  if (others.length > 0) throw new VdcError('USAGE', '- stands for the IDs on stdin, and is given twice')
  if (first === undefined) {
    yield [...words]
    return
  }
  takeStdin()
  if (first > 0) yield words.slice(0, first)
  yield* linesOfStdin()
  if (first < words.length - 1) yield words.slice(first + 1)
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

async function* linesOfStdin(): AsyncGenerator<string[]> {
  if (kept !== undefined && kept.length > 0) yield [...kept]
  source ??= openStdin()
  try {
    for (;;) {
      const next = source.next()
      const { value, done } = await (sharedRegistry()?.interruption.before(next) ?? next)
      if (done) return
      const ids = value.map((line) => line.trim()).filter((id) => id !== '')
      if (ids.length === 0) continue
      kept?.push(...ids)
      yield ids
    }
  } finally {
    // Whoever writes into the pipe need not wait; but what is run again reads on.
    if (kept === undefined) process.stdin.destroy()
  }
}

/** @throws VdcError VALUE_REFUSED for a directory, which Node takes for an empty file. */
function openStdin(): AsyncIterator<string[]> {
  if (isDirectory(0)) throw new VdcError('VALUE_REFUSED', 'IDs cannot be read from stdin: it is a directory')
  return linesAsTheyCome(process.stdin.setEncoding('utf8'))
}

/**
 * The lines of a text that arrives in pieces: for each piece, the lines that end in it.
 *
 * @throws VdcError VALUE_REFUSED for a line without an end.
 */
async function* linesAsTheyCome(pieces: AsyncIterable<string>): AsyncGenerator<string[]> {
  let unended = ''
  for await (const piece of pieces) {
    const lines = piece.split(LINE_END)
    lines[0] = unended + lines[0]
    unended = lines.pop() as string
    if (lines.length > 0) yield lines
    if (unended.length > LONGEST_LINE)
      throw new VdcError('VALUE_REFUSED', `A line on stdin has more than ${LONGEST_LINE} characters, and so is no ID`)
  }
  if (unended !== '') yield [unended]
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
