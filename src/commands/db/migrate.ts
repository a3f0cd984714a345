import { Flags } from '@oclif/core'
import { BaseCommand } from '../../cli/base-command.ts'
import * as flags from '../../cli/flags.ts'
import { migrateDatabase } from '../../registry/schema.ts'

export default class DbMigrate extends BaseCommand {
  static override summary = 'Bring the schema of the database up to date.'
  static override description =
    'Creates the tables that are missing and the accounts of the system. On a database that Wakame-vdc created, what exists stays as it is. MySQL is migrated by this command alone; SQLite is migrated by whichever command comes first.'
  static override examples = [
    '<%= config.bin %> db migrate',
    '<%= config.bin %> db status || <%= config.bin %> db migrate',
  ]
  static override exits = [0, 1, 2, 3, 5, 6, 7]
  static override flags = {
    unlock: Flags.boolean({ summary: 'First free the lock that a killed migration left.' }),
    'dry-run': flags.dryRun(),
  }

  protected override readonly worksOnAnySchema = true

  async run() {
    const { flags: given } = await this.parse(DbMigrate)
    const applied = await this.withRegistry((registry) => migrateDatabase(registry, { unlock: given.unlock }))
    if (this.isDryRun) {
      for (const id of applied) this.wouldDo({ action: 'migrate', id })
      return
    }
    await this.note(applied.length === 0 ? 'Nothing to migrate' : `Migrated: ${applied.join(', ')}`)
    return { applied }
  }
}
