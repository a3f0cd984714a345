import { Flags } from '@oclif/core'
import { IMAGE_FOLDER_COLUMNS } from '../../cli/answer/columns/image-folder.ts'
import { BaseCommand } from '../../cli/command/base-command.ts'
import { toldOneByOne } from '../../cli/command/each-id.ts'
import * as flags from '../../cli/flags/common.ts'
import { VdcError } from '../../core/errors.ts'

export default class BackupStorageTrust extends BaseCommand {
  static override summary = 'Trust image folders of this host, or list them.'
  static override description =
    'image purge and image verify touch a file only if it is in an image folder of this host (a trusted folder), whatever the registry says. Registering a file or adding a backup storage on this host makes its folder an image folder. Run this command once for storages that were imported, or added by other programs or on other hosts. Subfolders are included. System folders are refused. Without FOLDER, the image folders are listed.'
  static override examples = [
    '<%= config.bin %> backupstorage trust /var/lib/wakame-vdc/images',
    '<%= config.bin %> backupstorage trust --remove /srv/old-images',
    '<%= config.bin %> backupstorage trust --format value -c path',
  ]
  static override exits = [0, 1, 2, 3, 6, 9]
  static override args = { folder: flags.anyIds('Folders of this host.') }
  static override flags = {
    remove: Flags.boolean({ summary: 'Remove the folders from the list; their files are kept.' }),
  }

  async run(): Promise<void> {
    const { args, flags: given } = await this.parse(BackupStorageTrust)
    const { listImageFolders, trustFolder, untrustFolder } = await import('../../registry/image-folders.ts')
    if (args.folder !== undefined)
      return this.answer.each(args.folder, toldOneByOne(given.remove ? untrustFolder : trustFolder))
    if (given.remove) throw new VdcError('USAGE', 'No folder given', { hint: 'Give the folders to remove' })
    const folders = await listImageFolders()
    await this.answer.list(() => [folders], IMAGE_FOLDER_COLUMNS)
  }
}
