import { BaseCommand } from '../../cli/base-command.ts'
import * as flags from '../../cli/flags.ts'
import { labelImage } from '../../registry/image/label.ts'

export default class ImageLabel extends BaseCommand {
  static override summary = 'Set and remove labels of an image.'
  static override description = 'name=value sets a label, name- removes it. image list --label finds images by them.'
  static override examples = [
    '<%= config.bin %> image label wmi-k3x9q0bz os=lucid tested-',
    '<%= config.bin %> image list --label os=lucid --quiet | while read -r id; do <%= config.bin %> image label "$id" tested="$(date -I)"; done',
  ]
  static override exits = [0, 1, 2, 3, 4, 5, 6, 7]
  static override args = {
    id: flags.oneId('Image; with or without wmi-.'),
    label: flags.words('name=value, or name- to remove it.'),
  }
  static override flags = { force: flags.force('Also where the image is protected.') }

  async run() {
    const { args, flags: given } = await this.parse(ImageLabel)
    return this.withRegistry((registry) => labelImage(registry, args.id, args.label, given))
  }
}
