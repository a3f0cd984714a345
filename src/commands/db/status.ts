import { BaseCommand } from '../../cli/base-command.ts'
import { renderStatus } from '../../cli/database-report.ts'
import { databaseStatus, schemaLack } from '../../registry/schema.ts'

/** Exit code when something is pending. */
const MUST_BE_MIGRATED = 7

export default class DbStatus extends BaseCommand {
  static override summary = 'Show the database and what of its schema is there and what is pending.'
  static override description =
    'applied: run by db migrate. present: the tables are there, made by Wakame-vdc. pending: to be run by db migrate; then the exit code is 7. It is 7 as well where the schema of an older Wakame-vdc lacks columns, which its own rake db:up adds.'
  static override examples = [
    '<%= config.bin %> db status',
    '<%= config.bin %> db status || <%= config.bin %> db migrate',
  ]
  static override exits = [0, 1, 2, 3, 6, 7]

  async run() {
    await this.parse(DbStatus)
    const status = await this.withRegistry((registry) => databaseStatus(registry))
    const lack = schemaLack(status)
    if (status.pending > 0 || lack !== undefined) process.exitCode = MUST_BE_MIGRATED
    if (lack !== undefined) await this.noteWarning(lack)
    return this.printThing(status, await renderStatus(status))
  }
}
