import { BaseCommand } from '../../cli/base-command.ts'
import * as flags from '../../cli/flags.ts'
import { newObject } from '../../cli/object-flags.ts'
import { addObject } from '../../registry/backup-object/add.ts'
import { addFileObject } from '../../registry/backup-object/add-file.ts'

/** What nobody can tell without a file. */
const REQUIRED = ['object_key', 'size', 'checksum'] as const

export default class BackupObjectAdd extends BaseCommand {
  static override summary = 'Register a backup object, the bytes of an image in a storage, and print its id.'
  static override description =
    'With --from-file the file tells its sizes, checksum and container format. It is the object itself where it lies in a storage, or in a folder for which one is made; with --object-key it is a copy of what lies there.'
  static override examples = [
    '<%= config.bin %> backupobject add --from-file /var/lib/wakame-vdc/images/lucid.raw.gz',
    'image=$(<%= config.bin %> image add local "$(<%= config.bin %> backupobject add --from-file lucid.raw.gz)" --account-id a-shpoolxx)',
    '<%= config.bin %> backupobject add --display-name lucid --storage-id bkst-local --object-key lucid.raw.gz --container-format gz --size 359940 --allocation-size 149084 --checksum 1f841b195e0fdfd4342709f77325ce29',
  ]
  static override exits = [0, 1, 2, 3, 4, 5, 6, 7, 130, 143]
  static override flags = { ...newObject, 'dry-run': flags.dryRun() }

  async run() {
    const { flags: given } = await this.parse(BackupObjectAdd)
    const { from_file: path, ...request } = flags.byColumn(given)
    const object = await (path === undefined
      ? this.withRegistry((registry) =>
          addObject(registry, this.requireOptions(request, REQUIRED, 'Or give --from-file, which tells most of it')),
        )
      : this.watched((watcher) =>
          this.withRegistry((registry) => addFileObject(registry, { ...request, path }, watcher)),
        ))
    await this.printId(object.id)
    return object
  }
}
