import { BaseCommand } from '../../cli/command/base-command.ts'
import { newStorage } from '../../cli/flags/backup-storage.ts'
import * as flags from '../../cli/flags/common.ts'
import { addStorage } from '../../registry/backup-storage/add.ts'

export default class BackupStorageAdd extends BaseCommand {
  static override summary = 'Register a backup storage and print its ID.'
  static override description = 'A backup storage is a place where backup objects are stored, such as a folder.'
  static override examples = [
    '<%= config.bin %> backupstorage add --uuid bkst-local --display-name local \\\n  --base-uri file:///var/lib/wakame-vdc/images/ --storage-type local',
    'id=$(<%= config.bin %> backupstorage add --display-name nfs \\\n  --base-uri file:///srv/nfs/ --storage-type local)\n<%= config.bin %> backupobject add --from-file /srv/nfs/lucid.raw --storage-id "$id"',
  ]
  static override exits = [0, 1, 2, 3, 5, 6, 7]
  static override flags = { ...newStorage, quiet: flags.onlyIds(), 'dry-run': flags.dryRun() }

  async run(): Promise<void> {
    const { flags: given } = await this.parse(BackupStorageAdd)
    const storage = await this.session.withRegistry((registry) => addStorage(registry, flags.byColumn(given)))
    await this.answer.id(storage)
  }
}
