import { BaseCommand } from '../../cli/command/base-command.ts'
import * as flags from '../../cli/flags/common.ts'
import { noteNoChange } from '../../cli/flags/given.ts'
import { IMAGE_GROUPS, imageChanges } from '../../cli/flags/image.ts'
import { modifyImages } from '../../registry/image/change/modify.ts'

export default class ImageModify extends BaseCommand {
  static override summary = 'Change images; only the given values change.'
  static override description =
    'An empty value clears a description, root device, parent or backup object. Changes are recorded (see: vdc-manage image history). Deleted images cannot be changed.'
  static override examples = [
    '<%= config.bin %> image modify wmi-k3x9q0bz --description "Ubuntu 10.04" --is-public',
    '<%= config.bin %> image list --account-id a-k3x9q0bz --owned --quiet |\n  <%= config.bin %> image modify - --account-id a-shpoolxx',
  ]
  static override exits = [0, 1, 2, 3, 4, 5, 6, 7, 9]
  static override args = { id: flags.someIds(flags.idsOrNames('Images', 'wmi-')) }
  static override flags = flags.grouped(IMAGE_GROUPS, {
    ...imageChanges,
    force: flags.force('Change protected images too.'),
    quiet: flags.onlyIds(),
    'dry-run': flags.dryRun(),
  })

  async run(): Promise<void> {
    const { args, flags: given } = await this.parse(ImageModify)
    const { force, quiet: _, ...changes } = given
    await noteNoChange(changes, ImageModify.flags)
    await this.session.withRegistry((registry) =>
      this.answer.each(args.id, (ids) => modifyImages(registry, ids, flags.byColumn(changes), { force })),
    )
  }
}
