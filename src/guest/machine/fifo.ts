import { closeSync, constants, openSync } from 'node:fs'
import { Socket } from 'node:net'
import { join } from 'node:path'
import { runProgram } from '../../disk/qemu/run-program.ts'

/** The reading end of a FIFO. */
export interface Fifo {
  /** Called once the writer has opened the FIFO: its end is then the end of the stream. */
  letEnd(): void
  /** Waits until all that was written has been read. The writer must have ended. */
  close(): Promise<void>
}

/**
 * Makes a FIFO, and reads what is written to it, which is never stored.
 *
 * @param folder one that only this user can change.
 * @throws Error of the system.
 */
export async function readFifo(
  folder: string,
  name: string,
  signal: AbortSignal,
  onData: (chunk: Buffer) => void,
): Promise<Fifo> {
  const path = join(folder, name)
  const made = await runProgram('mkfifo', ['-m', '600', path], { signal })
  if (made.exitCode !== 0) throw made.error ?? new Error(made.stderr)
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
