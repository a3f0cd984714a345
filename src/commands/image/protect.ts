import { BaseCommand } from '../../cli/command/base-command.ts'
import * as flags from '../../cli/flags/common.ts'
import { protectImages } from '../../registry/image/change/protect.ts'

export default class ImageProtect extends BaseCommand {
  static override summary = 'Protect images from change or deletion without --force.'
  static override description =
    'Only the image itself is protected, not its backup object, storage or owner, and only in vdc-manage: other programs of the cloud ignore the protection. image list --protected lists protected images; the label vdc-manage.protected holds the time.'
  static override examples = [
    '<%= config.bin %> image protect wmi-k3x9q0bz',
    '<%= config.bin %> image list --label golden --quiet |\n  <%= config.bin %> image protect -',
  ]
  static override exits = [0, 1, 2, 3, 4, 5, 6, 7, 9]
  static override args = { id: flags.someIds(flags.idsOrNames('Images', 'wmi-')) }
  static override flags = { quiet: flags.onlyIds(), 'dry-run': flags.dryRun() }

  async run(): Promise<void> {
    const { args } = await this.parse(ImageProtect)
    await this.session.withRegistry((registry) => this.answer.each(args.id, (ids) => protectImages(registry, ids)))
  }
}
