/**
 * Returns the start of a command that runs a script of /bin/sh; the arguments of the script follow. It is killed when
 * this process ends, even if this process is killed.
 *
 * @param script commands, the last of which should be an `exec`.
 */
export function boundCommand(script: readonly string[]): [program: string, ...args: string[]] {
  // This process may have died before setpriv asked the kernel for a signal on its death.
  const lines = ['[ "$PPID" = "$0" ] || exit', ...script]
  return ['setpriv', '--pdeathsig', 'KILL', '/bin/sh', '-c', lines.join('; '), String(process.pid)]
}
