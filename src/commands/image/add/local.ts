import { BaseCommand } from '../../../cli/base-command.ts'
import * as flags from '../../../cli/flags.ts'
import { checksum, fileExpectations, md5sum, newImage, newLocalImage, thorough } from '../../../cli/image-flags.ts'
import { registerLocal } from '../../../registry/image/register-local.ts'
import { TARGET_FORMATS } from '../../../registry/values.ts'

export default class ImageAddLocal extends BaseCommand {
  static override summary = 'Register a disk image that boots from a local copy, and print its id.'
  static override description =
    'A file of this host is inspected and hashed; it may be packed with gzip or tar. Then the image, its backup object and, where the folder is new, its backup storage are stored in one transaction. A file that is registered already, unchanged, shares its backup object. What begins with bo- and names no file is the id of a backup object.'
  static override examples = [
    '<%= config.bin %> image add local /srv/images/lucid.qcow2 --account-id a-shpoolxx --description "Ubuntu 10.04 64bit"',
    '<%= config.bin %> image add local lucid.raw.gz --account-id a-shpoolxx --checksum md5:1f841b195e0fdfd4342709f77325ce29',
    '<%= config.bin %> image add local appliance.vmdk --account-id a-shpoolxx --convert qcow2',
    '<%= config.bin %> image add local bo-k3x9q0bz --account-id a-shpoolxx --root-device label:root',
    'id=$(<%= config.bin %> image add local lucid.raw --account-id a-k3x9q0bz) && <%= config.bin %> image show "$id"',
  ]
  static override exits = [0, 1, 2, 3, 4, 5, 6, 7, 130, 143]
  static override args = { path: flags.path('Disk image file, links are followed; or a backup object.') }
  static override flags = {
    ...newImage(
      'Format that the file must have, or the object has. Default: what the file has; of an object what was found when it was added from a file, else that of its first image, else raw.',
    ),
    ...newLocalImage,
    'storage-id': flags.text(
      'bkst-ID',
      'Backup storage that the file lies in. Default: that of the service type in dcmgr.conf, else the closest one, or a new one for its folder.',
    ),
    checksum: checksum(),
    md5sum: md5sum(),
    thorough: thorough(),
    ...fileExpectations,
    convert: flags.choice(TARGET_FORMATS, 'Make a file in this format beside it, and register that instead.'),
    'dry-run': flags.dryRun(),
  }

  async run() {
    const { args, flags: given } = await this.parse(ImageAddLocal)
    const details = this.answer.isAskedFor
    const image = await this.watched((watcher) =>
      this.withRegistry((registry) => registerLocal(registry, args.path, flags.byColumn(given), watcher, { details })),
    )
    await this.printId(image.id)
    return image
  }
}
