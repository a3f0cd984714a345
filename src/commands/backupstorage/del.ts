import { BaseCommand } from '../../cli/base-command.ts'
import * as flags from '../../cli/flags.ts'
import { oneByOne } from '../../cli/one-by-one.ts'
import { deleteStorage } from '../../registry/backup-storage/delete.ts'

export default class BackupStorageDel extends BaseCommand {
  static override aliases = ['backupstorage:delete', 'backupstorage:rm']
  static override summary = 'Delete backup storages; their files stay.'
  static override description =
    'The rows stay and say that the storage is deleted: its id is never used again. A storage that holds backup objects is not deleted.'
  static override examples = [
    '<%= config.bin %> backupstorage del bkst-k3x9q0bz',
    '<%= config.bin %> backupobject del bo-k3x9q0bz && <%= config.bin %> backupstorage del bkst-k3x9q0bz',
  ]
  static override exits = [0, 1, 2, 3, 4, 5, 6, 7, 9]
  static override args = { id: flags.someIds('Backup storage; with or without bkst-.') }
  static override flags = {
    force: flags.force('Also while backup objects are in it; nobody finds them then.'),
    'dry-run': flags.dryRun(),
  }

  async run() {
    const { args, flags: given } = await this.parse(BackupStorageDel)
    return this.withRegistry((registry) =>
      this.forEachId(
        args.id,
        oneByOne((id) => deleteStorage(registry, id, { force: given.force })),
      ),
    )
  }
}
