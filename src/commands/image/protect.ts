import { BaseCommand } from '../../cli/base-command.ts'
import * as flags from '../../cli/flags.ts'
import { protectImages } from '../../registry/image/protect.ts'

export default class ImageProtect extends BaseCommand {
  static override summary = 'Protect images: without --force they are not deleted or changed any more.'
  static override description =
    'image unprotect ends it, and image list --protected shows what is protected; the label vdc-manage.protected says since when. It holds for the image itself, not for its backup object, its storage or its owner, and for this program: the others of the cloud do not know of it.'
  static override examples = [
    '<%= config.bin %> image protect wmi-k3x9q0bz',
    '<%= config.bin %> image list --label golden --quiet | xargs -r <%= config.bin %> image protect',
  ]
  static override exits = [0, 1, 2, 3, 4, 5, 6, 7, 9]
  static override args = { id: flags.someIds('Image; with or without wmi-.') }
  static override flags = { 'dry-run': flags.dryRun() }

  async run() {
    const { args } = await this.parse(ImageProtect)
    return this.withRegistry((registry) => this.forEachId(args.id, (ids) => protectImages(registry, ids)))
  }
}
