import { BaseCommand } from '../../cli/base-command.ts'
import { IMAGE_COLUMNS, USABLE_IMAGE_COLUMNS } from '../../cli/columns/image.ts'
import { byColumn } from '../../cli/flags.ts'
import { imageList } from '../../cli/image-flags.ts'
import { countImages, listImages } from '../../registry/image/list.ts'

export default class ImageList extends BaseCommand {
  static override aliases = ['image:ls']
  static override summary = 'List the images, newest last or in another order.'
  static override description =
    'Without --account-id: all images that are not deleted. With it: what that account can use, which is its own images, those of the shared pool and the public ones, as far as they are available; the column ACCESS says which of these it is. What can be given several times means one of these values, --label all of them.'
  static override examples = [
    '<%= config.bin %> image list --account-id a-k3x9q0bz',
    '<%= config.bin %> image list --account-id a-k3x9q0bz --owned --quiet | xargs -r <%= config.bin %> image del',
    '<%= config.bin %> image list --label os=lucid --label tested',
    "<%= config.bin %> image list --name 'ubuntu-*' --state pending --created-before 7d --sort created:desc,name --limit 20",
    '<%= config.bin %> image list --json | jq -r \'.[] | select(.state == "pending") | .id\'',
  ]
  static override exits = [0, 1, 2, 3, 4, 6, 7]
  static override flags = imageList

  async run() {
    const { flags: given } = await this.parse(ImageList)
    const columns = given['account-id'] === undefined ? IMAGE_COLUMNS : USABLE_IMAGE_COLUMNS
    const request = byColumn(given)
    return this.withRegistry(async (registry) =>
      given.count
        ? this.printCount(await countImages(registry, request))
        : this.printList((keys) => listImages(registry, request, keys), columns),
    )
  }
}
