import { constants } from 'node:fs'
import { allows, findProgram } from '../../core/find-program.ts'
import { runProgram } from '../../disk/qemu/run-program.ts'
import type { Cancellation } from '../../disk/watcher.ts'
import { GRUB_FOLDER } from './disk/grub.ts'
import { buildPath, plainInsideCommand } from './inside/command.ts'

/** Why no image can be built here. */
export interface BuildLack {
  /** A sentence without a full stop. */
  why: string
  hint: string
}

/** Programs, and the packages of Debian and Ubuntu that have them. */
const PROGRAMS = {
  mmdebstrap: 'mmdebstrap',
  mke2fs: 'e2fsprogs',
  debugfs: 'e2fsprogs',
  e2fsck: 'e2fsprogs',
  'grub-mkimage': 'grub-common',
  unshare: 'util-linux',
  setpriv: 'util-linux',
} as const
/** The programs that let an ordinary user have several user IDs. */
const FOR_USERS = { newuidmap: 'uidmap', newgidmap: 'uidmap' } as const
/** Milliseconds that an empty run may take. */
const PROBE_LIMIT = 10_000

/**
 * Finds out whether images can be built here: programs, and the right to have namespaces.
 *
 * @returns what is missing first; undefined if nothing is.
 * @throws the error of the cancellation.
 */
export async function findBuildLack(
  env: NodeJS.ProcessEnv,
  cancellation: Cancellation,
): Promise<BuildLack | undefined> {
  const path = buildPath(env)
  const isRoot = process.geteuid?.() === 0
  const missing = new Map<string, string>()
  for (const [program, pack] of Object.entries(isRoot ? PROGRAMS : { ...PROGRAMS, ...FOR_USERS }))
    if ((await findProgram(program, path)) === undefined) missing.set(program, pack)
  if (!(await allows(`${GRUB_FOLDER}/boot.img`, constants.R_OK))) missing.set('GRUB for BIOS', 'grub-pc-bin')
  if (missing.size > 0) {
    const names = [...missing.keys()].join(', ')
    return {
      why: `${names} ${missing.size === 1 ? 'is' : 'are'} not installed`,
      hint: `Install with: apt-get install --no-install-recommends ${[...new Set(missing.values())].join(' ')}`,
    }
  }
  return refusedNamespaces(path, isRoot, cancellation)
}

const FOR_ROOT = 'In a container, run it with the capability CAP_SYS_ADMIN'
const GIVE_IDS = 'Give this user IDs with: sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 "$USER"'
/** Limits of the kernel, of Debian's kernel, and of Ubuntu's since 23.10. */
const ALLOW =
  'Let users have namespaces: see sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone and kernel.apparmor_restrict_unprivileged_userns'

async function refusedNamespaces(
  path: string,
  isRoot: boolean,
  cancellation: Cancellation,
): Promise<BuildLack | undefined> {
  const [program, ...args] = plainInsideCommand(['true'])
  const { exitCode, stderr } = await runProgram(program, args, {
    env: { PATH: path, LC_ALL: 'C' },
    timeout: PROBE_LIMIT,
    signal: cancellation.signal,
  })
  cancellation.throwIfRequested()
  if (exitCode === 0) return undefined
  const reason = stderr.trim().split('\n', 1)[0] || 'unshare gave no reason'
  const hasNoIds = /\/etc\/sub[ug]id/.test(reason)
  return {
    why: `namespaces cannot be made: ${reason}`,
    hint: isRoot ? FOR_ROOT : `${hasNoIds ? GIVE_IDS : ALLOW}; or run vdc-manage with sudo`,
  }
}
