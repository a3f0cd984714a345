import { BaseCommand } from '../../cli/base-command.ts'
import * as flags from '../../cli/flags.ts'
import { undeleteImages } from '../../registry/image/undelete.ts'
import { STATES } from '../../registry/values.ts'

export default class ImageUndelete extends BaseCommand {
  static override summary = 'Bring deleted images back, in the state that they had before.'
  static override description =
    'Tags that went when an image was deleted do not come back. An image whose backup object is deleted or gone could not boot, and stays deleted, as does one whose owner is deleted. One whose parent is deleted or purged is brought back, with a warning. One that is not deleted stays as it is.'
  static override examples = [
    '<%= config.bin %> image undelete wmi-k3x9q0bz',
    '<%= config.bin %> image undelete wmi-k3x9q0bz && <%= config.bin %> image show wmi-k3x9q0bz',
  ]
  static override exits = [0, 1, 2, 3, 4, 5, 6, 7, 9]
  static override args = { id: flags.someIds('Image; with or without wmi-.') }
  static override flags = {
    state: flags.choice(
      STATES,
      'State to give them. Default: the state that they had; required if no history records it.',
    ),
    'dry-run': flags.dryRun(),
  }

  async run() {
    const { args, flags: given } = await this.parse(ImageUndelete)
    return this.withRegistry((registry) => this.forEachId(args.id, (ids) => undeleteImages(registry, ids, given)))
  }
}
