import { BaseCommand } from '../../cli/base-command.ts'
import { IMAGE_COLUMNS, USABLE_IMAGE_COLUMNS } from '../../cli/columns/image.ts'
import { imageList } from '../../cli/image-flags.ts'
import { listImages } from '../../registry/image/list.ts'

export default class ImageList extends BaseCommand {
  static override aliases = ['image:ls']
  static override summary = 'List the images, newest last.'
  static override description =
    'Without --account-id: all images that are not deleted. With it: what that account can use, which is its own images, those of the shared pool and the public ones, as far as they are available; the column ACCESS says which of these it is.'
  static override examples = [
    '<%= config.bin %> image list --account-id a-k3x9q0bz',
    '<%= config.bin %> image list --account-id a-k3x9q0bz --owned --quiet | xargs -r <%= config.bin %> image del',
    '<%= config.bin %> image list --label os=lucid --label tested',
    '<%= config.bin %> image list --json | jq -r \'.[] | select(.state == "pending") | .id\'',
  ]
  static override exits = [0, 1, 2, 3, 4, 6, 7]
  static override flags = imageList

  async run() {
    const { flags: given } = await this.parse(ImageList)
    const columns = given['account-id'] === undefined ? IMAGE_COLUMNS : USABLE_IMAGE_COLUMNS
    return this.withRegistry((registry) => {
      const filter = { accountId: given['account-id'], owned: given.owned, labels: given.label, deleted: given.all }
      const images = listImages(registry, filter)
      return this.printList(images, columns)
    })
  }
}
