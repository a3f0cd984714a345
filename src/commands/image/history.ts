import { BaseCommand } from '../../cli/base-command.ts'
import * as flags from '../../cli/flags.ts'
import { HISTORY_COLUMNS } from '../../cli/history-columns.ts'
import { renderFields, renderTable } from '../../cli/table.ts'
import { historyAt, historyOf } from '../../registry/history-of.ts'

export default class ImageHistory extends BaseCommand {
  static override summary = 'Show what became of an image or a backup object, newest last.'
  static override examples = [
    '<%= config.bin %> image history wmi-k3x9q0bz',
    '<%= config.bin %> image history wmi-k3x9q0bz --at "2026-11-24 09:30"',
    '<%= config.bin %> image history wmi-k3x9q0bz --json | jq -r \'.[] | select(.attr == "state") | .value\'',
  ]
  static override exits = [0, 1, 2, 3, 4, 6, 7]
  static override args = { id: flags.oneId('Image, with or without wmi-; or backup object, with bo-.') }
  static override flags = { at: flags.at() }

  async run() {
    const { args, flags: given } = await this.parse(ImageHistory)
    return this.withRegistry(async (registry) => {
      const { at } = given
      if (at === undefined) {
        const entries = await historyOf(registry, args.id)
        await this.printText(await renderTable(HISTORY_COLUMNS, entries))
        return entries
      }
      const then = await historyAt(registry, args.id, at)
      await this.printText(renderFields(then))
      return then
    })
  }
}
