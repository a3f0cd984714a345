import { Flags } from '@oclif/core'
import { BaseCommand } from '../../cli/command/base-command.ts'
import * as flags from '../../cli/flags/common.ts'
import { noteNoChange } from '../../cli/flags/given.ts'
import { modifyAccounts } from '../../registry/account/modify.ts'

export default class AccountModify extends BaseCommand {
  static override summary = 'Change accounts; only the given values change.'
  static override description =
    'A disabled account keeps what it owns, but cannot own anything new. An empty value clears the description.'
  static override examples = [
    '<%= config.bin %> account modify a-k3x9q0bz --disable',
    "<%= config.bin %> account list --quiet | grep '^a-test' |\n  <%= config.bin %> account modify - --disable",
  ]
  static override exits = [0, 1, 2, 3, 4, 5, 6, 7, 9]
  static override args = { id: flags.someIds('Accounts; the prefix a- is optional. Use - for IDs on stdin.') }
  static override flags = {
    description: flags.description(),
    enable: Flags.boolean({ summary: 'Let the account own new images again.', exclusive: ['disable'] }),
    disable: Flags.boolean({ summary: 'Prevent the account from owning anything new.' }),
    quiet: flags.onlyIds(),
    'dry-run': flags.dryRun(),
  }

  async run(): Promise<void> {
    const { args, flags: given } = await this.parse(AccountModify)
    await noteNoChange(given, AccountModify.flags)
    const enabled = given.enable || given.disable ? given.enable === true : undefined
    await this.session.withRegistry((registry) =>
      this.answer.each(args.id, (ids) => modifyAccounts(registry, ids, { description: given.description, enabled })),
    )
  }
}
