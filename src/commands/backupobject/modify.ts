import { BaseCommand } from '../../cli/command/base-command.ts'
import { objectChanges } from '../../cli/flags/backup-object.ts'
import * as flags from '../../cli/flags/common.ts'
import { noteNoChange } from '../../cli/flags/given.ts'
import { modifyObjects } from '../../registry/backup-object/modify.ts'

export default class BackupObjectModify extends BaseCommand {
  static override summary = 'Change backup objects; only the given values change.'
  static override description =
    'An empty value clears the description. Changes are recorded (see: vdc-manage image history). Deleted objects cannot be changed.'
  static override examples = [
    '<%= config.bin %> backupobject modify bo-k3x9q0bz --state available',
    '<%= config.bin %> backupobject modify bo-k3x9q0bz \\\n  --checksum "$(md5sum <lucid.raw.gz | cut -d" " -f1)"',
  ]
  static override exits = [0, 1, 2, 3, 4, 5, 6, 7, 9]
  static override args = {
    id: flags.someIds(flags.idsOrNames('Backup objects', 'bo-')),
  }
  static override flags = objectChanges

  async run(): Promise<void> {
    const { args, flags: options } = await this.parse(BackupObjectModify)
    const { quiet: _, ...given } = options
    await noteNoChange(given, BackupObjectModify.flags)
    await this.session.withRegistry((registry) =>
      this.answer.each(args.id, (ids) => modifyObjects(registry, ids, flags.byColumn(given))),
    )
  }
}
