/** Folders of the operating system. They and all folders below them never contain images. */
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

/** The image folder of Wakame-vdc's releases, an exception within a system folder. */
const WAKAME_IMAGES = '/usr/share/axsh/wakame-vdc/images'

/** Folders with too many other files to be image folders. Folders below them can be. */
const CROSSROADS = ['/', '/home', '/root', '/var', '/var/lib']

/**
 * Returns the system folder that a folder is or is in, for example `/etc` for `/etc/ssl`;
 * undefined if the folder may contain images.
 *
 * @param path absolute, without `.`, `..` and double slashes.
 */
export function systemFolderOf(path: string): string | undefined {
  const folder = path.length > 1 ? path.replace(/\/+$/, '') || '/' : path
  if (isIn(folder, WAKAME_IMAGES)) return undefined
  return TREES.find((tree) => isIn(folder, tree)) ?? CROSSROADS.find((each) => each === folder)
}

function isIn(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`)
}
