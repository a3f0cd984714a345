import { BaseCommand } from '../../cli/command/base-command.ts'
import * as flags from '../../cli/flags/common.ts'
import { deleteObjects } from '../../registry/backup-object/delete.ts'

export default class BackupObjectDel extends BaseCommand {
  static override aliases = ['backupobject:delete', 'backupobject:rm']
  static override summary = 'Delete backup objects; their files are kept.'
  static override description =
    'Deleted objects stay in the registry, so their IDs are never reused. Without --force, an object that an image uses cannot be deleted.'
  static override examples = [
    '<%= config.bin %> backupobject del bo-k3x9q0bz',
    '<%= config.bin %> image del wmi-k3x9q0bz && <%= config.bin %> backupobject del bo-k3x9q0bz',
  ]
  static override exits = [0, 1, 2, 3, 4, 5, 6, 7, 9]
  static override args = {
    id: flags.someIds(flags.idsOrNames('Backup objects', 'bo-')),
  }
  static override flags = {
    force: flags.force('Delete even those that images use, which then cannot boot.'),
    quiet: flags.onlyIds(),
    'dry-run': flags.dryRun(),
  }

  async run(): Promise<void> {
    const { args, flags: given } = await this.parse(BackupObjectDel)
    await this.session.withRegistry((registry) =>
      this.answer.each(args.id, (ids) => deleteObjects(registry, ids, { force: given.force })),
    )
  }
}
