import { BaseCommand } from '../../cli/command/base-command.ts'
import { newObject } from '../../cli/flags/backup-object.ts'
import * as flags from '../../cli/flags/common.ts'
import { requireOptions } from '../../cli/flags/given.ts'
import { addObject } from '../../registry/backup-object/add.ts'
import { addFileObject } from '../../registry/backup-object/add-file.ts'

/** Options that are required without `--from-file`. */
const REQUIRED = ['object_key', 'size', 'checksum'] as const

export default class BackupObjectAdd extends BaseCommand {
  static override summary = 'Register a backup object and print its ID.'
  static override description =
    'A backup object is the stored file of an image. With --from-file, vdc-manage reads the sizes, checksum and container format from the file. The file itself becomes the backup object; if no backup storage contains it, one is created for its folder. With --object-key as well, it is only a copy of the object with that key.'
  static override examples = [
    '<%= config.bin %> backupobject add --from-file /srv/images/lucid.raw.gz',
    'bo=$(<%= config.bin %> backupobject add --from-file lucid.raw.gz)\n<%= config.bin %> image add local "$bo" --account-id a-shpoolxx',
    '<%= config.bin %> backupobject add --display-name lucid --storage-id bkst-local \\\n  --object-key lucid.raw.gz --container-format gz --size 359940 \\\n  --allocation-size 149084 --checksum 1f841b195e0fdfd4342709f77325ce29',
  ]
  static override exits = [0, 1, 2, 3, 4, 5, 6, 7, 130, 143]
  static override flags = newObject

  async run(): Promise<void> {
    const { flags: given } = await this.parse(BackupObjectAdd)
    const { from_file: path, ...request } = flags.byColumn(given)
    const object = await (path === undefined
      ? this.session.withRegistry((registry) =>
          addObject(registry, requireOptions(request, REQUIRED, 'To read the values from a file, use --from-file')),
        )
      : this.session.watched((watcher) =>
          this.session.withRegistry((registry) => addFileObject(registry, { ...request, path }, watcher)),
        ))
    await this.answer.id(object)
  }
}
