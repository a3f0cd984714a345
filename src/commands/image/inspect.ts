import { Flags } from '@oclif/core'
import { FILE_COLUMNS } from '../../cli/answer/columns/file.ts'
import { printReports } from '../../cli/answer/outcomes/reports.ts'
import { findingsOf, renderReport } from '../../cli/answer/views/file.ts'
import { BaseCommand } from '../../cli/command/base-command.ts'
import * as flags from '../../cli/flags/common.ts'
import { requireFitting } from '../../cli/flags/given.ts'
import { checksum, fileExpectations, manyFiles, thorough } from '../../cli/flags/image.ts'
import { areSeveral, namedFiles } from '../../cli/session/named-files.ts'
import type { FileReport } from '../../registry/image/check/inspect-file.ts'
import { inspectMany, inspectOne } from '../../registry/image/check/inspect-many.ts'
import { namedSource } from '../../registry/image/files/image-sources.ts'
import { ARCHES, FILE_FORMATS } from '../../registry/rules/values.ts'

export default class ImageInspect extends BaseCommand {
  static override summary = 'Check whether files can be registered; show their format.'
  static override description =
    'Runs the checks of image add local without registering anything; no database is needed. At a terminal, prints several files as a table. The exit code is 3 if any file would be refused. --thorough finds compressed data that cannot be unpacked; only a checksum detects data that unpacks to the wrong bytes.'
  static override examples = [
    '<%= config.bin %> image inspect lucid.qcow2',
    '<%= config.bin %> image inspect --no-checksum --recursive /srv/incoming',
    '<%= config.bin %> image inspect --thorough appliance.vmdk',
    "<%= config.bin %> image inspect lucid.raw.gz --json |\n  jq -r '.file_format, .virtual_size, .sha256'",
  ]
  static override exits = [0, 1, 2, 3, 6, 130, 143]
  static override args = { path: flags.paths('Disk image files. Use - for a list on stdin.') }
  static override flags = {
    'file-format': flags.choice('FORMAT', FILE_FORMATS, 'Require this format'),
    arch: flags.choice('ARCH', ARCHES, 'Require this architecture, if it can be detected'),
    checksum: checksum(),
    thorough: thorough(),
    'no-checksum': Flags.boolean({ exclusive: ['checksum'], summary: 'Skip the checksums, which are slow.' }),
    ...fileExpectations,
    ...manyFiles,
  }

  async run(): Promise<void> {
    const { args, flags: given } = await this.parse(ImageInspect)
    const { no_checksum, recursive, null: isNull, ...expected } = flags.byColumn(given)
    const naming = { recursive, null: isNull }
    const isSeveral = areSeveral(args.path, naming)
    requireFitting(given, ['checksum'], args.path, isSeveral)
    const isErrorBeside = process.stdout.isTTY === true && process.stderr.isTTY === true
    const request = { ...expected, hash: !no_checksum }
    await this.session.watched(async (watcher) => {
      const reports = isSeveral
        ? inspectMany(await namedFiles(this.session, args.path, naming, watcher), request, watcher)
        : inspectOne(namedSource(args.path[0] as string), request, watcher)
      const textOf = (report: FileReport) => renderReport(report, isErrorBeside)
      return printReports(this.answer, reports, !isSeveral, { columns: FILE_COLUMNS, textOf, findingsOf })
    })
  }
}
