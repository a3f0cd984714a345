import { accountSections } from '../../cli/answer/views/account.ts'
import { BaseCommand } from '../../cli/command/base-command.ts'
import { oneByOne } from '../../cli/command/each-id.ts'
import { accountList } from '../../cli/flags/account.ts'
import * as flags from '../../cli/flags/common.ts'
import { refuseListOptions, withoutVerbose } from '../../cli/flags/given.ts'
import { showAccount } from '../../registry/account/details.ts'

export default class AccountShow extends BaseCommand {
  static override summary = 'Show accounts, with the number and size of their images.'
  static override description =
    'Without an ID, same as: vdc-manage account list. At a terminal, prints the fields that are set. With --json, one ID prints an object, several print an array; --array makes both an array.'
  static override examples = [
    '<%= config.bin %> account show a-shpoolxx',
    '<%= config.bin %> account show a-shpoolxx --json | jq -r .enabled',
  ]
  static override exits = [0, 1, 2, 3, 4, 6, 7, 9]
  static override args = { id: flags.anyIds('Accounts; the prefix a- is optional. Use - for IDs on stdin.') }
  static override flags = { ...accountList, verbose: flags.verbose() }

  async run(): Promise<void> {
    const { args, flags: given } = await this.parse(AccountShow)
    const { id } = args
    if (id === undefined) return this.program.runCommand('account:list', withoutVerbose(this.argv))
    refuseListOptions(given, accountList)
    await this.session.withRegistry((registry) =>
      this.answer.showSections(
        id,
        oneByOne((each) => showAccount(registry, each)),
        accountSections,
        { verbose: given.verbose },
      ),
    )
  }
}
