import { BaseCommand } from '../../cli/base-command.ts'
import { ACCOUNT_COLUMNS } from '../../cli/columns/account.ts'
import * as flags from '../../cli/flags.ts'
import { listAccounts } from '../../registry/account/details.ts'

export default class AccountList extends BaseCommand {
  static override aliases = ['account:ls']
  static override summary = 'List the accounts, oldest first.'
  static override examples = [
    '<%= config.bin %> account list',
    '<%= config.bin %> account list --quiet | while read -r id; do echo "$id $(<%= config.bin %> image list --account-id "$id" --quiet | wc -l)"; done',
  ]
  static override exits = [0, 1, 2, 3, 6, 7]
  static override flags = { quiet: flags.quiet(), all: flags.deleted('accounts') }

  async run() {
    const { flags: given } = await this.parse(AccountList)
    return this.withRegistry((registry) =>
      this.printList(listAccounts(registry, { deleted: given.all }), ACCOUNT_COLUMNS),
    )
  }
}
