import { OBJECT_COLUMNS } from '../../cli/answer/columns/backup-object.ts'
import { BaseCommand } from '../../cli/command/base-command.ts'
import { objectList } from '../../cli/flags/backup-object.ts'
import { byColumn } from '../../cli/flags/common.ts'
import { emptyList } from '../../cli/notes/empty-list.ts'
import { countObjects, listObjects } from '../../registry/backup-object/list.ts'

export default class BackupObjectList extends BaseCommand {
  static override aliases = ['backupobject:ls']
  static override summary = 'List backup objects.'
  static override examples = [
    '<%= config.bin %> backupobject list',
    '<%= config.bin %> backupobject list --storage-id bkst-local --sort size:desc',
    '<%= config.bin %> backupobject list --json | jq -r \'.[] | "\\(.checksum)  \\(.uri)"\'',
  ]
  static override description = 'Repeat an option marked with ... to match any of its values.'
  static override exits = [0, 1, 2, 3, 4, 5, 6, 7]
  static override flags = objectList

  async run(): Promise<void> {
    const { flags: given } = await this.parse(BackupObjectList)
    const request = byColumn(given)
    await this.session.withRegistry(async (registry) =>
      given.count
        ? this.answer.count(await countObjects(registry, request))
        : this.answer.list(
            (keys) => listObjects(registry, request, keys),
            OBJECT_COLUMNS,
            emptyList('backupobject', given),
          ),
    )
  }
}
