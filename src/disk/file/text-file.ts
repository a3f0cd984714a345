import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream, type Stats, statSync } from 'node:fs'
import { VdcError } from '../../core/errors.ts'

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  ENOTDIR: 'does not exist: a part of its path is no directory',
  ELOOP: 'cannot be read: its links lead round in a circle',
  ENAMETOOLONG: 'does not exist: its name is too long',
  EISDIR: 'is a directory',
  EACCES: 'cannot be read: permission denied',
}

/** Says whether a path is of something that gives its bytes only once and may keep its reader waiting, such as a pipe. */
export function isStream(path: string): boolean {
  try {
    const stats: Stats = statSync(path)
    return !stats.isFile() && !stats.isDirectory()
  } catch {
    return false
  }
}

/**
 * Reads a file, or whatever gives bytes at a path, as they come.
 *
 * @param signal ends it; without an error, so that whoever aborts it tells why.
 * @throws VdcError FILE_REFUSED.
 */
export async function* readText(path: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  try {
    yield* isStream(path) ? readStream(path, signal) : createReadStream(path)
  } catch (error) {
    const { code = '', message, syscall } = error as NodeJS.ErrnoException
    // What the reader throws comes through here as well.
    if (syscall === undefined) throw error
    throw refusal(path, REASONS[code] ?? `cannot be read: ${message}`, error)
  }
}

/** In a process of its own, as one who waits for a pipe in this one could not even be killed. */
async function* readStream(path: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  // /dev/stdin is this process's. Under nohup a hang-up must not end it, which would look like the end of the bytes.
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
