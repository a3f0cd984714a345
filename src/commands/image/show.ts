import { imageSections, withResults } from '../../cli/answer/views/image.ts'
import { BaseCommand } from '../../cli/command/base-command.ts'
import * as flags from '../../cli/flags/common.ts'
import { refuseListOptions, withoutVerbose } from '../../cli/flags/given.ts'
import { imageList } from '../../cli/flags/image.ts'
import { showImages } from '../../registry/image/details.ts'

export default class ImageShow extends BaseCommand {
  static override summary = 'Show images with their backup objects, sizes and labels.'
  static override description =
    'Without an ID, same as: vdc-manage image list. At a terminal, prints the fields that are set, in sections; --columns takes their names. In a pipe, prints all fields. With --json, one ID prints an object, several print an array; --array makes both an array.'
  static override examples = [
    '<%= config.bin %> image show wmi-k3x9q0bz',
    '<%= config.bin %> image show wmi-k3x9q0bz --json | jq -r .backup_object.uri',
  ]
  static override exits = [0, 1, 2, 3, 4, 5, 6, 7, 9]
  static override args = { id: flags.anyIds(flags.idsOrNames('Images', 'wmi-')) }
  static override flags = { ...imageList, verbose: flags.verbose() }

  async run(): Promise<void> {
    const { args, flags: given } = await this.parse(ImageShow)
    const { id } = args
    if (id === undefined) return this.program.runCommand('image:list', withoutVerbose(this.argv))
    refuseListOptions(given, imageList)
    await this.session.withRegistry((registry) =>
      this.answer.showSections(id, (ids) => showImages(registry, ids), imageSections, {
        verbose: given.verbose,
        linesOf: withResults,
      }),
    )
  }
}
