import { BaseCommand } from '../../cli/base-command.ts'
import * as flags from '../../cli/flags.ts'
import { showAccount } from '../../registry/account/details.ts'

export default class AccountShow extends BaseCommand {
  static override summary = 'Show an account.'
  static override examples = [
    '<%= config.bin %> account show a-shpoolxx',
    '<%= config.bin %> account show a-shpoolxx --json | jq -r .enabled',
  ]
  static override exits = [0, 1, 2, 3, 4, 6, 7, 9]
  static override args = { id: flags.someIds('Account; with or without a-.') }

  async run() {
    const { args } = await this.parse(AccountShow)
    return this.withRegistry((registry) => this.forEachId(args.id, (id) => showAccount(registry, id), { shows: true }))
  }
}
