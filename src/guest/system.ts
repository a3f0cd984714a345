import { assignmentsIn } from './parsers/assignments.ts'
import { type GuestFiles, join } from './tree/guest-files.ts'
import { shown } from './tree/guest-path.ts'

/** The first process of a guest. */
type Init = 'systemd' | 'upstart' | 'sysvinit' | 'openrc' | 'busybox'

/** What a guest is. */
export interface GuestSystem {
  /** `none` if no operating system was found, `several` if more than one was, such as a dual boot. */
  kind: 'linux' | 'windows' | 'none' | 'several'
  /** The ID in os-release(5), such as debian or centos; null if unknown. */
  distribution: string | null
  /** The release, such as 12 or 6.10; null if unknown. */
  version: string | null
  /** Name and release for people; null if unknown. */
  name: string | null
  /** Null if unknown. */
  init: Init | null
  /** Folders in the tree that hold a system, if the root holds none. */
  folders: readonly string[]
}

const NOTHING = { distribution: null, version: null, name: null, init: null, folders: [] }
/** Programs of which a Linux system has at least one. */
const PROGRAMS = ['/sbin/init', '/bin/sh', '/bin/busybox', '/usr/bin/env', '/usr/lib/systemd/systemd']
/** Folders that are searched for a system if the root has none. */
const MOST_FOLDERS = 100
const LONGEST_TEXT = 100

/** Finds out what a guest is, by its files alone. */
export async function identify(files: GuestFiles): Promise<GuestSystem> {
  const isLinux = await hasLinux(files, '/')
  const isWindows = await hasWindows(files)
  if (isLinux && isWindows) return { ...NOTHING, kind: 'several' }
  if (isWindows) return { ...NOTHING, kind: 'windows', name: 'Windows' }
  if (isLinux) return { ...NOTHING, kind: 'linux', ...(await releaseOf(files)), init: await initOf(files) }
  const folders: string[] = []
  for (const name of (await files.names('/')).slice(0, MOST_FOLDERS))
    if (await hasLinux(files, `/${name}`)) folders.push(shown(`/${name}`))
  return { ...NOTHING, kind: folders.length > 1 ? 'several' : 'none', folders }
}

/** Returns true if a folder of a guest holds a Linux system. */
export async function hasLinux(files: GuestFiles, root: string): Promise<boolean> {
  if ((await files.find(join(root, 'etc')))?.stat.kind !== 'folder') return false
  // In a folder below, absolute links would lead astray.
  if (root !== '/') return (await files.findLink(join(root, 'etc/os-release'))) !== undefined
  for (const program of PROGRAMS) if ((await files.findLink(program)) !== undefined) return true
  return files.exists('/etc/os-release')
}

/** Returns true if the root of a guest holds Windows. */
export async function hasWindows(files: GuestFiles): Promise<boolean> {
  for (const windows of await files.matching('/', /^windows$/i))
    if ((await files.matching(windows, /^system32$/i)).length > 0) return true
  return false
}

type Release = Pick<GuestSystem, 'distribution' | 'version' | 'name'>

/** Files with one line that names the release, and an expression for it. */
const RELEASES: readonly [path: string, distribution: string, pattern: RegExp][] = [
  ['/etc/centos-release', 'centos', /release ([\d.]+)/],
  ['/etc/redhat-release', 'rhel', /release ([\d.]+)/],
  ['/etc/alpine-release', 'alpine', /^([\d.]+)/],
  ['/etc/debian_version', 'debian', /^(\S+)/],
]

async function releaseOf(files: GuestFiles): Promise<Release> {
  for (const path of ['/etc/os-release', '/usr/lib/os-release']) {
    const values = assignmentsIn((await files.text(path)) ?? '')
    const text = (name: string) => short(values.get(name)?.value)
    const distribution = text('ID')
    if (distribution === null) continue
    const version = text('VERSION_ID')
    return {
      distribution,
      version,
      name: text('PRETTY_NAME') ?? [text('NAME') ?? distribution, version].join(' ').trim(),
    }
  }
  for (const [path, distribution, pattern] of RELEASES) {
    const line = short((await files.text(path))?.split('\n')[0])
    if (line === null) continue
    const name = /^[\d./a-z]+$/.test(line) ? `${distribution} ${line}` : line
    const id = /^CentOS\b/.test(line) ? 'centos' : distribution
    return { distribution: id, version: pattern.exec(line)?.[1] ?? null, name }
  }
  return { distribution: null, version: null, name: null }
}

function short(text: string | undefined): string | null {
  const line = shown(text ?? '')
    .trim()
    .slice(0, LONGEST_TEXT)
  return line === '' ? null : line
}

async function initOf(files: GuestFiles): Promise<Init | null> {
  const real = await files.leadsTo('/sbin/init')
  if (/\/systemd$/.test(real)) return 'systemd'
  if (await files.exists('/sbin/openrc')) return 'openrc'
  if (/\/busybox$/.test(real)) return 'busybox'
  const isUpstart = (await files.matching('/etc/init', /\.conf$/)).length > 0 && (await files.isFile('/sbin/initctl'))
  if (isUpstart) return 'upstart'
  if (await files.exists('/sbin/init')) return (await files.exists('/etc/inittab')) ? 'sysvinit' : null
  return (await files.exists('/lib/systemd/systemd')) ? 'systemd' : null
}
