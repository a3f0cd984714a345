import { BaseCommand } from '../../../cli/command/base-command.ts'
import * as flags from '../../../cli/flags/common.ts'
import { DOWNLOAD_GROUPS, download } from '../../../cli/flags/download.ts'
import {
  checkGuest,
  fileExpectations,
  newImage,
  newLocalImage,
  prepareGuest,
  thorough,
} from '../../../cli/flags/image.ts'
import {
  DOWNLOAD_RETRIES,
  DOWNLOAD_TIMEOUT,
  MAX_DOWNLOAD,
  registerUrl,
} from '../../../registry/image/download/register-url.ts'
import { FILE_FORMATS, TARGET_FORMATS } from '../../../registry/rules/values.ts'

export default class ImageAddUrl extends BaseCommand {
  static override summary = 'Download a disk image and register it.'
  static override description =
    'Downloads the file into a folder of this host, where it appears once it is complete and has its checksum; then registers it as image add local does. If the connection breaks or the command is interrupted, the same command resumes the download. A file that is already there is used if it has the checksum, and never overwritten. A downloaded file is kept even if it cannot be registered. Credentials in the URL are sent only to its host and never printed.'
  static override examples = [
    '<%= config.bin %> image add url https://host.example/lucid.qcow2 \\\n  --checksum https://host.example/SHA256SUMS --into /srv/images \\\n  --account-id a-shpoolxx',
    'id=$(<%= config.bin %> image add url https://host.example/lucid.vmdk \\\n  --checksum sha256:HEX --into /srv/images --convert qcow2 \\\n  --account-id a-shpoolxx)',
  ]
  static override exits = [0, 1, 2, 3, 4, 5, 6, 7, 130, 143]
  static override args = { url: flags.path('https:// or http:// URL of a disk image file.') }
  static override flags = flags.grouped(DOWNLOAD_GROUPS, {
    ...newImage(`Require this format: ${FILE_FORMATS.join(', ')}.`),
    ...newLocalImage,
    ...download({ mostBytes: MAX_DOWNLOAD, timeout: DOWNLOAD_TIMEOUT, retries: DOWNLOAD_RETRIES }),
    'storage-id': flags.text('bkst-ID', 'Backup storage. Default: by service type or path.'),
    thorough: thorough(),
    check: checkGuest(),
    ...fileExpectations,
    convert: flags.choice('FORMAT', TARGET_FORMATS, 'Convert to'),
    prepare: prepareGuest(),
    quiet: flags.onlyIds(),
    'dry-run': flags.dryRun(),
  })

  async run(): Promise<void> {
    const { args, flags: given } = await this.parse(ImageAddUrl)
    const details = this.answer.isAskedFor
    const request = { ...args, ...flags.byColumn(given) }
    const { image, sharing } = await this.session.watched((watcher) =>
      this.session.withRegistry(async (registry) => {
        const image = await registerUrl(registry, request, watcher, { details })
        if (image === undefined || !this.answer.isTelling) return { image, sharing: undefined }
        const { sharingOf } = await import('../../../cli/notes/shared-file.ts')
        return { image, sharing: await sharingOf(registry, image, false) }
      }),
    )
    if (image !== undefined) await this.answer.id(image)
    if (sharing !== undefined) await this.answer.note(sharing)
  }
}
