import type { Cancellation } from '../../disk/watcher.ts'
import { folderOf, type GuestPath, nameOf, shown } from './guest-path.ts'
import type { GuestStat, GuestTree } from './guest-tree.ts'
import { Undecided, Unreadable } from './undecided.ts'

/** Limits on what is read of a guest, none of which depends on what the guest claims. */
export interface GuestLimits {
  /** Links that are followed in one path, as in the kernel (path_resolution(7)). */
  links: number
  /** Names in a folder. */
  names: number
  /** Bytes of a text file. */
  text: number
  /** Bytes of all text files together. */
  texts: number
  /** Questions to the source. */
  steps: number
}

const LIMITS: GuestLimits = { links: 40, names: 10_000, text: 1 << 20, texts: 64 << 20, steps: 200_000 }
/** Characters of the longest path that is resolved (PATH_MAX). */
const LONGEST_PATH = 4096

/** A file or folder of a guest. `path` has no links. */
export interface FoundFile {
  path: GuestPath
  stat: GuestStat
}

/** Where a path leads. */
interface Place {
  path: GuestPath
  /** undefined if nothing is there. */
  stat: GuestStat | undefined
}

/**
 * The files of a guest as its own programs would see them: links are followed, but only inside the
 * guest. An absolute link starts at the root of the guest, and `..` in the root leads to the root.
 * Answers are kept, because many checks ask the same.
 *
 * All functions throw Unreadable if the answer is unknown: a loop of links, a limit, an error of the source.
 */
export class GuestFiles {
  readonly #tree: GuestTree
  readonly #cancellation: Pick<Cancellation, 'throwIfRequested'> | undefined
  readonly #limits: GuestLimits
  readonly #stats = new Map<GuestPath, Promise<GuestStat | undefined>>()
  readonly #places = new Map<GuestPath, Promise<Place>>()
  readonly #names = new Map<GuestPath, Promise<string[]>>()
  readonly #texts = new Map<GuestPath, Promise<string>>()
  #steps = 0
  #bytes = 0

  constructor(
    tree: GuestTree,
    cancellation?: Pick<Cancellation, 'throwIfRequested'>,
    limits: Partial<GuestLimits> = {},
  ) {
    this.#tree = tree
    this.#cancellation = cancellation
    this.#limits = { ...LIMITS, ...limits }
  }

  /** Finds what a path leads to; undefined if nothing is there. */
  async find(path: GuestPath): Promise<FoundFile | undefined> {
    const { path: real, stat } = await this.#follow(path)
    return stat && { path: real, stat }
  }

  /** Finds a path, but does not follow a link that the path itself is. */
  async findLink(path: GuestPath): Promise<FoundFile | undefined> {
    const folder = await this.find(folderOf(path))
    if (folder?.stat.kind !== 'folder') return undefined
    const real = join(folder.path, nameOf(path))
    const stat = await this.#lstat(real)
    return stat && { path: real, stat }
  }

