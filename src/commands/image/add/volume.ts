import { BaseCommand } from '../../../cli/command/base-command.ts'
import * as flags from '../../../cli/flags/common.ts'
import { IMAGE_GROUPS, newImage } from '../../../cli/flags/image.ts'
import { registerObject } from '../../../registry/image/register/register-object.ts'
import { FILE_FORMATS } from '../../../registry/rules/values.ts'

export default class ImageAddVolume extends BaseCommand {
  static override summary = 'Register an image that boots from a volume.'
  static override description = 'Prints the ID of the new image. Volumes are created from the given backup object.'
  static override examples = [
    '<%= config.bin %> image add volume bo-k3x9q0bz --account-id a-shpoolxx',
    'bo=$(<%= config.bin %> backupobject add --from-file lucid.raw)\n<%= config.bin %> image add volume "$bo" --account-id a-k3x9q0bz',
  ]
  static override exits = [0, 1, 2, 3, 4, 5, 6, 7]
  static override args = { backup_object_id: flags.oneId(flags.idOrName('Backup object', 'bo-')) }
  static override flags = flags.grouped(IMAGE_GROUPS, {
    ...newImage(
      `Disk format: ${FILE_FORMATS.join(', ')}. Default: the format found when the object was added from a file, otherwise that of its first image, otherwise raw.`,
    ),
    quiet: flags.onlyIds(),
    'dry-run': flags.dryRun(),
  })

  async run(): Promise<void> {
    const { args, flags: given } = await this.parse(ImageAddVolume)
    const request = { ...args, ...flags.byColumn(given) }
    const details = this.answer.isAskedFor
    const image = await this.session.withRegistry((registry) =>
      registerObject(registry, 'volume', request, { details }),
    )
    await this.answer.id(image)
  }
}
