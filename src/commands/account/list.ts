import { ACCOUNT_COLUMNS } from '../../cli/answer/columns/account.ts'
import { BaseCommand } from '../../cli/command/base-command.ts'
import { accountList } from '../../cli/flags/account.ts'
import { byColumn } from '../../cli/flags/common.ts'
import { emptyList } from '../../cli/notes/empty-list.ts'
import { countAccounts, listAccounts } from '../../registry/account/list.ts'

export default class AccountList extends BaseCommand {
  static override aliases = ['account:ls']
  static override summary = 'List accounts.'
  static override examples = [
    '<%= config.bin %> account list',
    '<%= config.bin %> account list --quiet | while read -r id; do\n  echo "$id $(<%= config.bin %> image list --account-id "$id" --count)"\ndone',
  ]
  static override exits = [0, 1, 2, 3, 4, 6, 7]
  static override flags = accountList

  async run(): Promise<void> {
    const { flags: given } = await this.parse(AccountList)
    const request = byColumn(given)
    await this.session.withRegistry(async (registry) =>
      given.count
        ? this.answer.count(await countAccounts(registry, request))
        : this.answer.list(
            (keys) => listAccounts(registry, request, keys),
            ACCOUNT_COLUMNS,
            emptyList('account', given),
          ),
    )
  }
}
