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
 * A migration. It runs if it is not recorded as done and the database lacks what it
 * provides (`tables` and `isInPlace`). Wakame-vdc, or a run that was killed, may have
 * created that already.
 */
export interface Migration {
  /** The tables that must exist after it. */
  tables: readonly string[]
  up(knex: Knex): Promise<void>
  /** Returns true if the database has what the migration provides besides tables. */
  isInPlace?(knex: Knex): Promise<boolean>
}

/** All migrations in the order in which they run. Append-only: released names never change. */
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
