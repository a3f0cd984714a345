import { BaseCommand } from '../../cli/base-command.ts'
import { STORAGE_COLUMNS } from '../../cli/columns/backup-storage.ts'
import { list } from '../../cli/flags.ts'
import { listStorages } from '../../registry/backup-storage/details.ts'

export default class BackupStorageList extends BaseCommand {
  static override aliases = ['backupstorage:ls']
  static override summary = 'List the backup storages, newest last.'
  static override examples = [
    '<%= config.bin %> backupstorage list',
    '<%= config.bin %> backupstorage list --json | jq -r \'.[] | "\\(.id) \\(.base_uri)"\'',
  ]
  static override exits = [0, 1, 2, 3, 6, 7]
  static override flags = list('backup storages')

  async run() {
    const { flags: given } = await this.parse(BackupStorageList)
    return this.withRegistry((registry) =>
      this.printList(listStorages(registry, { deleted: given.all }), STORAGE_COLUMNS),
    )
  }
}
