import { Flags } from '@oclif/core'
import { BaseCommand } from '../../cli/command/base-command.ts'
import * as flags from '../../cli/flags/common.ts'
import type { Registry } from '../../registry/registry.ts'
import { migrateDatabase } from '../../registry/schema.ts'

export default class DbMigrate extends BaseCommand {
  static override summary = 'Bring the database schema up to date.'
  static override description =
    'Creates missing tables and the system accounts. Existing tables of Wakame-vdc are left unchanged. MySQL is migrated only by this command; SQLite is migrated by the first command that uses it.'
  static override examples = [
    '<%= config.bin %> db migrate',
    '<%= config.bin %> db status || <%= config.bin %> db migrate',
  ]
  static override exits = [0, 1, 2, 3, 5, 6, 7]
  static override flags = {
    unlock: Flags.boolean({ summary: 'First release the lock of a migration that was killed.' }),
    'dry-run': flags.dryRun(),
  }

  async run(): Promise<void> {
    const { flags: given } = await this.parse(DbMigrate)
    const migrate = (registry: Registry) => migrateDatabase(registry, { unlock: given.unlock })
    const applied = await this.session.withRegistry(migrate, { anySchema: true })
    if (this.session.isDryRun) {
      for (const id of applied) this.session.wouldDo({ action: 'migrate', id })
      return
    }
    await this.answer.note(applied.length === 0 ? 'Nothing to migrate' : `Migrated: ${applied.join(', ')}`)
    await this.answer.result({ applied })
  }
}
