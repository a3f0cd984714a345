/**
 * Returns a command that reads files slowly: each read of at most 1 MiB takes `milliseconds`
 * more. Tests can then watch work on small files, whatever the speed of the machine. The command
 * must not need the names of the files to be quoted.
 */
export function readSlowly(command: string, paths: readonly string[], milliseconds: number): string {
  const slow = `-P ${paths.join(' -P ')} -e trace=pread64 -e inject=pread64:delay_exit=${milliseconds * 1000}`
  return `strace -f -qq --seccomp-bpf -o /dev/null ${slow} ${command}`
}
