import { removalsOf } from '../../prepare/removals.ts'
import { type GuestFiles, join } from '../../tree/guest-files.ts'
import type { GuestPath } from '../../tree/guest-path.ts'
import type { GuestCheck } from '../check.ts'
import { editsOf, type Found, findingsOf } from '../each.ts'
import { filledFile, inHomes } from './home-files.ts'

const NAMES = [
  '.ash_history',
  '.bash_history',
  '.history',
  '.ksh_history',
  '.lesshst',
  '.local/share/fish/fish_history',
  '.mysql_history',
  '.node_repl_history',
  '.psql_history',
  '.python_history',
  '.rediscli_history',
  '.sh_history',
  '.sqlite_history',
  '.viminfo',
  '.wget-hsts',
  '.zsh_history',
]

export const history: GuestCheck = {
  id: 'secret.history',
  severity: 'warning',
  requirement: 'There are no histories of shells and other programs.',
  looksAt: `in the home folders of all accounts: ${NAMES.map((name) => `\`${name}\``).join(', ')}`,
  remedy: 'Delete the file.',
  prepares: 'Deletes the files.',

  run({ files }) {
    return findingsOf(histories(files), ({ path }) => ({ message: 'histories are left', path }))
  },

  prepare({ files }) {
    return editsOf(histories(files), ({ named, home }) => removalsOf(files, named, home))
  },
}

interface History {
  /** Without links. */
  path: GuestPath
  named: GuestPath
  home: GuestPath
}

function histories(files: GuestFiles): AsyncGenerator<Found<History>> {
  return inHomes({ files }, async function* (home) {
    for (const name of NAMES) {
      const found = await filledFile(files, home, name)
      if (found !== undefined) yield { path: found.path, named: join(home, name), home }
    }
  })
}
