import { objectSections } from '../../cli/answer/views/backup-object.ts'
import { BaseCommand } from '../../cli/command/base-command.ts'
import { objectList } from '../../cli/flags/backup-object.ts'
import * as flags from '../../cli/flags/common.ts'
import { refuseListOptions, withoutVerbose } from '../../cli/flags/given.ts'
import { showObjects } from '../../registry/backup-object/details.ts'

export default class BackupObjectShow extends BaseCommand {
  static override summary = 'Show backup objects with sizes, checksums and labels.'
  static override description =
    'Without an ID, same as: vdc-manage backupobject list. At a terminal, prints the fields that are set, in sections; --columns takes their names. In a pipe, prints all fields. With --json, one ID prints an object, several print an array; --array makes both an array.'
  static override examples = [
    '<%= config.bin %> backupobject show bo-k3x9q0bz',
    '<%= config.bin %> backupobject show bo-k3x9q0bz --json | jq -r .uri',
  ]
  static override exits = [0, 1, 2, 3, 4, 5, 6, 7, 9]
  static override args = {
    id: flags.anyIds(flags.idsOrNames('Backup objects', 'bo-')),
  }
  static override flags = { ...objectList, verbose: flags.verbose() }

  async run(): Promise<void> {
    const { args, flags: given } = await this.parse(BackupObjectShow)
    const { id } = args
    if (id === undefined) return this.program.runCommand('backupobject:list', withoutVerbose(this.argv))
    refuseListOptions(given, objectList)
    await this.session.withRegistry((registry) =>
      this.answer.showSections(id, (ids) => showObjects(registry, ids), objectSections, { verbose: given.verbose }),
    )
  }
}
