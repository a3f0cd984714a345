import { BaseCommand } from '../../cli/base-command.ts'
import { list } from '../../cli/flags.ts'
import type { Column } from '../../cli/table.ts'
import { listStorages, type StorageDetails } from '../../registry/backup-storage/details.ts'

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
      this.printList(listStorages(registry, { deleted: given.all }), { columns: COLUMNS, idsOnly: given.quiet }),
    )
  }
}
