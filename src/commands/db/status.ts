import { renderStatus } from '../../cli/answer/views/database.ts'
import { BaseCommand } from '../../cli/command/base-command.ts'
import { databaseStatus, schemaLack } from '../../registry/schema.ts'

/** Exit code if migrations are pending or columns are missing. */
const MUST_BE_MIGRATED = 7

export default class DbStatus extends BaseCommand {
  static override summary = 'Show the database and the state of its schema.'
  static override description =
    'Migrations are applied (run by db migrate), present (their tables were created by Wakame-vdc) or pending (to be run by db migrate). The exit code is 7 if any is pending, or if columns are missing because the schema is of an older Wakame-vdc; its rake db:up adds them.'
  static override examples = [
    '<%= config.bin %> db status',
    '<%= config.bin %> db status || <%= config.bin %> db migrate',
  ]
  static override exits = [0, 1, 2, 3, 6, 7]

  async run(): Promise<void> {
    await this.parse(DbStatus)
    const status = await this.session.withRegistry((registry) => databaseStatus(registry))
    const lack = schemaLack(status)
    if (status.pending > 0 || lack !== undefined) process.exitCode = MUST_BE_MIGRATED
    if (lack !== undefined) await this.answer.warning(lack)
    await this.answer.thing(status, await renderStatus(status))
  }
}
