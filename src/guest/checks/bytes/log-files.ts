import { emptied, leftOver, removed } from './left-over.ts'

/** Names of logs that are not written any more: rotated, packed, or of one day, as those of sysstat. */
const OLD = /\.(?:gz|bz2|xz|zst|lz4|old|journal~?)$|\.\d+$|-\d{8}(?:[-T]?\d+)?$|^sar?\d+$/
/** The folder of the journal of one machine; systemd makes one for each. */
const JOURNAL = /^(journal\/[0-9a-f]{32})\//

export const logFiles = leftOver({
  id: 'log.files',
  what: 'log files are left',
  folders: [['/var/log']],
  requirement: 'Log files are empty, and there are no old ones.',
  remedy: 'Empty the files in /var/log, and delete *.gz and other old ones.',
  prepares: 'Empties the files, and deletes old ones and journals.',

  editOf(left) {
    const { path, below } = left
    const [, journal] = JOURNAL.exec(below) ?? []
    if (journal !== undefined)
      return { action: 'remove', path: path.slice(0, path.length - below.length) + journal, what: 'the journal' }
    return OLD.test(below.replace(/^.*\//s, '')) ? removed(left) : emptied(left)
  },
})
