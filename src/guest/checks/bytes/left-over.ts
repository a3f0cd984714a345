import type { Edit } from '../../prepare/edit.ts'
import type { FoundFile, GuestFiles } from '../../tree/guest-files.ts'
import { type GuestPath, nameOf } from '../../tree/guest-path.ts'
import { Undecided } from '../../tree/undecided.ts'
import { walk } from '../../tree/walk.ts'
import type { Finding, GuestCheck } from '../check.ts'
import { each, editsOf, type Found, unknownBy } from '../each.ts'

/** A folder in which files are left, and the names of those that count. Default: all files. */
type Folder = readonly [folder: GuestPath, name?: RegExp]

/** What one of the checks of left-over files looks for. */
interface LeftOver {
  id: string
  /** What is wrong, such as `log files are left`. */
  what: string
  folders: readonly Folder[]
  requirement: string
  remedy: string
  prepares: string
  /** Returns the edit that remedies a file. Default: it is removed. */
  editOf?: (left: LeftFile) => Edit
}

/** A file that is left. */
interface LeftFile extends FoundFile {
  /** The folder, as it is named. */
  folder: GuestPath
  /** The path from the folder to the file, without links. */
  below: string
}

const KIB = 1024

/** Makes a check that notes how many files with how many bytes are left in some folders, one finding per folder. */
export function leftOver({ what, folders, editOf = removed, ...check }: LeftOver): GuestCheck {
  return {
    ...check,
    severity: 'note',
    looksAt: folders.map(([folder]) => `\`${folder}\``).join(', '),

    async *run({ files }) {
      const totals = new Map<GuestPath, { count: number; bytes: number }>()
      for await (const left of filesIn(files, folders)) {
        if (left instanceof Undecided) {
          yield unknownBy(left)
          continue
        }
        const { count, bytes } = totals.get(left.folder) ?? { count: 0, bytes: 0 }
        totals.set(left.folder, { count: count + 1, bytes: bytes + left.stat.size })
      }
      for (const [folder, { count, bytes }] of totals) yield findingOf(what, folder, count, bytes)
    },

    prepare({ files }) {
      return editsOf(filesIn(files, folders), (left) => [editOf(left)])
    },
  }
}

/** Returns the edit that removes what a file is in: the file or folder right below the folder in which files are left. */
export function removedWhole({ path, below }: LeftFile): Edit {
  const start = path.slice(0, path.length - below.length)
  return { action: 'remove', path: start + below.replace(/\/.*$/s, '') }
}

/** Returns the edit that empties a file. Its owner and mode stay. */
export function emptied({ path }: LeftFile): Edit {
  return { action: 'write', path, text: '', what: 'empty' }
}

/** Returns the edit that removes a file. */
export function removed({ path }: LeftFile): Edit {
  return { action: 'remove', path }
}

function filesIn(files: GuestFiles, folders: readonly Folder[]): AsyncGenerator<Found<LeftFile>> {
  const seen = new Set<GuestPath>()
  return each(folders, async function* ([folder, name = /./s]) {
    const start = await files.leadsTo(folder)
    // /var/spool/mail is often a link to /var/mail.
    if (seen.has(start)) return
    seen.add(start)
    for await (const { path, stat } of walk(files, folder))
      if (stat.size > 0 && name.test(nameOf(path))) yield { path, stat, folder, below: path.slice(start.length + 1) }
  })
}

function findingOf(what: string, folder: string, count: number, bytes: number): Finding {
  return { message: what, path: folder, value: `${count} ${count === 1 ? 'file' : 'files'}, ${sizeOf(bytes)}` }
}

function sizeOf(bytes: number): string {
  if (bytes < KIB) return `${bytes} B`
  return bytes < KIB * KIB ? `${Math.round(bytes / KIB)} KiB` : `${Math.round(bytes / KIB / KIB)} MiB`
}
