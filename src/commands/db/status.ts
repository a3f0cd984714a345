import { BaseCommand } from '../../cli/base-command.ts'
import { renderStatus } from '../../cli/database-report.ts'
import { databaseStatus } from '../../registry/schema.ts'

/** Exit code when something is pending. */
const MUST_BE_MIGRATED = 7

export default class DbStatus extends BaseCommand {
  static override summary = 'Show the database and what of its schema is there and what is pending.'
  static override description =
    'applied: run by db migrate. present: the tables are there, made by Wakame-vdc. pending: to be run by db migrate; then the exit code is 7.'
  static override examples = [
    '<%= config.bin %> db status',
    '<%= config.bin %> db status || <%= config.bin %> db migrate',
  ]
  static override exits = [0, 1, 2, 3, 6, 7]

  async run() {
    await this.parse(DbStatus)
    const status = await this.withRegistry((registry) => databaseStatus(registry))
    if (status.pending > 0) process.exitCode = MUST_BE_MIGRATED
    return this.printThing(status, await renderStatus(status))
  }
}
