import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream, type Stats, statSync } from 'node:fs'
import { VdcError } from '../../core/errors.ts'
import type { Cancellation } from '../watcher.ts'

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  ENOTDIR: 'does not exist: a part of its path is not a folder',
  ELOOP: 'cannot be read: its symbolic links form a loop',
  ENAMETOOLONG: 'does not exist: its name is too long',
  EISDIR: 'is a folder',
  EACCES: 'cannot be read: permission denied',
}

/** Returns true if a path can be read only once and reading it may block, for example a pipe. */
export function isStream(path: string): boolean {
  try {
    const stats: Stats = statSync(path)
    return !stats.isFile() && !stats.isDirectory()
  } catch {
    return false
  }
}

/**
 * Reads a file, pipe or device. Yields its bytes as they arrive.
 *
 * @param signal ends reading when aborted, without an error: the caller that aborts it throws its own.
 * @throws VdcError FILE_REFUSED if it cannot be read.
 */
export async function* readText(path: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  try {
    yield* isStream(path) ? readStream(path, signal) : createReadStream(path)
  } catch (error) {
    const { code = '', message, syscall } = error as NodeJS.ErrnoException
    // Errors that the consumer throws also pass through here.
    if (syscall === undefined) throw error
    throw refusal(path, REASONS[code] ?? `cannot be read: ${message}`, error)
  }
}

/**
 * Reads a small file, pipe or device.
 *
 * @param most bytes that it may have.
 * @throws VdcError FILE_REFUSED if it cannot be read or has more; the error of the cancellation.
 */
export async function readSmallFile(path: string, most: number, cancellation: Cancellation): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  let bytes = 0
  for await (const piece of readText(path, cancellation.signal)) {
    bytes += piece.length
    if (bytes > most) throw refusal(path, `has more than ${most} bytes`)
    pieces.push(piece)
  }
  cancellation.throwIfRequested()
  return Buffer.concat(pieces)
}

/** Reads a stream in a child process: waiting for a pipe within this process could not be ended, even by a signal. */
async function* readStream(path: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  // The child inherits stdin for /dev/stdin. SIGHUP under nohup must not end it, which would look like the end of the data.
  const reader = spawn('/bin/sh', ['-c', 'trap "" HUP; exec cat -- "$0"', path], {
    stdio: ['inherit', 'pipe', 'ignore'],
  })
  const ended = once(reader, 'close')
  const kill = () => void reader.kill('SIGKILL')
  signal.addEventListener('abort', kill, { once: true })
  try {
    if (signal.aborted) kill()
    yield* reader.stdout
    const [exitCode] = await ended
    if (exitCode !== 0 && !signal.aborted) throw refusal(path, 'cannot be read')
  } finally {
    signal.removeEventListener('abort', kill)
    kill()
  }
}

function refusal(path: string, why: string, cause?: unknown): VdcError {
  return new VdcError('FILE_REFUSED', `The file ${path} ${why}`, { cause })
}
