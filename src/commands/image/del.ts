import { BaseCommand } from '../../cli/base-command.ts'
import * as flags from '../../cli/flags.ts'
import { deleteImages } from '../../registry/image/delete.ts'

export default class ImageDel extends BaseCommand {
  static override aliases = ['image:delete', 'image:rm']
  static override summary = 'Delete images; their files stay.'
  static override description =
    'The rows stay and say that the image is deleted: its id is never used again, and image list --all and image show still show it. Of several ids, one that fails does not keep the others from being deleted.'
  static override examples = [
    '<%= config.bin %> image del wmi-k3x9q0bz',
    '<%= config.bin %> image list --account-id a-k3x9q0bz --owned --quiet | xargs -r <%= config.bin %> image del',
  ]
  static override exits = [0, 1, 2, 3, 4, 5, 6, 7, 9]
  static override args = { id: flags.someIds('Image; with or without wmi-.') }
  static override flags = {
    'ignore-missing': flags.ignoreMissing('An image'),
    force: flags.force('Also where it is protected.'),
    'dry-run': flags.dryRun(),
  }

  async run() {
    const { args, flags: given } = await this.parse(ImageDel)
    return this.withRegistry((registry) => {
      const options = { ignoreMissing: given['ignore-missing'], force: given.force }
      return this.forEachId(args.id, (ids) => deleteImages(registry, ids, options))
    })
  }
}
