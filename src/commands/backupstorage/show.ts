import { storageSections } from '../../cli/answer/views/backup-object.ts'
import { BaseCommand } from '../../cli/command/base-command.ts'
import { oneByOne } from '../../cli/command/each-id.ts'
import { storageList } from '../../cli/flags/backup-storage.ts'
import * as flags from '../../cli/flags/common.ts'
import { refuseListOptions, withoutVerbose } from '../../cli/flags/given.ts'
import { showStorage } from '../../registry/backup-storage/details.ts'

export default class BackupStorageShow extends BaseCommand {
  static override summary = 'Show backup storages.'
  static override description =
    'Without an ID, same as: vdc-manage backupstorage list. At a terminal, prints the fields that are set. With --json, one ID prints an object, several print an array; --array makes both an array.'
  static override examples = [
    '<%= config.bin %> backupstorage show bkst-local',
    '<%= config.bin %> backupstorage show bkst-local --json | jq -r .base_uri',
  ]
  static override exits = [0, 1, 2, 3, 4, 5, 6, 7, 9]
  static override args = {
    id: flags.anyIds(flags.idsOrNames('Backup storages', 'bkst-')),
  }
  static override flags = { ...storageList, verbose: flags.verbose() }

  async run(): Promise<void> {
    const { args, flags: given } = await this.parse(BackupStorageShow)
    const { id } = args
    if (id === undefined) return this.program.runCommand('backupstorage:list', withoutVerbose(this.argv))
    refuseListOptions(given, storageList)
    await this.session.withRegistry((registry) =>
      this.answer.showSections(
        id,
        oneByOne((each) => showStorage(registry, each)),
        storageSections,
        { verbose: given.verbose },
      ),
    )
  }
}
