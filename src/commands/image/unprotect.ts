import { BaseCommand } from '../../cli/command/base-command.ts'
import * as flags from '../../cli/flags/common.ts'
import { unprotectImages } from '../../registry/image/change/protect.ts'

export default class ImageUnprotect extends BaseCommand {
  static override summary = 'Remove the protection of images.'
  static override description = 'They can then be changed and deleted without --force.'
  static override examples = [
    '<%= config.bin %> image unprotect wmi-k3x9q0bz',
    '<%= config.bin %> image list --account-id a-k3x9q0bz --owned --protected --quiet |\n  <%= config.bin %> image unprotect -',
  ]
  static override exits = [0, 1, 2, 3, 4, 5, 6, 7, 9]
  static override args = { id: flags.someIds(flags.idsOrNames('Images', 'wmi-')) }
  static override flags = { quiet: flags.onlyIds(), 'dry-run': flags.dryRun() }

  async run(): Promise<void> {
    const { args } = await this.parse(ImageUnprotect)
    await this.session.withRegistry((registry) => this.answer.each(args.id, (ids) => unprotectImages(registry, ids)))
  }
}
