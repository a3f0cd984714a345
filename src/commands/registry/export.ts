import { BaseCommand, globalFlags } from '../../cli/base-command.ts'
import { outputClosed, writeOut } from '../../cli/output.ts'
import { escapeUnsafe } from '../../cli/printable.ts'
import { exportRegistry } from '../../registry/transfer/export.ts'

export default class RegistryExport extends BaseCommand {
  static override baseFlags = globalFlags
  static override summary = 'Write the whole registry to stdout, for registry import.'
  static override description =
    'Accounts, backup storages, backup objects, images and labels, deleted ones too, as they are at one moment: a line of JSON each, between a header and a last line that counts them. Of images that were purged it has the ids, so that these stay taken. The history and the files are not in it.'
  static override examples = [
    '<%= config.bin %> registry export > registry.ndjson',
    '<%= config.bin %> registry export | VDC_MANAGE_DATABASE_URI=mysql://root@db.example/wakame_dcmgr <%= config.bin %> registry import',
  ]
  static override exits = [0, 1, 2, 3, 6, 7, 130, 143]

  async run() {
    await this.parse(RegistryExport)
    await this.interruptible(() =>
      this.withRegistry((registry) =>
        exportRegistry(registry, async (lines) => {
          // Which changes nothing of what the JSON says.
          if (!(await writeOut(escapeUnsafe(lines, '\n')))) throw outputClosed()
        }),
      ),
    )
  }
}
