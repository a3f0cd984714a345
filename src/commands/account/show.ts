import { BaseCommand } from '../../cli/base-command.ts'
import * as flags from '../../cli/flags.ts'
import { renderFields } from '../../cli/table.ts'
import { showAccount } from '../../registry/account/details.ts'

export default class AccountShow extends BaseCommand {
  static override summary = 'Show an account.'
  static override examples = [
    '<%= config.bin %> account show a-shpoolxx',
    '<%= config.bin %> account show a-shpoolxx --json | jq -r .enabled',
  ]
  static override exits = [0, 1, 2, 3, 4, 6, 7]
  static override args = { id: flags.oneId('Account; with or without a-.') }

  async run() {
    const { args } = await this.parse(AccountShow)
    const account = await this.withRegistry((registry) => showAccount(registry, args.id))
    await this.printText(renderFields(account))
    return account
  }
}