  /** Returns the path without links that a path leads to, even if nothing is there. */
  async leadsTo(path: GuestPath): Promise<GuestPath> {
    return (await this.#follow(path)).path
  }

  /**
   * Returns a path whose folders have no links, even if nothing is there. Its last name may be a link: whoever
   * makes a file there replaces it.
   */
  async placeFor(path: GuestPath): Promise<GuestPath> {
    return join(await this.leadsTo(folderOf(path)), nameOf(path))
  }

  /**
   * Returns the path without links of the file that a path leads to, or of the one that can be made there.
   *
   * @throws Undecided if the path leads to anything else, such as /dev/null.
   */
  async fileFor(path: GuestPath): Promise<GuestPath> {
    const { path: real, stat } = await this.#follow(path)
    const kind = real === '/dev/null' ? 'device' : stat?.kind
    if (kind !== undefined && kind !== 'file') throw new Undecided(`${shown(path)} is a ${kind}, not a file`)
    return real
  }

  /** Returns true if a path leads to a file, folder or anything else. */
  async exists(path: GuestPath): Promise<boolean> {
    return (await this.find(path)) !== undefined
  }

  /** Returns true if a path leads to a regular file. */
  async isFile(path: GuestPath): Promise<boolean> {
    return (await this.find(path))?.stat.kind === 'file'
  }

  /**
   * Returns the text of a file, one character per byte; undefined if it does not exist. A link to
   * /dev/null is an empty file, also in a guest without devices.
   */
  async text(path: GuestPath): Promise<string | undefined> {
    const { path: real, stat } = await this.#follow(path)
    if (real === '/dev/null') return ''
    if (stat === undefined) return undefined
    if (stat.kind !== 'file') throw new Unreadable(`${shown(path)} is a ${stat.kind}, not a file`)
    return kept(this.#texts, real, () => this.#read(real))
  }

  /** Returns the start of a file, one character per byte, at most `limit` bytes. */
  async start(found: FoundFile, limit: number): Promise<string> {
    return (await this.bytes(found, limit)).toString('latin1')
  }

  /** Returns the start of a file, at most `limit` bytes. They are not kept. */
  async bytes(found: FoundFile, limit: number): Promise<Buffer> {
    if (found.stat.kind !== 'file') throw new Unreadable(`${shown(found.path)} is a ${found.stat.kind}, not a file`)
    this.#step()
    return (await this.#tree.read(found.path, limit)).subarray(0, limit)
  }

  /** Returns the names in a folder, sorted; none if there is no such folder. */
  async names(path: GuestPath): Promise<readonly string[]> {
    const { path: real, stat } = await this.#follow(path)
    if (stat?.kind !== 'folder') return []
    return kept(this.#names, real, () => this.#list(real))
  }

  /** Returns the paths of the files in a folder whose names match, in the order of their names. */
  async matching(folder: GuestPath, pattern: RegExp): Promise<GuestPath[]> {
    return (await this.names(folder)).filter((name) => pattern.test(name)).map((name) => join(folder, name))
  }

  async #read(path: GuestPath): Promise<string> {
    const { text: most, texts } = this.#limits
    this.#step()
    const bytes = await this.#tree.read(path, most + 1)
    if (bytes.length > most) throw new Unreadable(`${shown(path)} is longer than ${most} bytes`)
    this.#bytes += bytes.length
    if (this.#bytes > texts) throw new Unreadable(`the configuration files are longer than ${texts} bytes together`)
    return bytes.toString('latin1')
  }

  async #list(path: GuestPath): Promise<string[]> {
    const most = this.#limits.names
    this.#step()
    const names = (await this.#tree.list(path, most + 1)) ?? []
    if (names.length > most) throw new Unreadable(`${shown(path)} has more than ${most} names`)
    return names.filter((name) => !/^\.{0,2}$|[/\0]/.test(name)).sort()
  }

  #lstat(path: GuestPath): Promise<GuestStat | undefined> {
    return kept(this.#stats, path, () => {
      this.#step()
      return this.#tree.lstat(path)
    })
  }

  #follow(path: GuestPath): Promise<Place> {
    return kept(this.#places, path, () => this.#resolve(path))
  }

  async #resolve(path: GuestPath): Promise<Place> {
    const rest = path.split('/')
    let at: Place = { path: '/', stat: await this.#lstat('/') }
    let links = 0
    while (rest.length > 0) {
      const name = rest.shift() as string
      if (name === '' || name === '.') continue
      if (name === '..') {
        at = await this.#place(folderOf(at.path))
        continue
      }
      // What is below a file or below nothing is nowhere.
      if (at.stat?.kind !== 'folder') {
        at = { path: join(at.path, name), stat: undefined }
        continue
      }
      const next = await this.#place(join(at.path, name))
      if (next.stat?.kind !== 'link') {
        at = next
        continue
      }
      if (++links > this.#limits.links) throw new Unreadable(`${shown(path)} leads through a loop of links`)
      const target = await this.#readlink(next.path)
      rest.unshift(...target.split('/'))
      if (target.startsWith('/')) at = await this.#place('/')
    }
    return at
  }

  async #place(path: GuestPath): Promise<Place> {
    if (path.length > LONGEST_PATH) throw new Unreadable(`a path is longer than ${LONGEST_PATH} bytes`)
    return { path, stat: await this.#lstat(path) }
  }

  async #readlink(path: GuestPath): Promise<string> {
    this.#step()
    const target = await this.#tree.readlink(path)
    if (target.length > LONGEST_PATH || target.includes('\0')) throw new Unreadable(`${shown(path)} is damaged`)
    return target
  }

  #step(): void {
    this.#cancellation?.throwIfRequested()
    if (++this.#steps > this.#limits.steps) throw new Unreadable('the guest has too many files to look at')
  }
}

/** Returns the path of a name in a folder. */
export function join(folder: GuestPath, name: string): GuestPath {
  return folder === '/' ? `/${name}` : `${folder}/${name}`
}

function kept<T>(answers: Map<string, Promise<T>>, key: string, ask: () => Promise<T>): Promise<T> {
  const known = answers.get(key)
  if (known !== undefined) return known
  const answer = ask()
  answers.set(key, answer)
  // Whoever asks gets the error; nobody asking must not end the process.
  answer.catch(() => {})
  return answer
}
