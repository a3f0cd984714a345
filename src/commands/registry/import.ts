import { addAbortSignal } from 'node:stream'
import { Args } from '@oclif/core'
import { BaseCommand } from '../../cli/command/base-command.ts'
import * as flags from '../../cli/flags/common.ts'
import { sharedRegistry } from '../../cli/session/open-registry.ts'
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

  async run() {
    const { args } = await this.parse(RegistryImport)
    const outcome = await this.interruptible(({ signal }) => {
      const source = args.file === '-' ? addAbortSignal(signal, stdin()) : args.file
      return this.withRegistry((registry) => importRegistry(registry, source))
    })
    if ('conflicts' in outcome) {
      const { conflicts, error } = outcome
      if (!this.jsonEnabled() || this.isDryRun) for (const conflict of conflicts) await this.note(lineOf(conflict))
      if (this.isDryRun) throw error
      await this.noteError(error)
      // csv and value would print an empty row.
      return ['csv', 'value'].includes(this.answer.format) ? undefined : { conflicts, ...error.toJSON() }
    }
    if (!this.isDryRun) await this.note(sentenceOf(outcome))
    return outcome
  }
}

/**
 * Returns stdin to read a registry from.
 *
 * @throws VdcError USAGE if stdin is a terminal, or in a shell, which may run a command twice.
 */
function stdin(): NodeJS.ReadStream {
  if (sharedRegistry() === undefined && !process.stdin.isTTY) return process.stdin
  const why = sharedRegistry() === undefined ? 'stdin is a terminal' : 'registry import cannot read stdin in the shell'
  throw new VdcError('USAGE', `No file is given, and ${why}`, {
    hint: 'Give a file: vdc-manage registry import FILE',
  })
}

function lineOf({ id, fields, why }: ImportConflict): string {
  return printable(`Conflict: ${id}: ${why ?? fields.join(', ')}`)
}

function sentenceOf(summary: ImportSummary): string {
  return `Imported: ${Object.entries(summary)
    .map(([type, { added, unchanged }]) => `${type.replace('_', ' ')} ${added} added, ${unchanged} unchanged`)
    .join('; ')}`
}
