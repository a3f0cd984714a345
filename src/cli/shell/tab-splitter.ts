import { Transform } from 'node:stream'
import type { ReadStream } from 'node:tty'

/**
 * What is typed at a terminal, for Node's readline: it completes only at a Tab
 * that is the last of what comes at once, and takes all before that for pasted.
 * A Tab pressed twice over a slow line comes at once, too, so that the Tabs at
 * an end are handed on one by one. Where one is waited for, the next is held.
 */
export function keysOf(terminal: ReadStream): Transform {
  const keys = new Transform({
    transform(chunk: Buffer, _, done) {
      const tabs = /\t*$/.exec(chunk.toString('latin1'))?.[0].length ?? 0
      const first = chunk.subarray(0, chunk.length - Math.max(tabs - 1, 0))
      this.push(first)
      for (let tab = 1; tab < tabs; tab++) this.push('\t')
      done()
    },
  })
  // One that is closed may fail to be read instead of being at its end.
  terminal.once('error', () => keys.end())
  return Object.assign(terminal.pipe(keys), { setRawMode: (on: boolean) => setRawMode(terminal, on) })
}

/** A terminal that was closed has no mode any more, and readline sets it once more when its input ends. */
function setRawMode(terminal: ReadStream, on: boolean): void {
  try {
    terminal.setRawMode(on)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EIO') throw error
  }
}
