import guard from './guard.sh?raw'

/** Namespaces of their own for mounts, processes, the host name and IPC. The network is the host's. */
const NAMESPACES = ['--mount', '--pid', '--uts', '--ipc', '--fork', '--kill-child']
/** For ordinary users: root of a user namespace, with the other IDs that /etc/subuid gives to the user. */
const AS_ROOT = ['--map-root-user', '--map-auto']

/** What packages and scripts for a guest must not do to the host, if root builds it, such as setting its clock. */
const FORBIDDEN = ['linux_immutable', 'sys_module', 'sys_rawio', 'sys_boot', 'sys_time']

/** Folders of programs that may not be in the PATH of ordinary users. */
const SYSTEM_PATH = '/usr/local/sbin:/usr/sbin:/sbin'

/** Returns the folders in which programs are looked for, as PATH. */
export function buildPath({ PATH }: NodeJS.ProcessEnv): string {
  return PATH ? `${PATH}:${SYSTEM_PATH}` : SYSTEM_PATH
}

/**
 * Returns the command that runs a program as root of namespaces of its own, in which nothing can be mounted on the
 * host, and whose processes all end together. For an ordinary user, root is this user, and has no rights on the host.
 * Otherwise it lacks some: no file that it makes is immutable, and modules and clock of the host stay as they are.
 *
 * @param folder what is removed if this process ends before the program does.
 */
export function insideCommand(folder: string, program: readonly string[]): [string, ...string[]] {
  return ['unshare', ...namespaces(), '--', ...withoutForbidden(), '/bin/sh', '-c', guard, 'guard', folder, ...program]
}

/** Returns the command that runs a program as `insideCommand` does, without looking after it. */
export function plainInsideCommand(program: readonly string[]): [string, ...string[]] {
  return ['unshare', ...namespaces(), '--', ...withoutForbidden(), ...program]
}

function withoutForbidden(): string[] {
  return process.geteuid?.() === 0 ? ['setpriv', '--bounding-set', FORBIDDEN.map((name) => `-${name}`).join()] : []
}

function namespaces(): string[] {
  return process.geteuid?.() === 0 ? NAMESPACES : [...NAMESPACES, ...AS_ROOT]
}
