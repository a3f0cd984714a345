import { BaseCommand } from '../../cli/base-command.ts'
import * as flags from '../../cli/flags.ts'
import { STDIN } from '../../cli/stdin-ids.ts'
import { VdcError } from '../../errors.ts'
import { labelImage } from '../../registry/image/label.ts'

const HINT = 'vdc-manage image label wmi-ID name=value; name- removes a label'

export default class ImageLabel extends BaseCommand {
  static override summary = 'Set and remove labels of images.'
  static override description = 'name=value sets a label, name- removes it. image list --label finds images by them.'
  static override examples = [
    '<%= config.bin %> image label wmi-k3x9q0bz os=lucid tested-',
    '<%= config.bin %> image list --label os=lucid --quiet | <%= config.bin %> image label - tested="$(date -I)"',
  ]
  static override exits = [0, 1, 2, 3, 4, 5, 6, 7, 9]
  static override args = { words: flags.words('Images, with or without wmi-; then name=value, or name- to remove it.') }
  static override flags = {
    force: flags.force('Also where an image is protected.'),
    'dry-run': flags.dryRun(),
  }
  static override usage = 'image label ID... NAME=VALUE|NAME-... [--force] [-n]'

  async run() {
    const { args, flags: given } = await this.parse(ImageLabel)
    const isChange = (word: string) => word !== STDIN && (word.includes('=') || word.endsWith('-'))
    const first = args.words.findIndex(isChange)
    if (first < 1) throw new VdcError('USAGE', first === 0 ? 'No image is named' : 'No label is named', { hint: HINT })
    const changes = args.words.slice(first)
    return this.withRegistry((registry) =>
      this.forEachId(args.words.slice(0, first), (id) => labelImage(registry, id, changes, given)),
    )
  }
}
