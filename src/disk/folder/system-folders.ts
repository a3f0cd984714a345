/** Folders of the operating system: they and everything below them never hold images. */
const TREES = [
  '/bin',
  '/boot',
  '/dev',
  '/etc',
  '/lib',
  '/lib32',
  '/lib64',
  '/libx32',
  '/proc',
  '/run',
  '/sbin',
  '/sys',
  '/usr',
  '/var/log',
  '/var/run',
  '/var/spool',
]

/** Where releases of Wakame-vdc keep images, though it is in a system folder. */
const WAKAME_IMAGES = '/usr/share/axsh/wakame-vdc/images'

/** Folders that hold much more than images could: folders below them may be image storage, they themselves may not. */
const CROSSROADS = ['/', '/home', '/root', '/var', '/var/lib']

/**
 * The system folder that a folder is or lies in, such as `/etc` for `/etc/ssl`.
 *
 * @param path absolute, without `.`, `..` and double slashes.
 * @returns undefined if images may lie there.
 */
export function systemFolderOf(path: string): string | undefined {
  const folder = path.length > 1 ? path.replace(/\/+$/, '') || '/' : path
  if (isIn(folder, WAKAME_IMAGES)) return undefined
  return TREES.find((tree) => isIn(folder, tree)) ?? CROSSROADS.find((each) => each === folder)
}

function isIn(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`)
}
