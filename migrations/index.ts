import type { Knex } from 'knex'
import * as accounts from './001_accounts.ts'
import * as images from './002_images.ts'
import * as backupObjects from './003_backup_objects.ts'
import * as backupStorages from './004_backup_storages.ts'
import * as histories from './005_histories.ts'
import * as resourceLabels from './006_resource_labels.ts'
import * as tags from './007_tags.ts'
import * as systemAccounts from './008_system_accounts.ts'
import * as purgedIds from './009_purged_ids.ts'

/**
 * One step of the schema. It runs where it is not recorded; `tables` and
 * `isInPlace` tell what it provides, so that a database which has that already,
 * because Wakame-vdc created it or a run was killed half-way, is left as it is.
 */
export interface Migration {
  /** The tables that it creates. */
  tables: readonly string[]
  up(knex: Knex): Promise<void>
  /** For what is more than tables: says whether it is there. */
  isInPlace?(knex: Knex): Promise<boolean>
}

/** All migrations in their order. Append only: a name, once released, stays. */
export const migrations: ReadonlyMap<string, Migration> = new Map<string, Migration>([
  ['001_accounts', accounts],
  ['002_images', images],
  ['003_backup_objects', backupObjects],
  ['004_backup_storages', backupStorages],
  ['005_histories', histories],
  ['006_resource_labels', resourceLabels],
  ['007_tags', tags],
  ['008_system_accounts', systemAccounts],
  ['009_purged_ids', purgedIds],
])
