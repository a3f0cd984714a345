import { Flags } from '@oclif/core'
import { BaseCommand } from '../../cli/base-command.ts'
import { renderReport } from '../../cli/file-report.ts'
import * as flags from '../../cli/flags.ts'
import { checksum, fileExpectations, thorough } from '../../cli/image-flags.ts'
import { VdcError } from '../../errors.ts'
import { type FileReport, inspectFile } from '../../registry/image/inspect-file.ts'
import { ARCHES, FILE_FORMATS } from '../../registry/values.ts'

export default class ImageInspect extends BaseCommand {
  static override summary = 'Tell what disk image files are, and whether they may be registered.'
  static override description =
    'Each file goes through what image add local does with it, and nothing is registered; no database is needed. --thorough finds compressed data that cannot be unpacked; damage that unpacks to other bytes shows in a checksum only. The exit code is 3 where a file would be refused.'
  static override examples = [
    '<%= config.bin %> image inspect lucid.qcow2',
    '<%= config.bin %> image inspect --no-checksum /srv/incoming/*',
    '<%= config.bin %> image inspect --thorough appliance.vmdk',
    "<%= config.bin %> image inspect lucid.raw.gz --json | jq -r '.file_format, .virtual_size, .sha256'",
  ]
  static override exits = [0, 1, 2, 3, 6, 130, 143]
  static override args = { path: flags.paths('Disk image files.') }
  static override flags = {
    'file-format': flags.choice(FILE_FORMATS, 'Format that they must have.'),
    arch: flags.choice(ARCHES, 'Architecture that they must be made for, as far as they tell.'),
    checksum: checksum(),
    thorough: thorough(),
    'no-checksum': Flags.boolean({ exclusive: ['checksum'], summary: 'Leave the checksums out, which take long.' }),
    ...fileExpectations,
  }

  async run() {
    const { args, flags: given } = await this.parse(ImageInspect)
    const { no_checksum, ...expected } = flags.byColumn(given)
    if (args.path.length > 1 && given.checksum !== undefined) throw oneChecksum()
    const isErrorBeside = process.stdout.isTTY === true && process.stderr.isTTY === true
    return this.watched(async (watcher) => {
      for (const path of args.path) {
        const report = await inspectFile({ ...expected, path, hash: !no_checksum }, watcher)
        await this.answer.thing(report, renderReport(report, isErrorBeside))
        if (report.error !== undefined) await this.noteError(errorOf(report.error))
      }
      await this.answer.endThings(args.path.length === 1)
    })
  }
}

function errorOf({ code, message, hint }: NonNullable<FileReport['error']>): VdcError {
  return new VdcError(code, message, { hint })
}

function oneChecksum(): VdcError {
  return new VdcError('USAGE', 'A checksum is that of one file, and several are given')
}
