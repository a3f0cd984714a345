import { BaseCommand } from '../../cli/base-command.ts'
import * as flags from '../../cli/flags.ts'
import { objectList } from '../../cli/object-flags.ts'
import { showObjects } from '../../registry/backup-object/details.ts'

export default class BackupObjectShow extends BaseCommand {
  static override summary = 'Show all of a backup object: storage, URI, sizes, checksums and labels.'
  static override description =
    'Without an id it is backupobject list, with the options of that. With --json one id gives an object, several an array.'
  static override examples = [
    '<%= config.bin %> backupobject show bo-k3x9q0bz',
    '<%= config.bin %> backupobject show bo-k3x9q0bz --json | jq -r .uri',
  ]
  static override exits = [0, 1, 2, 3, 4, 6, 7, 9]
  static override args = { id: flags.anyIds('Backup object; with or without bo-.') }
  static override flags = objectList

  async run() {
    const { args, flags: given } = await this.parse(BackupObjectShow)
    return this.showOrList(args.id, given, { id: 'backupobject:list', options: objectList }, showObjects)
  }
}
