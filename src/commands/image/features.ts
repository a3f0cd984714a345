import { Flags } from '@oclif/core'
import { BaseCommand } from '../../cli/command/base-command.ts'
import * as flags from '../../cli/flags/common.ts'
import { noteNoChange } from '../../cli/flags/given.ts'
import { setFeatures } from '../../registry/image/change/features.ts'

export default class ImageFeatures extends BaseCommand {
  static override summary = 'Set or clear the guest features of images.'
  static override examples = [
    '<%= config.bin %> image features wmi-k3x9q0bz --virtio --no-acpi',
    '<%= config.bin %> image list --label os=lucid --quiet |\n  <%= config.bin %> image features - --virtio',
  ]
  static override exits = [0, 1, 2, 3, 4, 5, 6, 7, 9]
  static override args = { id: flags.someIds(flags.idsOrNames('Images', 'wmi-')) }
  static override flags = {
    virtio: Flags.boolean({ allowNo: true, summary: 'Has drivers for paravirtual disks and networks.' }),
    acpi: Flags.boolean({ allowNo: true, summary: 'Shuts down when the power button is pressed.' }),
    force: flags.force('Change protected images too.'),
    quiet: flags.onlyIds(),
    'dry-run': flags.dryRun(),
  }

  async run(): Promise<void> {
    const { args, flags: given } = await this.parse(ImageFeatures)
    const { force, quiet: _, ...features } = given
    await noteNoChange(features, ImageFeatures.flags)
    await this.session.withRegistry((registry) =>
      this.answer.each(args.id, (ids) => setFeatures(registry, ids, features, { force })),
    )
  }
}
