import { BaseCommand } from '../../../cli/base-command.ts'
import * as flags from '../../../cli/flags.ts'
import { registerLocalImage } from '../../../registry/register-local-image.ts'
import * as values from '../../../registry/values.ts'

export default class ImageAddLocal extends BaseCommand {
  static override summary = 'Register a disk image file of this host and print its id.'
  static override description =
    'The file is inspected with qemu-img and hashed; then the image, its backup object and, where the folder is new, its backup storage are stored in one transaction. A file that is registered already, unchanged, shares its backup object.'
  static override examples = [
    '<%= config.bin %> image add local /srv/images/lucid.qcow2 --account-id a-shpoolxx --description "Ubuntu 10.04 64bit"',
    'id=$(<%= config.bin %> image add local lucid.raw --account-id a-k3x9q0bz) && <%= config.bin %> image show "$id"',
  ]
  static override exits = [0, 1, 2, 3, 4, 5, 6, 7]
  static override args = { path: flags.path('Disk image file; links are followed.') }
  static override flags = {
    'account-id': flags.owner(),
    'create-account': flags.createAccount(),
    uuid: flags.uuid('wmi-'),
    'display-name': flags.image.displayName(),
    description: flags.description(),
    arch: flags.image.arch({ options: values.ARCHES, default: values.DEFAULT_ARCH }),
    'os-type': flags.image.osType({ options: values.OS_TYPES, default: values.DEFAULT_OS_TYPE }),
    state: flags.image.state({ options: values.NEW_IMAGE_STATES, default: values.DEFAULT_STATE }),
    'file-format': flags.image.fileFormat({ options: values.FILE_FORMATS }),
    'root-device': flags.image.rootDevice(),
    'service-type': flags.image.serviceType(values.DEFAULT_SERVICE_TYPE),
    'instance-model-name': flags.image.instanceModelName(),
    'parent-image-id': flags.image.parentImageId(),
    'storage-id': flags.image.storageId(),
    'is-public': flags.image.isPublic(),
    'is-cacheable': flags.image.isCacheable(),
  }

  async run() {
    const { args, flags: given } = await this.parse(ImageAddLocal)
    const request = { path: args.path, ...flags.byColumn(given) }
    const image = await this.withRegistry((registry) => registerLocalImage(registry, request))
    await this.printId(image.id)
    return image
  }
}
