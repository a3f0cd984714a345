import { Flags } from '@oclif/core'
import { BaseCommand } from '../../cli/command/base-command.ts'
import * as flags from '../../cli/flags/common.ts'
import { exportImage, tryExportImage } from '../../registry/image/export/export-image.ts'
import { TARGET_FORMATS } from '../../registry/rules/values.ts'

export default class ImageExport extends BaseCommand {
  static override summary = "Write an image's file, with its checksum beside it."
  static override description =
    'Copies the file that the image boots from to a new file, unpacked or converted, and prints its path. The file must have the registered checksums. OUT.sha256 gets the SHA-256 of the new file: sha256sum -c and image add local verify it. Both files appear only when they are complete, and existing files are never overwritten. To export the records of the registry, use registry export.'
  static override examples = [
    '<%= config.bin %> image export wmi-k3x9q0bz /media/usb/lucid.qcow2',
    '<%= config.bin %> image export wmi-k3x9q0bz lucid.vmdk --to vmdk --compress',
  ]
  static override exits = [0, 1, 2, 3, 4, 5, 6, 7, 130, 143]
  static override args = {
    id: flags.oneId(flags.idOrName('Image', 'wmi-')),
    out: flags.path('New file.'),
  }
  static override flags = {
    to: flags.choice('FORMAT', TARGET_FORMATS, 'Convert to'),
    compress: Flags.boolean({ dependsOn: ['to'], summary: 'Compress the new file (qcow2 and vmdk only).' }),
    packed: Flags.boolean({ exclusive: ['to'], summary: 'Do not unpack: write the file exactly as it is stored.' }),
    'dry-run': flags.dryRun(),
  }

  async run(): Promise<void> {
    const { args, flags: given } = await this.parse(ImageExport)
    const request = { ...args, ...flags.byColumn(given) }
    if (this.session.isDryRun) {
      const change = await this.session.watched((watcher) =>
        this.session.withRegistry((registry) => tryExportImage(registry, request, watcher)),
      )
      this.session.wouldDo(change)
      return
    }
    const report = await this.session.makeOnce(request, () =>
      this.session.watched((watcher) =>
        this.session.withRegistry((registry) => exportImage(registry, request, watcher)),
      ),
    )
    if (this.answer.isAskedFor) return this.answer.thing(report)
    await this.answer.path(report.path)
  }
}
