import { Flags } from '@oclif/core'
import { EVENT_COLUMNS, EVENTS_COLUMNS, HISTORIES_COLUMNS, HISTORY_COLUMNS } from '../../cli/answer/columns/history.ts'
import { eventText } from '../../cli/answer/views/history-event.ts'
import { BaseCommand } from '../../cli/command/base-command.ts'
import { oneByOne } from '../../cli/command/each-id.ts'
import * as flags from '../../cli/flags/common.ts'
import { eventsIn, historyAt, historyOf } from '../../registry/history/history-of.ts'

export default class ImageHistory extends BaseCommand {
  static override summary = 'Show the changes of images or backup objects, oldest first.'
  static override description =
    'A history starts when the image or backup object is added, or imported from another registry; --at refuses earlier times. Changes are in the order in which they were stored, with the clock times of the hosts that made them. A table has one line per event, including changes of labels and protection by vdc-manage; json, csv and the other formats have one row per attribute, without these, unless --events is given.'
  static override examples = [
    '<%= config.bin %> image history wmi-k3x9q0bz',
    '<%= config.bin %> image history wmi-k3x9q0bz --at "2026-11-24 09:30"',
    '<%= config.bin %> image history wmi-k3x9q0bz --json |\n  jq -r \'.[] | select(.attr == "state") | .value\'',
  ]
  static override exits = [0, 1, 2, 3, 4, 5, 6, 7, 9]
  static override args = {
    id: flags.someIds('Images: IDs or names; or IDs of backup objects (bo-...). Use - to read them from stdin.'),
  }
  static override flags = {
    at: flags.at(),
    events: Flags.boolean({ exclusive: ['at'], summary: 'Print events in any format; the default for tables.' }),
    raw: Flags.boolean({
      exclusive: ['at', 'events'],
      summary: 'Print one row per attribute, as stored; the default for other formats and --columns.',
    }),
  }

  async run(): Promise<void> {
    const { args, flags: given } = await this.parse(ImageHistory)
    const { at } = given
    const isOne = args.id.length === 1
    await this.session.withRegistry(async (registry) => {
      if (at !== undefined) {
        const work = oneByOne((id) => historyAt(registry, id, at))
        return this.answer.showEach(args.id, work)
      }
      if (given.events || (!given.raw && this.answer.isPlainTable)) {
        const events = this.answer.results(
          args.id,
          oneByOne((id) => eventsIn(registry, id)),
        )
        return this.answer.listOrText(events, isOne ? EVENT_COLUMNS : EVENTS_COLUMNS, (event, now) =>
          eventText(event, !isOne, now),
        )
      }
      const histories = this.answer.results(
        args.id,
        oneByOne((id) => historyOf(registry, id)),
      )
      return this.answer.list(() => histories, isOne ? HISTORY_COLUMNS : HISTORIES_COLUMNS)
    })
  }

  protected override resultId({ at, events }: { at?: string; events?: boolean }): string {
    if (events) return 'image:history --events'
    return at === undefined ? super.resultId({}) : 'image:history --at'
  }
}
