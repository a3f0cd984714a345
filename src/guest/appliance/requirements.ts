import { constants, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { allows, findProgram } from '../../core/find-program.ts'
import { shellWord } from '../../core/shell-word.ts'

/** Why libguestfs cannot run here. */
interface Lack {
  /** Continues a sentence that starts with `libguestfs`. */
  why: string
  hint: string
}

/** What libguestfs needs on this host. */
export interface Requirements {
  /** Paths of the programs; undefined for those that are not installed. */
  guestfish: string | undefined
  qemu: string | undefined
  /** The kernel that the virtual machine boots; undefined if there is none, or libguestfs brings its own. */
  kernel: string | undefined
  /** Whether the virtual machine can read XFS; undefined if that is unknown. */
  readsXfs: boolean | undefined
  lack: Lack | undefined
}

const INSTALL =
  'Install it with: apt-get install --no-install-recommends libguestfs-tools qemu-system-x86 linux-image-cloud-amd64'
/** Folders with the parts of the virtual machine, by distribution. */
const PARTS = ['/usr/lib/x86_64-linux-gnu/guestfs', '/usr/lib64/guestfs', '/usr/lib/guestfs'].map((folder) =>
  join(folder, 'supermin.d'),
)
const MODULES = '/lib/modules'

/** Finds out whether libguestfs can run here, as far as that can be known without running it. */
export async function findRequirements(env: NodeJS.ProcessEnv): Promise<Requirements> {
  const guestfish = await findProgram('guestfish', env.PATH)
  const qemu = await findProgram('qemu-system-x86_64', env.PATH)
  const isOwn = env.LIBGUESTFS_PATH !== undefined
  const kernel = isOwn ? undefined : (env.SUPERMIN_KERNEL ?? (await newestKernel()))
  const found = { guestfish, qemu, kernel, readsXfs: isOwn ? undefined : await readsXfs() }
  return { ...found, lack: await lackOf(found, isOwn) }
}

async function lackOf(found: Omit<Requirements, 'lack'>, isOwn: boolean): Promise<Lack | undefined> {
  const { guestfish, qemu, kernel } = found
  if (guestfish === undefined) return { why: 'is not installed', hint: INSTALL }
  if (qemu === undefined) return { why: 'needs QEMU, which is not installed', hint: INSTALL }
  if (isOwn) return undefined
  if (kernel === undefined) return { why: 'needs a kernel, and /boot has none with modules', hint: INSTALL }
  if (await allows(kernel, constants.R_OK)) return undefined
  if (!(await allows(kernel, constants.F_OK)))
    return { why: `needs the kernel ${kernel}, which does not exist`, hint: 'Correct or unset SUPERMIN_KERNEL' }
  return {
    why: `needs a kernel that it may read, and ${kernel} is readable only by root`,
    hint: `Run: sudo dpkg-statoverride --update --add root root 0644 ${shellWord(kernel)}; or run vdc-manage with sudo`,
  }
}

/** Returns the kernel that supermin picks: the newest one that has modules. */
async function newestKernel(): Promise<string | undefined> {
  const modules = await namesIn(MODULES)
  const versions = (await namesIn('/boot'))
    .filter((name) => name.startsWith('vmlinuz-'))
    .map((name) => name.slice('vmlinuz-'.length))
    .filter((version) => modules.includes(version))
    .sort((one, other) => other.localeCompare(one, 'en', { numeric: true }))
  return versions[0] === undefined ? undefined : `/boot/vmlinuz-${versions[0]}`
}

/** XFS is a package of its own (libguestfs-xfs), which adds a list of packages to the virtual machine. */
async function readsXfs(): Promise<boolean | undefined> {
  const parts = (await Promise.all(PARTS.map(namesIn))).flat()
  return parts.length === 0 ? undefined : parts.some((name) => name.endsWith('xfs'))
}

function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => [])
}
