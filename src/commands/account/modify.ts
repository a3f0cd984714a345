import { Flags } from '@oclif/core'
import { BaseCommand } from '../../cli/base-command.ts'
import * as flags from '../../cli/flags.ts'
import { modifyAccounts } from '../../registry/account/modify.ts'

export default class AccountModify extends BaseCommand {
  static override summary = 'Change an account: only what is given changes.'
  static override description =
    'A disabled account keeps what it owns, and can own nothing new. An empty description clears it.'
  static override examples = [
    '<%= config.bin %> account modify a-k3x9q0bz --disable',
    "<%= config.bin %> account list --quiet | grep '^a-test' | xargs -rn1 <%= config.bin %> account modify --disable",
  ]
  static override exits = [0, 1, 2, 3, 4, 5, 6, 7, 9]
  static override args = { id: flags.someIds('Account; with or without a-.') }
  static override flags = {
    description: flags.description(),
    enable: Flags.boolean({ summary: 'Let it own images again.', exclusive: ['disable'] }),
    disable: Flags.boolean({ summary: 'Keep it from owning anything new.' }),
    'dry-run': flags.dryRun(),
  }

  async run() {
    const { args, flags: given } = await this.parse(AccountModify)
    await this.noteNoChange(given)
    const enabled = given.enable ? true : given.disable ? false : undefined
    return this.withRegistry((registry) =>
      this.forEachId(args.id, (ids) => modifyAccounts(registry, ids, { description: given.description, enabled })),
    )
  }
}
