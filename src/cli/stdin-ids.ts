import { createInterface } from 'node:readline'
import { VdcError } from '../errors.ts'

/** The word that stands for ids on stdin. */
export const STDIN = '-'

let reader: string | undefined

/** Says who reads stdin, such as a shell its script, so that no command takes it from there. */
export function claimStdin(by: string): void {
  reader = by
}

/**
 * The ids that words stand for; those of `-` are the lines of stdin, as they come.
 *
 * @throws VdcError USAGE where stdin is read by somebody else, or `-` is given twice.
 */
export async function* idsOf(words: readonly string[]): AsyncGenerator<string> {
  const fromStdin = words.filter((word) => word === STDIN)
  if (fromStdin.length > 1) throw new VdcError('USAGE', '- stands for the ids on stdin, and is given twice')
  if (fromStdin.length > 0 && reader !== undefined) {
    throw new VdcError('USAGE', `- stands for ids on stdin, and that is ${reader}`, {
      hint: 'Give the ids themselves, or run the command outside of the shell',
    })
  }
  for (const word of words) {
    if (word === STDIN) yield* linesOfStdin()
    else yield word
  }
}

async function* linesOfStdin(): AsyncGenerator<string> {
  try {
    for await (const line of createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY })) {
      const id = line.trim()
      if (id !== '') yield id
    }
  } finally {
    // Whoever writes into the pipe need not wait.
    process.stdin.destroy()
  }
}

/** What comes, as an array. */
export async function allOf<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}
