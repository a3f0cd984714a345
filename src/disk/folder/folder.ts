import { constants } from 'node:fs'
import { access, readFile, realpath, stat, statfs } from 'node:fs/promises'

/** A folder and its filesystem. */
export interface Folder {
  /** Real path. */
  path: string
  isReadable: boolean
  /** True if files can be created in it. */
  isWritable: boolean
  /** The type of the filesystem, for example ext4, and its device; undefined if the kernel does not report them. */
  mount: { type: string; device: string } | undefined
  /** Bytes available to this user. */
  free: bigint
  /** Bytes of the whole filesystem. */
  total: bigint
}

/**
 * Examines a folder. Writes nothing.
 *
 * @returns undefined if the path does not exist or is not a folder.
 * @throws Error of the system if it cannot be examined.
 */
export async function lookAtFolder(path: string): Promise<Folder | undefined> {
  const real = await realpath(path).catch((error) => {
    if (['ENOENT', 'ENOTDIR'].includes(error.code)) return undefined
    throw error
  })
  if (real === undefined || !(await stat(real)).isDirectory()) return undefined
  const { bavail, blocks, bsize } = await statfs(real, { bigint: true })
  return {
    path: real,
    isReadable: await allows(real, constants.R_OK | constants.X_OK),
    isWritable: await allows(real, constants.W_OK | constants.X_OK),
    mount: await mountOf(real),
    free: bavail * bsize,
    total: blocks * bsize,
  }
}

function allows(path: string, mode: number): Promise<boolean> {
  return access(path, mode).then(
    () => true,
    () => false,
  )
}

/** Finds the mount of a path: the last one with the longest mount point above the path (proc(5), mountinfo). */
async function mountOf(path: string): Promise<Folder['mount']> {
  const text = await readFile('/proc/self/mountinfo', 'utf8').catch(() => '')
  let found: { point: string; type: string; device: string } | undefined
  for (const line of text.split('\n')) {
    const [fields = '', rest = ''] = line.split(' - ')
    const point = unescaped(fields.split(' ')[4] ?? '')
    const [type = '', device = ''] = rest.split(' ').map(unescaped)
    const isAbove = point === '/' || point === path || path.startsWith(`${point}/`)
    if (point !== '' && isAbove && point.length >= (found?.point.length ?? 0)) found = { point, type, device }
  }
  return found && { type: found.type, device: found.device }
}

/** Decodes spaces and backslashes, which the kernel writes as octal numbers. */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
}
