import { ORPHAN_COLUMNS } from '../../cli/answer/columns/orphan.ts'
import { BaseCommand } from '../../cli/command/base-command.ts'
import * as flags from '../../cli/flags/common.ts'
import { VdcError } from '../../core/errors.ts'
import { findOrphans } from '../../registry/image/check/orphans.ts'

export default class ImageOrphans extends BaseCommand {
  static override summary = 'Find unregistered files and missing files.'
  static override description =
    'Searches the folders of local backup storages on this host; links are not followed, and nothing is changed. unknown_file: a file that no backup object in any storage refers to; ID is its storage. missing_file: an available backup object whose file is gone; IMAGES lists the images that use it. A folder that cannot be read causes a warning and exit code 9.'
  static override examples = [
    '<%= config.bin %> image orphans',
    '<%= config.bin %> image orphans --storage-id bkst-k3x9q0bz | grep ^missing_file',
  ]
  static override exits = [0, 1, 2, 3, 4, 5, 6, 7, 9, 130, 143]
  static override flags = {
    'storage-id': flags.text('bkst-ID', 'Search only this backup storage.'),
    quiet: flags.onlyIds(),
  }

  async run(): Promise<void> {
    const { flags: given } = await this.parse(ImageOrphans)
    const search = { notRead: 0 }
    await this.session.interruptible(() =>
      this.session.withRegistry((registry) =>
        this.answer.list(() => singly(findOrphans(registry, given['storage-id'], search)), ORPHAN_COLUMNS),
      ),
    )
    if (search.notRead > 0) {
      await this.answer.error(new VdcError('PARTLY_DONE', 'Some folders could not be searched'), { isAnswered: false })
    }
  }
}

/** Makes a batch of each item, so that it is printed at once: finding the next one may take long. */
async function* singly<T>(items: AsyncIterable<T>): AsyncGenerator<T[]> {
  for await (const item of items) yield [item]
}
