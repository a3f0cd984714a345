import { addAbortSignal } from 'node:stream'
import { Args } from '@oclif/core'
import { BaseCommand } from '../../cli/command/base-command.ts'
import * as flags from '../../cli/flags/common.ts'
import { printable } from '../../cli/terminal/escape.ts'
import { VdcError } from '../../core/errors.ts'
import { type ImportSummary, importRegistry } from '../../registry/transfer/import.ts'
import type { ImportConflict } from '../../registry/transfer/importing.ts'

export default class RegistryImport extends BaseCommand {
  static override summary = 'Import an exported registry; all or nothing.'
  static override description =
    'Reads what vdc-manage registry export wrote. IDs are kept. Identical records are skipped, so an import can be repeated. Records that differ from existing ones are listed, and then nothing is imported. Images and backup objects start a new history. IDs of images that were purged, in either registry, stay taken. Data from a pipe is stored in TMPDIR (default: /var/tmp) until it is complete.'
  static override examples = [
    '<%= config.bin %> registry import registry.ndjson',
    'ssh other.example <%= config.bin %> registry export |\n  <%= config.bin %> registry import -',
  ]
  static override exits = [0, 1, 2, 3, 5, 6, 7, 130, 143]
  static override args = {
    file: Args.string({
      default: '-',
      ignoreStdin: true,
      description: 'File that registry export wrote. Default: stdin (-).',
    }),
  }

  static override flags = { 'dry-run': flags.dryRun() }

  async run(): Promise<void> {
    const { args } = await this.parse(RegistryImport)
    const outcome = await this.session.interruptible(({ signal }) => {
      const source = args.file === '-' ? addAbortSignal(signal, stdin(this.session.isShell)) : args.file
      return this.session.withRegistry((registry) => importRegistry(registry, source))
    })
    if ('conflicts' in outcome) {
      const { conflicts, error } = outcome
      if (!this.answer.isJson || this.session.isDryRun)
        for (const conflict of conflicts) await this.answer.note(lineOf(conflict))
      if (this.session.isDryRun) throw error
      await this.answer.error(error)
      // The lines on stderr read better than a table; csv and value would print an empty row.
      if (this.answer.isNested) await this.answer.result({ conflicts, ...error.toJSON() })
      return
    }
    if (!this.session.isDryRun) await this.answer.note(sentenceOf(outcome))
    await this.answer.result(outcome)
  }
}

/**
 * Returns stdin to read a registry from.
 *
 * @throws VdcError USAGE if stdin is a terminal, or in a shell, which may run a command twice.
 */
function stdin(isShell: boolean): NodeJS.ReadStream {
  if (!isShell && !process.stdin.isTTY) return process.stdin
  const why = isShell ? 'registry import cannot read stdin in the shell' : 'stdin is a terminal'
  throw new VdcError('USAGE', `No file given, and ${why}`, {
    hint: 'Give a file: vdc-manage registry import FILE',
  })
}

function lineOf({ id, fields, why }: ImportConflict): string {
  return printable(`Conflict: ${id}: ${why ?? fields.join(', ')}`)
}

function sentenceOf(summary: ImportSummary): string {
  const added = Object.entries(summary).flatMap(([type, { added }]) =>
    added === 0 ? [] : [`${added} ${type.replace('_', ' ')}${added === 1 ? '' : 's'}`],
  )
  const unchanged = Object.values(summary).reduce((sum, counts) => sum + counts.unchanged, 0)
  const imported = `Imported: ${added.join(', ') || 'nothing new'}`
  if (unchanged === 0) return imported
  return `${imported}; ${unchanged} ${unchanged === 1 ? 'entry was' : 'entries were'} already there`
}
