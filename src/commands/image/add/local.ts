import { BaseCommand } from '../../../cli/command/base-command.ts'
import * as flags from '../../../cli/flags/common.ts'
import {
  checkGuest,
  checksum,
  fileExpectations,
  LOCAL_IMAGE_GROUPS,
  md5sum,
  newImage,
  newLocalImage,
  prepareGuest,
  thorough,
} from '../../../cli/flags/image.ts'
import { registerLocal } from '../../../registry/image/register/register-local.ts'
import { FILE_FORMATS, TARGET_FORMATS } from '../../../registry/rules/values.ts'

export default class ImageAddLocal extends BaseCommand {
  static override summary = 'Register an image that boots from a local copy.'
  static override description =
    'Checks and hashes the file, which can be packed with gzip or tar, and prints the ID of the new image. Registers all or nothing; a registered file shares its backup object. --convert and --prepare register a copy beside it.'
  static override examples = [
    '<%= config.bin %> image add local /srv/images/lucid.qcow2 --account-id a-shpoolxx',
    '<%= config.bin %> image add local lucid.vmdk --account-id a-shpoolxx --convert qcow2',
    'id=$(<%= config.bin %> image add local lucid.raw.gz --account-id a-k3x9q0bz)',
  ]
  static override exits = [0, 1, 2, 3, 4, 5, 6, 7, 130, 143]
  static override args = {
    path: flags.path('Disk image file (links are followed), or ID of a backup object (bo-...).'),
  }
  static override flags = flags.grouped(LOCAL_IMAGE_GROUPS, {
    ...newImage(`Require this format: ${FILE_FORMATS.join(', ')}.`),
    ...newLocalImage,
    'storage-id': flags.text('bkst-ID', 'Backup storage. Default: by service type or path.'),
    checksum: checksum(),
    md5sum: md5sum(),
    thorough: thorough(),
    check: checkGuest(),
    ...fileExpectations,
    convert: flags.choice('FORMAT', TARGET_FORMATS, 'Convert to'),
    prepare: prepareGuest(),
    quiet: flags.onlyIds(),
    'dry-run': flags.dryRun(),
  })

  async run(): Promise<void> {
    const { args, flags: given } = await this.parse(ImageAddLocal)
    const details = this.answer.isAskedFor
    await this.session.watched((watcher) =>
      this.session.withRegistry(async (registry) => {
        const image = await registerLocal(registry, args.path, flags.byColumn(given), watcher, { details })
        await this.answer.id(image)
        if (this.answer.isTelling) await (await import('../../../cli/said/shared.ts')).saySharing(registry, image)
      }),
    )
  }
}
