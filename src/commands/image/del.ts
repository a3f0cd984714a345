import { Flags } from '@oclif/core'
import { BaseCommand } from '../../cli/command/base-command.ts'
import * as flags from '../../cli/flags/common.ts'
import { deleteImages } from '../../registry/image/change/delete.ts'

export default class ImageDel extends BaseCommand {
  static override aliases = ['image:delete', 'image:rm']
  static override summary = 'Delete images; their files are kept.'
  static override description =
    'Deleted images stay in the registry, so their IDs are never reused; image show and image list --all still show them. With --with-object, the backup object of an image is deleted with it unless an image that is not deleted uses it; image undelete --with-object restores both, and image purge --files removes the file later. An error with one image does not stop the others from being deleted.'
  static override examples = [
    '<%= config.bin %> image del wmi-k3x9q0bz',
    '<%= config.bin %> image del wmi-k3x9q0bz --with-object',
    '<%= config.bin %> image list --account-id a-k3x9q0bz --owned --quiet |\n  <%= config.bin %> image del -',
  ]
  static override exits = [0, 1, 2, 3, 4, 5, 6, 7, 9]
  static override args = { id: flags.someIds(flags.idsOrNames('Images', 'wmi-')) }
  static override flags = {
    'ignore-missing': flags.ignoreMissing('images'),
    force: flags.force('Delete protected images too.'),
    'with-object': Flags.boolean({
      summary: 'Delete their backup objects too, unless other images use them. Files are kept.',
    }),
    quiet: flags.onlyIds(),
    'dry-run': flags.dryRun(),
  }

  async run(): Promise<void> {
    const { args, flags: given } = await this.parse(ImageDel)
    const options = {
      ignoreMissing: given['ignore-missing'],
      force: given.force,
      withObject: given['with-object'],
    }
    await this.session.withRegistry((registry) =>
      this.answer.each(args.id, (ids) => deleteImages(registry, ids, options)),
    )
  }
}
