import { Flags } from '@oclif/core'
import { BaseCommand } from '../../cli/command/base-command.ts'
import * as flags from '../../cli/flags/common.ts'
import { undeleteImages } from '../../registry/image/change/undelete.ts'
import { STATES } from '../../registry/rules/values.ts'

export default class ImageUndelete extends BaseCommand {
  static override summary = 'Restore deleted images in their previous state.'
  static override description =
    'An image stays deleted if its backup object is deleted or gone, since it could not boot, or if its owner is deleted. --with-object restores a deleted backup object, too, unless its file was purged or another object is registered for the file. If its parent is deleted or purged, it is restored with a warning. Tags that were removed when the image was deleted are not restored. Images that are not deleted are left unchanged, with a warning. Names stand for deleted images.'
  static override examples = [
    '<%= config.bin %> image undelete wmi-k3x9q0bz',
    '<%= config.bin %> image undelete wmi-k3x9q0bz && <%= config.bin %> image show wmi-k3x9q0bz',
  ]
  static override exits = [0, 1, 2, 3, 4, 5, 6, 7, 9]
  static override args = { id: flags.someIds(flags.idsOrNames('Images', 'wmi-')) }
  static override flags = {
    state: flags.choice('STATE', STATES, 'New state', {
      more: 'Default: the previous state; required if no history records it.',
    }),
    'with-object': Flags.boolean({ summary: 'Restore their deleted backup objects too.' }),
    strict: Flags.boolean({ summary: 'Refuse images that are not deleted, as image del refuses deleted ones.' }),
    quiet: flags.onlyIds(),
    'dry-run': flags.dryRun(),
  }

  async run(): Promise<void> {
    const { args, flags: given } = await this.parse(ImageUndelete)
    await this.session.withRegistry((registry) =>
      this.answer.each(args.id, (ids) => undeleteImages(registry, ids, flags.byColumn(given))),
    )
  }
}
