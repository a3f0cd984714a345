import { BaseCommand, globalFlags } from '../../cli/command/base-command.ts'
import { escapeUnsafe } from '../../cli/terminal/escape.ts'
import { outputClosed, writeOut } from '../../cli/terminal/output.ts'
import { exportRegistry } from '../../registry/transfer/export.ts'

export default class RegistryExport extends BaseCommand {
  static override baseFlags = globalFlags
  static override summary = 'Export the whole registry to stdout.'
  static override description =
    'Exports accounts, backup storages, backup objects, images and labels, including deleted ones, from one consistent snapshot: one JSON object per line, between a header and a last line with the counts. IDs of purged images are included, so that they stay taken. Histories and files are not exported.'
  static override examples = [
    '<%= config.bin %> registry export > registry.ndjson',
    '<%= config.bin %> registry export |\n  VDC_MANAGE_DATABASE_URI=mysql://root@db.example/wakame_dcmgr \\\n  <%= config.bin %> registry import',
  ]
  static override exits = [0, 1, 2, 3, 6, 7, 130, 143]

  async run(): Promise<void> {
    await this.parse(RegistryExport)
    await this.session.interruptible(() =>
      this.session.withRegistry((registry) =>
        exportRegistry(registry, async (lines) => {
          // Escapes do not change the values of the JSON.
          if (!(await writeOut(escapeUnsafe(lines, '\n')))) throw outputClosed()
        }),
      ),
    )
  }
}
