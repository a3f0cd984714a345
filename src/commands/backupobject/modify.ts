import { BaseCommand } from '../../cli/base-command.ts'
import * as flags from '../../cli/flags.ts'
import { objectChanges } from '../../cli/object-flags.ts'
import { modifyObjects } from '../../registry/backup-object/modify.ts'

export default class BackupObjectModify extends BaseCommand {
  static override summary = 'Change a backup object: only what is given changes.'
  static override description =
    'An empty description clears it. What changed is in image history. A deleted object can not be changed.'
  static override examples = [
    '<%= config.bin %> backupobject modify bo-k3x9q0bz --state available',
    '<%= config.bin %> backupobject modify bo-k3x9q0bz --checksum "$(md5sum <lucid.raw.gz | cut -d" " -f1)"',
  ]
  static override exits = [0, 1, 2, 3, 4, 5, 6, 7, 9]
  static override args = { id: flags.someIds('Backup object; with or without bo-.') }
  static override flags = { ...objectChanges, 'dry-run': flags.dryRun() }

  async run() {
    const { args, flags: given } = await this.parse(BackupObjectModify)
    await this.noteNoChange(given)
    return this.withRegistry((registry) =>
      this.forEachId(args.id, (ids) => modifyObjects(registry, ids, flags.byColumn(given))),
    )
  }
}
