import { Flags } from '@oclif/core'
import { BaseCommand } from '../../cli/command/base-command.ts'
import * as flags from '../../cli/flags/common.ts'
import { fileExpectations } from '../../cli/flags/image.ts'
import { convertFile, tryConvertFile } from '../../registry/image/register/convert-file.ts'
import { FILE_FORMATS, TARGET_FORMATS } from '../../registry/rules/values.ts'

export default class ImageConvert extends BaseCommand {
  static override summary = 'Convert a disk image to a new file and print its path.'
  static override description =
    'Checks the source as image inspect does, and then the result. The new file appears only when it is complete, and existing files are never overwritten. In the shell, the new file is kept even if --tx bulk stores nothing. No database is needed.'
  static override examples = [
    '<%= config.bin %> image convert appliance.vmdk appliance.qcow2 --to qcow2 --compress',
    '<%= config.bin %> image convert appliance.ova appliance.qcow2 --to qcow2',
    'file=$(<%= config.bin %> image convert lucid.raw.gz lucid.qcow2 --to qcow2)\n<%= config.bin %> image add local "$file" --account-id a-shpoolxx',
  ]
  static override exits = [0, 1, 2, 3, 5, 6, 130, 143]
  static override args = {
    path: flags.path('Disk image file, also packed (gzip, tar, xz, zstd, bzip2, zip or OVA).'),
    out: flags.path('New file.'),
  }
  static override flags = {
    to: Flags.string({
      helpValue: 'FORMAT',
      options: [...TARGET_FORMATS],
      required: true,
      summary: `Format of the new file: ${TARGET_FORMATS.join(', ')}.`,
    }),
    compress: Flags.boolean({ summary: 'Compress the new file (qcow2 and vmdk only).' }),
    'file-format': flags.choice('FORMAT', FILE_FORMATS, 'Require this source format'),
    ...fileExpectations,
    'dry-run': flags.dryRun(),
  }

  async run(): Promise<void> {
    const { args, flags: given } = await this.parse(ImageConvert)
    const request = { ...args, ...flags.byColumn(given) }
    const warn = (text: string) => void this.answer.warning(text)
    if (this.session.isDryRun) {
      this.session.wouldDo(await this.session.watched((watcher) => tryConvertFile(request, watcher, warn)))
      return
    }
    const report = await this.session.makeOnce(request, () =>
      this.session.watched((watcher) => convertFile(request, watcher, warn)),
    )
    if (this.answer.isAskedFor) return this.answer.thing(report)
    await this.answer.path(report.path)
  }
}
