import { closeSync, constants, openSync } from 'node:fs'
import { Socket } from 'node:net'
import { join } from 'node:path'
import { VdcError } from '../../core/errors.ts'
import { runProgram } from '../../disk/qemu/run-program.ts'
import type { Cancellation } from '../../disk/watcher.ts'

/** The reading end of a FIFO. */
export interface Fifo {
  /** Called once the writer has opened the FIFO: its end is then the end of the stream. */
  letEnd(): void
  /** Waits until all that was written has been read. The writer must have ended. */
  close(): Promise<void>
}

/**
 * Makes FIFOs.
 *
 * @param folder one that only this user can change.
 * @throws VdcError FILE_NOT_WRITTEN; the error of the cancellation.
 */
export async function makeFifos(folder: string, names: readonly string[], cancellation: Cancellation): Promise<void> {
  const paths = names.map((name) => join(folder, name))
  const { exitCode, error, stderr } = await runProgram('mkfifo', ['-m', '600', ...paths], {
    signal: cancellation.signal,
  })
  cancellation.throwIfRequested()
  if (exitCode === 0) return
  const [line = ''] = stderr.split('\n')
  throw new VdcError('FILE_NOT_WRITTEN', `Pipes for the packets of a guest cannot be made: ${error?.message ?? line}`)
}

/**
 * Reads what is written to a FIFO, which is never stored.
 *
 * @throws Error of the system.
 */
export function readFifo(path: string, onData: (chunk: Buffer) => void): Fifo {
  const reading = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  // Without any writer, the stream would end at once.
  const writing = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK)
  const stream = new Socket({ fd: reading, readable: true, writable: false })
  const ended = new Promise<void>((resolve) => stream.once('close', resolve))
  stream.on('error', () => {}).on('data', onData)
  let isHeld = true
  const letEnd = () => {
    if (isHeld) closeSync(writing)
    isHeld = false
  }
  return {
    letEnd,
    close() {
      letEnd()
      return ended
    },
  }
}
