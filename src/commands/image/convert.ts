import { Flags } from '@oclif/core'
import { BaseCommand } from '../../cli/base-command.ts'
import * as flags from '../../cli/flags.ts'
import { fileExpectations } from '../../cli/image-flags.ts'
import { printable } from '../../cli/printable.ts'
import { makeOnce } from '../../cli/shell/made-files.ts'
import { convertFile, tryConvertFile } from '../../registry/image/convert-file.ts'
import { FILE_FORMATS, TARGET_FORMATS } from '../../registry/values.ts'

export default class ImageConvert extends BaseCommand {
  static override summary = 'Convert a disk image into a new file, and print its path.'
  static override description =
    'The source is inspected first, as image inspect does it, and the result afterwards. The new file appears when it is whole; what exists is never overwritten. In the shell, it stays even if --tx bulk stores nothing. No database is needed.'
  static override examples = [
    '<%= config.bin %> image convert appliance.vmdk appliance.qcow2 --to qcow2 --compress',
    '<%= config.bin %> image add local "$(<%= config.bin %> image convert lucid.raw.gz /srv/images/lucid.qcow2 --to qcow2)" --account-id a-shpoolxx',
  ]
  static override exits = [0, 1, 2, 3, 5, 6, 130, 143]
  static override args = {
    path: flags.path('Disk image file; it may be packed with gzip or tar.'),
    out: flags.path('File that is made.'),
  }
  static override flags = {
    to: Flags.string({ options: [...TARGET_FORMATS], required: true, summary: 'Format of the new file.' }),
    compress: Flags.boolean({ summary: 'Compress it; goes with qcow2 and vmdk.' }),
    'file-format': flags.choice(FILE_FORMATS, 'Format that the source must have. Default: what it has.'),
    ...fileExpectations,
    'dry-run': flags.dryRun(),
  }

  async run() {
    const { args, flags: given } = await this.parse(ImageConvert)
    const request = { ...args, ...flags.byColumn(given) }
    const warn = (text: string) => void this.noteWarning(text)
    if (this.isDryRun) {
      this.wouldDo(await this.watched((watcher) => tryConvertFile(request, watcher, warn)))
      return
    }
    const report = await makeOnce(request, () => this.watched((watcher) => convertFile(request, watcher, warn)))
    // As ls does it: a name goes into a pipe as it is, and may not write upon a terminal.
    if (!this.answer.isAskedFor)
      await this.answer.text(`${process.stdout.isTTY ? printable(report.path) : report.path}\n`)
    return report
  }
}
