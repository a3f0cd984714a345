import { BaseCommand } from '../../cli/base-command.ts'
import { OBJECT_COLUMNS } from '../../cli/columns/backup-object.ts'
import { list } from '../../cli/flags.ts'
import { listObjects } from '../../registry/backup-object/details.ts'

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
      this.printList(listObjects(registry, { deleted: given.all }), OBJECT_COLUMNS),
    )
  }
}
