import { BaseCommand } from '../../cli/command/base-command.ts'
import { toldOneByOne } from '../../cli/command/each-id.ts'
import * as flags from '../../cli/flags/common.ts'
import { deleteStorage } from '../../registry/backup-storage/delete.ts'

export default class BackupStorageDel extends BaseCommand {
  static override aliases = ['backupstorage:delete', 'backupstorage:rm']
  static override summary = 'Delete backup storages; their files are kept.'
  static override description =
    'Deleted storages stay in the registry, so their IDs are never reused. Without --force, a storage that holds backup objects cannot be deleted.'
  static override examples = [
    '<%= config.bin %> backupstorage del bkst-k3x9q0bz',
    '<%= config.bin %> backupobject del bo-k3x9q0bz &&\n  <%= config.bin %> backupstorage del bkst-k3x9q0bz',
  ]
  static override exits = [0, 1, 2, 3, 4, 5, 6, 7, 9]
  static override args = {
    id: flags.someIds(flags.idsOrNames('Backup storages', 'bkst-')),
  }
  static override flags = {
    force: flags.force('Delete even those with backup objects, which become unreachable.'),
    quiet: flags.onlyIds(),
    'dry-run': flags.dryRun(),
  }

  async run(): Promise<void> {
    const { args, flags: given } = await this.parse(BackupStorageDel)
    await this.session.withRegistry((registry) =>
      this.answer.each(
        args.id,
        toldOneByOne((id) => deleteStorage(registry, id, { force: given.force })),
      ),
    )
  }
}
