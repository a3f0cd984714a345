import { BaseCommand } from '../../cli/base-command.ts'
import * as flags from '../../cli/flags.ts'
import { deleteObjects } from '../../registry/backup-object/delete.ts'

export default class BackupObjectDel extends BaseCommand {
  static override aliases = ['backupobject:delete', 'backupobject:rm']
  static override summary = 'Delete backup objects; their files stay.'
  static override description =
    'The rows stay and say that the object is deleted: its id is never used again. An object that an image uses is not deleted.'
  static override examples = [
    '<%= config.bin %> backupobject del bo-k3x9q0bz',
    '<%= config.bin %> image del wmi-k3x9q0bz && <%= config.bin %> backupobject del bo-k3x9q0bz',
  ]
  static override exits = [0, 1, 2, 3, 4, 5, 6, 7, 9]
  static override args = { id: flags.someIds('Backup object; with or without bo-.') }
  static override flags = {
    force: flags.force('Also while images use it; they can not boot then.'),
    'dry-run': flags.dryRun(),
  }

  async run() {
    const { args, flags: given } = await this.parse(BackupObjectDel)
    return this.withRegistry((registry) =>
      this.forEachId(args.id, (ids) => deleteObjects(registry, ids, { force: given.force })),
    )
  }
}
