import { BaseCommand } from '../../cli/command/base-command.ts'
import { toldOneByOne } from '../../cli/command/each-id.ts'
import { storageChanges } from '../../cli/flags/backup-storage.ts'
import * as flags from '../../cli/flags/common.ts'
import { noteNoChange } from '../../cli/flags/given.ts'
import { modifyStorage } from '../../registry/backup-storage/modify.ts'

export default class BackupStorageModify extends BaseCommand {
  static override summary = 'Change backup storages; only the given values change.'
  static override description = 'An empty value clears a description or node ID. Deleted storages cannot be changed.'
  static override examples = [
    '<%= config.bin %> backupstorage modify bkst-local --display-name "local storage"',
    '<%= config.bin %> backupstorage list --quiet |\n  <%= config.bin %> backupstorage modify - --node-id ""',
  ]
  static override exits = [0, 1, 2, 3, 4, 5, 6, 7, 9]
  static override args = {
    id: flags.someIds(flags.idsOrNames('Backup storages', 'bkst-')),
  }
  static override flags = { ...storageChanges, quiet: flags.onlyIds(), 'dry-run': flags.dryRun() }

  async run(): Promise<void> {
    const { args, flags: given } = await this.parse(BackupStorageModify)
    await noteNoChange(given, BackupStorageModify.flags)
    await this.session.withRegistry((registry) =>
      this.answer.each(
        args.id,
        toldOneByOne((id) => modifyStorage(registry, id, flags.byColumn(given))),
      ),
    )
  }
}
