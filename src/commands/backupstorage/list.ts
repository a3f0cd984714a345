import { BaseCommand } from '../../cli/base-command.ts'
import { byColumn } from '../../cli/flags.ts'
import { storageList } from '../../cli/storage-flags.ts'
import type { Column } from '../../cli/table.ts'
import type { StorageDetails } from '../../registry/backup-storage/details.ts'
import { countStorages, listStorages } from '../../registry/backup-storage/list.ts'

const COLUMNS: Column<StorageDetails>[] = [
  { header: 'ID', cell: (storage) => storage.id },
  { header: 'NAME', cell: (storage) => storage.display_name },
  { header: 'TYPE', cell: (storage) => storage.storage_type },
  { header: 'STATE', cell: (storage) => (storage.deleted_at === null ? 'available' : 'deleted') },
  { header: 'NODE', cell: (storage) => storage.node_id },
  { header: 'BASE URI', cell: (storage) => storage.base_uri },
]

export default class BackupStorageList extends BaseCommand {
  static override aliases = ['backupstorage:ls']
  static override summary = 'List the backup storages, newest last or in another order.'
  static override examples = [
    '<%= config.bin %> backupstorage list',
    '<%= config.bin %> backupstorage list --json | jq -r \'.[] | "\\(.id) \\(.base_uri)"\'',
  ]
  static override description = 'What can be given several times means one of these values.'
  static override exits = [0, 1, 2, 3, 4, 6, 7]
  static override flags = storageList

  async run() {
    const { flags: given } = await this.parse(BackupStorageList)
    const request = byColumn(given)
    return this.withRegistry(async (registry) =>
      given.count
        ? this.printCount(await countStorages(registry, request))
        : this.printList(listStorages(registry, request), { columns: COLUMNS, idsOnly: given.quiet }),
    )
  }
}
