import { type GuestPath, nameOf } from '../../tree/guest-path.ts'
import { walk } from '../../tree/walk.ts'
import type { Finding, GuestCheck } from '../check.ts'
import { each } from '../each.ts'

/** What one of the checks of left-over files looks for. */
interface LeftOver {
  id: string
  /** What is wrong, such as `log files are left`. */
  what: string
  /** Folders in which files are left, and the names of those that count. Default: all files. */
  folders: readonly [folder: string, name?: RegExp][]
  requirement: string
  remedy: string
}

const KIB = 1024

/** Makes a check that notes how many files with how many bytes are left in some folders, one finding per folder. */
export function leftOver({ id, what, folders, requirement, remedy }: LeftOver): GuestCheck {
  return {
    id,
    severity: 'note',
    requirement,
    looksAt: folders.map(([folder]) => `\`${folder}\``).join(', '),
    remedy,

    run({ files }) {
      const seen = new Set<GuestPath>()
      return each(folders, async function* ([folder, name = /./s]) {
        const path = await files.leadsTo(folder)
        // /var/spool/mail is often a link to /var/mail.
        if (seen.has(path)) return
        seen.add(path)
        let count = 0
        let bytes = 0
        for await (const found of walk(files, folder)) {
          if (found.stat.size === 0 || !name.test(nameOf(found.path))) continue
          count++
          bytes += found.stat.size
        }
        if (count > 0) yield findingOf(what, folder, count, bytes)
      })
    },
  }
}

function findingOf(what: string, folder: string, count: number, bytes: number): Finding {
  return { message: what, path: folder, value: `${count} ${count === 1 ? 'file' : 'files'}, ${sizeOf(bytes)}` }
}

function sizeOf(bytes: number): string {
  if (bytes < KIB) return `${bytes} B`
  return bytes < KIB * KIB ? `${Math.round(bytes / KIB)} KiB` : `${Math.round(bytes / KIB / KIB)} MiB`
}
