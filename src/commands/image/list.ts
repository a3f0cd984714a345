import { imageColumns } from '../../cli/answer/columns/image.ts'
import { BaseCommand } from '../../cli/command/base-command.ts'
import { byColumn } from '../../cli/flags/common.ts'
import { imageList } from '../../cli/flags/image.ts'
import { emptyList } from '../../cli/notes/empty-list.ts'
import { countImages, listImages } from '../../registry/image/list.ts'

export default class ImageList extends BaseCommand {
  static override aliases = ['image:ls']
  static override summary = 'List images.'
  static override description =
    'Lists all images that are not deleted. With --account-id, lists the available images that an account can use: its own, public ones and those of the shared pool; the ACCESS column says which. Repeat an option marked with ... to match any of its values (--label: all of them).'
  static override examples = [
    '<%= config.bin %> image list --account-id a-k3x9q0bz --owned',
    "<%= config.bin %> image list --name 'ubuntu-*' --sort created:desc --limit 20",
    '<%= config.bin %> image list --json |\n  jq -r \'.[] | select(.state == "pending") | .id\'',
  ]
  static override exits = [0, 1, 2, 3, 4, 5, 6, 7]
  static override flags = imageList

  async run(): Promise<void> {
    const { flags: given } = await this.parse(ImageList)
    const columns = imageColumns(given['account-id'] !== undefined)
    const request = byColumn(given)
    await this.session.withRegistry(async (registry) =>
      given.count
        ? this.answer.count(await countImages(registry, request))
        : this.answer.list((keys) => listImages(registry, request, keys), columns, emptyList('image', given)),
    )
  }
}
