import { BaseCommand } from '../../cli/base-command.ts'
import { list } from '../../cli/flags.ts'
import { type Column, humanSize } from '../../cli/table.ts'
import { listObjects, type ObjectSummary } from '../../registry/backup-object/details.ts'

const COLUMNS: Column<ObjectSummary>[] = [
  { header: 'ID', cell: (object) => object.id },
  { header: 'NAME', cell: (object) => object.display_name },
  { header: 'ACCOUNT', cell: (object) => object.account_id },
  { header: 'STORAGE', cell: (object) => object.backup_storage_id },
  { header: 'CONTAINER', cell: (object) => object.container_format },
  { header: 'SIZE', cell: (object) => humanSize(object.size) },
  { header: 'STATE', cell: (object) => object.state },
  { header: 'CREATED', cell: (object) => object.created_at },
  { header: 'CHECKSUM', cell: (object) => object.checksum },
]

export default class BackupObjectList extends BaseCommand {
  static override aliases = ['backupobject:ls']
  static override summary = 'List the backup objects, newest last.'
  static override examples = [
    '<%= config.bin %> backupobject list',
    '<%= config.bin %> backupobject list --json | jq -r \'.[] | "\\(.checksum)  \\(.uri)"\'',
  ]
  static override exits = [0, 1, 2, 3, 6, 7]
  static override flags = list('backup objects')

  async run() {
    const { flags: given } = await this.parse(BackupObjectList)
    return this.withRegistry((registry) =>
      this.printList(listObjects(registry, { deleted: given.all }), { columns: COLUMNS, idsOnly: given.quiet }),
    )
  }
}
