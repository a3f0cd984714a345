import { Transform } from 'node:stream'
import type { ReadStream } from 'node:tty'

/**
 * Returns a terminal's input for Node's readline, with Tabs one by one. Readline completes only at a
 * Tab that is the last character of a chunk, and takes the characters before it as pasted. Over a
 * slow connection, Tab pressed twice arrives in one chunk, so the Tabs at the end of a chunk are
 * passed on separately.
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
  // A closed terminal may fail with an error instead of ending.
  terminal.once('error', () => keys.end())
  return Object.assign(terminal.pipe(keys), { setRawMode: (on: boolean) => setRawMode(terminal, on) })
}

/** Sets the mode of a terminal. Ignores EIO: readline resets the mode at the end of input, when the terminal may be closed. */
function setRawMode(terminal: ReadStream, on: boolean): void {
  try {
    terminal.setRawMode(on)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EIO') throw error
  }
}
