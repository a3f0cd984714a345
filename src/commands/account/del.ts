import { BaseCommand } from '../../cli/command/base-command.ts'
import * as flags from '../../cli/flags/common.ts'
import { deleteAccounts } from '../../registry/account/delete.ts'

export default class AccountDel extends BaseCommand {
  static override aliases = ['account:delete', 'account:rm']
  static override summary = 'Delete accounts; their images are kept.'
  static override description =
    'Deleted accounts stay in the registry, so their IDs are never reused. System accounts and, without --force, accounts that own images cannot be deleted.'
  static override examples = [
    '<%= config.bin %> account del a-k3x9q0bz',
    '<%= config.bin %> image list --account-id a-k3x9q0bz --owned --quiet |\n  <%= config.bin %> image del -\n<%= config.bin %> account del a-k3x9q0bz',
  ]
  static override exits = [0, 1, 2, 3, 4, 5, 6, 7, 9]
  static override args = { id: flags.someIds('Accounts; the prefix a- is optional. Use - for IDs on stdin.') }
  static override flags = {
    force: flags.force('Delete accounts even if they own images, which are kept.'),
    quiet: flags.onlyIds(),
    'dry-run': flags.dryRun(),
  }

  async run(): Promise<void> {
    const { args, flags: given } = await this.parse(AccountDel)
    await this.session.withRegistry((registry) =>
      this.answer.each(args.id, (ids) => deleteAccounts(registry, ids, { force: given.force })),
    )
  }
}
