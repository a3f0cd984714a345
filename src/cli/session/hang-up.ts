import { closeSync, fstatSync } from 'node:fs'
import { isatty } from 'node:tty'

/** Exit code of a process that SIGTERM ends. */
const TERMINATED = 143

/**
 * Makes SIGHUP, for example from closing the terminal, act like SIGTERM. If SIGHUP was ignored when
 * the program was started, as under nohup, it stays ignored; bin/run.js detects this, because Node
 * has reset the signal's action by now. Only the first SIGHUP counts: the shell and the kernel may
 * each send one, and a second SIGTERM would end the process at once.
 */
export function heedHangUp(): void {
  let isDone = process.env.VDC_MANAGE_SIGHUP === 'ignored'
  process.on('SIGHUP', () => {
    if (isDone) return
    isDone = true
    // Without a listener, nothing is half done. The signal itself must not end Node: see closeLostTerminals.
    if (process.listenerCount('SIGTERM') === 0) process.exit(TERMINATED)
    process.kill(process.pid, 'SIGTERM')
  })
  process.on('exit', closeLostTerminals)
}

/**
 * Closes stdin, stdout and stderr if their terminal is gone. Node resets terminals when it exits,
 * and aborts with a core dump if that fails with EIO (node::ResetStdio). It skips closed descriptors.
 */
function closeLostTerminals(): void {
  for (const descriptor of [0, 1, 2]) {
    try {
      // isatty is false for a terminal that is gone. This also closes /dev/null, which is not needed now.
      if (fstatSync(descriptor).isCharacterDevice() && !isatty(descriptor)) closeSync(descriptor)
    } catch {
      // Already closed.
    }
  }
}
