import { type ObjectsToPurge, selectLocalObjectsToPurge } from '../../db/tables/purge.ts'
import type { BackupObjectRow } from '../../db/tables/rows.ts'
import { AllUsers } from '../backup-object/all-users.ts'
import { isDeleted } from '../backup-object/find.ts'
import type { Registry } from '../registry.ts'
import { deletedBefore } from './age.ts'
import { partsOf } from './batches.ts'
import { leftSince } from './left-objects.ts'
import { idOf } from './needed.ts'

/** The number of objects read at once. */
const PAGE = 500

/**
 * Reads the objects whose files a purge may remove, if no image needs them. Leaves out those that living images
 * use, and those that are not deleted and that an image used until recently.
 */
export async function* candidates(registry: Registry, selection: ObjectsToPurge): AsyncGenerator<BackupObjectRow[]> {
  const { knex } = registry.database
  // Most objects are used. Asking for each page of them would read all images again.
  const users = selection.unused ? await AllUsers.read(registry) : undefined
  const mayGo = (object: BackupObjectRow) => isDeleted(object) || users?.has(idOf(object)) === false
  for (const part of partsOf(selection)) {
    for (let after: number | undefined = 0; after !== undefined; ) {
      const page: BackupObjectRow[] = await selectLocalObjectsToPurge(knex, part, after, PAGE)
      const old = await deletedBefore(knex, 'backupObject', page.filter(mayGo), selection.before)
      const alive = old.filter((object) => !isDeleted(object)).map(idOf)
      const left = await leftSince(knex, alive, selection.before)
      const unused = old.filter((object) => !left.has(idOf(object)))
      if (unused.length > 0) yield unused
      after = page.at(-1)?.id
    }
  }
}
