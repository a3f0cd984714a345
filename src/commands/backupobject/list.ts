import { BaseCommand } from '../../cli/base-command.ts'
import { byColumn } from '../../cli/flags.ts'
import { objectList } from '../../cli/object-flags.ts'
import { type Column, humanSize } from '../../cli/table.ts'
import { countObjects, listObjects, type ObjectSummary } from '../../registry/backup-object/list.ts'

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
  static override summary = 'List the backup objects, newest last or in another order.'
  static override examples = [
    '<%= config.bin %> backupobject list',
    '<%= config.bin %> backupobject list --storage-id bkst-local --sort size:desc --limit 10',
    '<%= config.bin %> backupobject list --json | jq -r \'.[] | "\\(.checksum)  \\(.uri)"\'',
  ]
  static override description = 'What can be given several times means one of these values.'
  static override exits = [0, 1, 2, 3, 4, 6, 7]
  static override flags = objectList

  async run() {
    const { flags: given } = await this.parse(BackupObjectList)
    const request = byColumn(given)
    return this.withRegistry(async (registry) =>
      given.count
        ? this.printCount(await countObjects(registry, request))
        : this.printList(listObjects(registry, request), { columns: COLUMNS, idsOnly: given.quiet }),
    )
  }
}
