import { BaseCommand } from '../../cli/base-command.ts'
import * as flags from '../../cli/flags.ts'
import { oneByOne } from '../../cli/one-by-one.ts'
import { storageList } from '../../cli/storage-flags.ts'
import { showStorage } from '../../registry/backup-storage/details.ts'

export default class BackupStorageShow extends BaseCommand {
  static override summary = 'Show all of a backup storage.'
  static override description =
    'Without an id it is backupstorage list, with the options of that. With --json one id gives an object, several an array.'
  static override examples = [
    '<%= config.bin %> backupstorage show bkst-local',
    '<%= config.bin %> backupstorage show bkst-local --json | jq -r .base_uri',
  ]
  static override exits = [0, 1, 2, 3, 4, 6, 7, 9]
  static override args = { id: flags.anyIds('Backup storage; with or without bkst-.') }
  static override flags = storageList

  async run() {
    const { args, flags: given } = await this.parse(BackupStorageShow)
    return this.showOrList(args.id, given, { id: 'backupstorage:list', options: storageList }, (registry, ids) =>
      oneByOne((id) => showStorage(registry, id))(ids),
    )
  }
}
