import { constants } from 'node:fs'
import { access, readFile, realpath, stat, statfs } from 'node:fs/promises'

/** A folder and what it lies on. */
export interface Folder {
  /** With links resolved. */
  path: string
  isReadable: boolean
  /** Whether files can be made in it, and the filesystem is not mounted to read only. */
  isWritable: boolean
  /** The type of the filesystem, such as ext4, and what it is mounted from; undefined where the kernel does not tell. */
  mount: { type: string; device: string } | undefined
  /** Bytes that are free for this user, and those of the whole filesystem. */
  free: bigint
  total: bigint
}

/**
 * Looks at a folder, and writes nothing.
 *
 * @returns undefined where there is no such folder, or something that is none.
 * @throws Error of the system where it can't be looked at.
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

/** What a path is mounted from: the last of the longest mount points that it is below (proc(5), mountinfo). */
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

/** The kernel writes blanks and backslashes as octal numbers. */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
}
