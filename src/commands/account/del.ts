import { BaseCommand } from '../../cli/base-command.ts'
import * as flags from '../../cli/flags.ts'
import { deleteAccounts } from '../../registry/account/delete.ts'

export default class AccountDel extends BaseCommand {
  static override aliases = ['account:delete', 'account:rm']
  static override summary = 'Delete accounts; what they own stays.'
  static override description =
    'The rows stay and say that the account is deleted: its id is never used again. An account that owns images, and those of the system, are not deleted.'
  static override examples = [
    '<%= config.bin %> account del a-k3x9q0bz',
    '<%= config.bin %> image list --account-id a-k3x9q0bz --owned --quiet | xargs -r <%= config.bin %> image del && <%= config.bin %> account del a-k3x9q0bz',
  ]
  static override exits = [0, 1, 2, 3, 4, 5, 6, 7, 9]
  static override args = { id: flags.someIds('Account; with or without a-.') }
  static override flags = {
    force: flags.force('Also while it owns images; they stay as they are.'),
    'dry-run': flags.dryRun(),
  }

  async run() {
    const { args, flags: given } = await this.parse(AccountDel)
    return this.withRegistry((registry) =>
      this.forEachId(args.id, (ids) => deleteAccounts(registry, ids, { force: given.force })),
    )
  }
}
