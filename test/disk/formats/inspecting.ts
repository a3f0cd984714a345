import { statSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { VdcError } from '../../../src/core/errors.ts'
import { fileSource, type Source } from '../../../src/disk/file/source.ts'
import { INSPECTORS } from '../../../src/disk/formats/index.ts'
import type { Finding, Inspector } from '../../../src/disk/inspect/inspector.ts'

/** Bytes that one inspector may read. */
const READ_LIMIT = 1024 * 1024

/** What an inspector found or refused. */
export interface Answer extends Finding {
  name: string
  kind: Inspector['kind']
  title: string
  /** Message of the refusal, if one was thrown. */
  refused?: string
}

/**
 * Runs every inspector. Errors other than refusals fail the test.
 *
 * @param newSource returns the bytes. Each inspector gets a source of its own, because its reads are limited.
 */
async function ask(newSource: () => Source): Promise<Answer[]> {
  const answers: Answer[] = []
  for (const { name, kind, title, inspect } of INSPECTORS) {
    try {
      const finding = await inspect(newSource())
      if (finding !== undefined) answers.push({ name, kind, ...finding, title: finding.title ?? title })
    } catch (error) {
      if (!(error instanceof VdcError) || error.code !== 'FILE_REFUSED') throw error
      answers.push({ name, kind, title, refused: error.message })
    }
  }
  return answers
}

/** Runs every inspector on a file, or on its first `size` bytes. */
export async function answersOnFile(path: string, size = statSync(path).size): Promise<Answer[]> {
  const handle = await open(path)
  try {
    return await ask(() => {
      const whole = fileSource({ handle, size }, READ_LIMIT)
      return { size, read: async (at, length) => (await whole.read(at, length)).subarray(0, Math.max(0, size - at)) }
    })
  } finally {
    await handle.close()
  }
}

/** Runs every inspector on the given bytes. */
export function answersOnBytes(...parts: (Buffer | string)[]): Promise<Answer[]> {
  const bytes = Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part)))
  // Like a file: no bytes at invalid offsets.
  const read = async (at: number, length: number) =>
    Number.isSafeInteger(at) && at >= 0 && length > 0 ? bytes.subarray(at, at + length) : Buffer.alloc(0)
  return ask(() => ({ size: bytes.length, read }))
}

/** Returns true if a file with these answers would be refused. */
export function isRefused(answers: Answer[], size: number): boolean {
  return answers.some(
    ({ refused, refusals, end }) => refused !== undefined || (refusals?.length ?? 0) > 0 || (end ?? 0) > size,
  )
}

/** Returns pseudo-random bytes of a xorshift generator, the same ones for the same seed. */
export function noise(length: number, seed: number): Buffer {
  const bytes = Buffer.alloc(length)
  let state = seed >>> 0 || 1
  for (let at = 0; at + 4 <= length; at += 4) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    bytes.writeInt32LE(state | 0, at)
  }
  return bytes
}
