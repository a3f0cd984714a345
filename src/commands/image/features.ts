import { Flags } from '@oclif/core'
import { BaseCommand } from '../../cli/base-command.ts'
import * as flags from '../../cli/flags.ts'
import { setFeatures } from '../../registry/image/features.ts'

export default class ImageFeatures extends BaseCommand {
  static override summary = 'Say what the operating system of an image can do, or no longer.'
  static override examples = [
    '<%= config.bin %> image features wmi-k3x9q0bz --virtio --no-acpi',
    '<%= config.bin %> image list --label os=lucid --quiet | xargs -rn1 <%= config.bin %> image features --virtio',
  ]
  static override exits = [0, 1, 2, 3, 4, 5, 6, 7, 9]
  static override args = { id: flags.someIds('Image; with or without wmi-.') }
  static override flags = {
    virtio: Flags.boolean({ allowNo: true, summary: 'It has drivers for paravirtual disks and networks.' }),
    acpi: Flags.boolean({ allowNo: true, summary: 'It shuts down when the power button is pressed.' }),
    force: flags.force('Also where it is protected.'),
    'dry-run': flags.dryRun(),
  }

  async run() {
    const { args, flags: given } = await this.parse(ImageFeatures)
    const { force, ...features } = given
    await this.noteNoChange(features)
    return this.withRegistry((registry) =>
      this.forEachId(args.id, (ids) => setFeatures(registry, ids, features, { force })),
    )
  }
}
