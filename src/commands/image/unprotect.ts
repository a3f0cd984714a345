import { BaseCommand } from '../../cli/base-command.ts'
import * as flags from '../../cli/flags.ts'
import { unprotectImages } from '../../registry/image/protect.ts'

export default class ImageUnprotect extends BaseCommand {
  static override summary = 'End the protection of images: they can be deleted and changed again.'
  static override examples = [
    '<%= config.bin %> image unprotect wmi-k3x9q0bz',
    '<%= config.bin %> image list --label vdc-manage.protected --account-id a-k3x9q0bz --owned --quiet | xargs -r <%= config.bin %> image unprotect',
  ]
  static override exits = [0, 1, 2, 3, 4, 5, 6, 7, 9]
  static override args = { id: flags.someIds('Image; with or without wmi-.') }
  static override flags = { 'dry-run': flags.dryRun() }

  async run() {
    const { args } = await this.parse(ImageUnprotect)
    return this.withRegistry((registry) => this.forEachId(args.id, (ids) => unprotectImages(registry, ids)))
  }
}
