import { Flags } from '@oclif/core'
import { renderReport } from '../../cli/answer/views/file.ts'
import { BaseCommand } from '../../cli/command/base-command.ts'
import * as flags from '../../cli/flags/common.ts'
import { checksum, fileExpectations, thorough } from '../../cli/flags/image.ts'
import { VdcError } from '../../core/errors.ts'
import { type FileReport, inspectFile } from '../../registry/image/check/inspect-file.ts'
import { ARCHES, FILE_FORMATS } from '../../registry/rules/values.ts'

export default class ImageInspect extends BaseCommand {
  static override summary = 'Check whether files can be registered; show their format.'
  static override description =
    'Runs the checks of image add local without registering anything; no database is needed. The exit code is 3 if any file would be refused. --thorough finds compressed data that cannot be unpacked; only a checksum detects data that unpacks to the wrong bytes.'
  static override examples = [
    '<%= config.bin %> image inspect lucid.qcow2',
    '<%= config.bin %> image inspect --no-checksum /srv/incoming/*',
    '<%= config.bin %> image inspect --thorough appliance.vmdk',
    "<%= config.bin %> image inspect lucid.raw.gz --json |\n  jq -r '.file_format, .virtual_size, .sha256'",
  ]
  static override exits = [0, 1, 2, 3, 6, 130, 143]
  static override args = { path: flags.paths('Disk image files.') }
  static override flags = {
    'file-format': flags.choice('FORMAT', FILE_FORMATS, 'Require this format'),
    arch: flags.choice('ARCH', ARCHES, 'Require this architecture, if it can be detected'),
    checksum: checksum(),
    thorough: thorough(),
    'no-checksum': Flags.boolean({ exclusive: ['checksum'], summary: 'Skip the checksums, which are slow.' }),
    ...fileExpectations,
  }

  async run(): Promise<void> {
    const { args, flags: given } = await this.parse(ImageInspect)
    const { no_checksum, ...expected } = flags.byColumn(given)
    if (args.path.length > 1 && given.checksum !== undefined) throw oneChecksum()
    const isErrorBeside = process.stdout.isTTY === true && process.stderr.isTTY === true
    await this.session.watched((watcher) => {
      const requests = args.path.map((path) => ({ ...expected, path, hash: !no_checksum }))
      const textOf = (report: FileReport) => renderReport(report, isErrorBeside)
      return this.answer.things(this.#inspect(requests, watcher), requests.length === 1, textOf)
    })
  }

  /** Inspects files one after the other, and reports the error of each after its report. */
  async *#inspect(requests: Parameters<typeof inspectFile>[0][], watcher: Parameters<typeof inspectFile>[1]) {
    for (const request of requests) {
      const report = await inspectFile(request, watcher)
      yield report
      if (report.error !== undefined) await this.answer.error(errorOf(report.error))
    }
  }
}

function errorOf({ code, message, hint }: NonNullable<FileReport['error']>): VdcError {
  return new VdcError(code, message, { hint })
}

function oneChecksum(): VdcError {
  return new VdcError('USAGE', '--checksum can be used with only one file')
}
