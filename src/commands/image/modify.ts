import { BaseCommand } from '../../cli/base-command.ts'
import * as flags from '../../cli/flags.ts'
import { imageChanges } from '../../cli/image-flags.ts'
import { modifyImages } from '../../registry/image/modify.ts'

export default class ImageModify extends BaseCommand {
  static override summary = 'Change an image: only what is given changes.'
  static override description =
    'An empty text clears a description, root device, parent or backup object. What changed is in image history. A deleted image can not be changed.'
  static override examples = [
    '<%= config.bin %> image modify wmi-k3x9q0bz --description "Ubuntu 10.04, patched" --is-public',
    '<%= config.bin %> image list --account-id a-k3x9q0bz --owned --quiet | xargs -rn1 <%= config.bin %> image modify --account-id a-shpoolxx',
  ]
  static override exits = [0, 1, 2, 3, 4, 5, 6, 7, 9]
  static override args = { id: flags.someIds('Image; with or without wmi-.') }
  static override flags = {
    ...imageChanges,
    force: flags.force('Also where it is protected.'),
    'dry-run': flags.dryRun(),
  }

  async run() {
    const { args, flags: given } = await this.parse(ImageModify)
    const { force, ...changes } = given
    await this.noteNoChange(changes)
    return this.withRegistry((registry) =>
      this.forEachId(args.id, (ids) => modifyImages(registry, ids, flags.byColumn(changes), { force })),
    )
  }
}
