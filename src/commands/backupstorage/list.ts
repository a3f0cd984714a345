import { STORAGE_COLUMNS } from '../../cli/answer/columns/backup-storage.ts'
import { BaseCommand } from '../../cli/command/base-command.ts'
import { storageList } from '../../cli/flags/backup-storage.ts'
import { byColumn } from '../../cli/flags/common.ts'
import { emptyList } from '../../cli/notes/empty-list.ts'
import { countStorages, listStorages } from '../../registry/backup-storage/list.ts'

export default class BackupStorageList extends BaseCommand {
  static override aliases = ['backupstorage:ls']
  static override summary = 'List backup storages.'
  static override examples = [
    '<%= config.bin %> backupstorage list',
    '<%= config.bin %> backupstorage list --json | jq -r \'.[] | "\\(.id) \\(.base_uri)"\'',
  ]
  static override description = 'Repeat an option marked with ... to match any of its values.'
  static override exits = [0, 1, 2, 3, 4, 5, 6, 7]
  static override flags = storageList

  async run(): Promise<void> {
    const { flags: given } = await this.parse(BackupStorageList)
    const request = byColumn(given)
    await this.session.withRegistry(async (registry) =>
      given.count
        ? this.answer.count(await countStorages(registry, request))
        : this.answer.list(
            (keys) => listStorages(registry, request, keys),
            STORAGE_COLUMNS,
            emptyList('backupstorage', given),
          ),
    )
  }
}
