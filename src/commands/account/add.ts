import { BaseCommand } from '../../cli/command/base-command.ts'
import * as flags from '../../cli/flags/common.ts'
import { addAccount } from '../../registry/account/add.ts'

export default class AccountAdd extends BaseCommand {
  static override summary = 'Create an account and print its ID.'
  static override examples = [
    '<%= config.bin %> account add --description "Team lucid"',
    'owner=$(<%= config.bin %> account add)\n<%= config.bin %> image add local lucid.raw --account-id "$owner"',
  ]
  static override exits = [0, 1, 2, 3, 5, 6, 7]
  static override flags = {
    uuid: flags.uuid('a-'),
    description: flags.description(),
    quiet: flags.onlyIds(),
    'dry-run': flags.dryRun(),
  }

  async run(): Promise<void> {
    const { flags: given } = await this.parse(AccountAdd)
    const account = await this.session.withRegistry((registry) => addAccount(registry, flags.byColumn(given)))
    await this.answer.id(account)
  }
}
