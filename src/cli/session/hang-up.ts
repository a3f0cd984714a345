import { closeSync, fstatSync } from 'node:fs'
import { isatty } from 'node:tty'

/** Exit code of a process that SIGTERM ends. */
const TERMINATED = 143

/**
 * Has SIGHUP, as from a terminal that is closed, do what SIGTERM does. Where it
 * was ignored when the program was started, as under nohup, it stays ignored:
 * bin/run.js tells, as Node has given it its default action by now. Only the
 * first one counts: the shell and the kernel may each send one, and a second
 * SIGTERM would end the process without waiting for anything.
 */
export function heedHangUp(): void {
  let isDone = process.env.VDC_MANAGE_SIGHUP === 'ignored'
  process.on('SIGHUP', () => {
    if (isDone) return
    isDone = true
    // Without a listener nothing can be half done. Node must not end by the signal itself: see closeLostTerminals.
    if (process.listenerCount('SIGTERM') === 0) process.exit(TERMINATED)
    process.kill(process.pid, 'SIGTERM')
  })
  process.on('exit', closeLostTerminals)
}

/**
 * Closes those of stdin, stdout and stderr whose terminal is gone. When Node ends
 * it resets terminals, and aborts with a core dump where that fails with EIO
 * (node::ResetStdio); it passes over descriptors that are closed.
 */
function closeLostTerminals(): void {
  for (const descriptor of [0, 1, 2]) {
    try {
      // A terminal that is gone is none any more; /dev/null looks the same, and is of no use now either.
      if (fstatSync(descriptor).isCharacterDevice() && !isatty(descriptor)) closeSync(descriptor)
    } catch {
      // It is closed already.
    }
  }
}
