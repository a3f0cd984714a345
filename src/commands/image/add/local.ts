import { BaseCommand } from '../../../cli/command/base-command.ts'
import * as flags from '../../../cli/flags/common.ts'
import { requireFitting } from '../../../cli/flags/given.ts'
import {
  checkGuest,
  fileExpectations,
  LOCAL_IMAGE_GROUPS,
  listedChecksum,
  manyFiles,
  md5sum,
  newImage,
  newLocalImage,
  prepareGuest,
  thorough,
} from '../../../cli/flags/image.ts'
import type { sharingOf } from '../../../cli/notes/shared-file.ts'
import { areSeveral, namedFiles } from '../../../cli/session/named-files.ts'
import { namedSource } from '../../../registry/image/files/image-sources.ts'
import { isChecksumFile } from '../../../registry/image/register/given-checksum.ts'
import { registerLocal } from '../../../registry/image/register/register-local.ts'
import { registerMany } from '../../../registry/image/register/register-many.ts'
import { FILE_FORMATS, TARGET_FORMATS } from '../../../registry/rules/values.ts'

/** Options that belong to one image. */
const OF_ONE = ['uuid', 'display-name', 'md5sum']

export default class ImageAddLocal extends BaseCommand {
  static override summary = 'Register an image that boots from a local copy.'
  static override description =
    'Checks and hashes files, also packed with gzip or tar, and verifies PATH.sha256 and PATH.md5. Registers each completely or not at all, and prints the IDs. --convert and --prepare register copies, also of xz, zstd, bzip2, zip and OVA.'
  static override examples = [
    '<%= config.bin %> image add local lucid.vmdk --account-id a-shpoolxx --convert qcow2',
    '<%= config.bin %> image add local --recursive /srv/images --account-id a-shpoolxx',
    'id=$(<%= config.bin %> image add local lucid.raw.gz --account-id a-k3x9q0bz)',
  ]
  static override exits = [0, 1, 2, 3, 4, 5, 6, 7, 9, 130, 143]
  static override args = {
    path: flags.paths('Disk image file, backup object (bo-...), or - for a list on stdin.'),
  }
  static override flags = flags.grouped(
    LOCAL_IMAGE_GROUPS,
    {
      ...newImage(`Require this format: ${FILE_FORMATS.join(', ')}.`),
      ...newLocalImage,
      checksum: listedChecksum(),
      md5sum: md5sum(),
      thorough: thorough(),
      check: checkGuest(),
      ...fileExpectations,
      ...manyFiles,
      'storage-id': flags.text('bkst-ID', 'Backup storage. Default: by service type or path.'),
      convert: flags.choice('FORMAT', TARGET_FORMATS, 'Convert to'),
      prepare: prepareGuest(),
      quiet: flags.onlyIds(),
      'dry-run': flags.dryRun(),
    },
    'REGISTRATION',
  )

  async run(): Promise<void> {
    const { args, flags: given } = await this.parse(ImageAddLocal)
    const { recursive, null: isNull, ...request } = given
    const naming = { recursive, null: isNull }
    const isSeveral = areSeveral(args.path, naming)
    const ofOne = isChecksumFile(given.checksum) ? OF_ONE : [...OF_ONE, 'checksum']
    requireFitting(given, ofOne, args.path, isSeveral)
    const columns = flags.byColumn(request)
    const details = this.answer.isAskedFor
    if (!isSeveral) {
      const named = namedSource(args.path[0] as string)
      const { image, sharing } = await this.session.watched((watcher) =>
        this.session.withRegistry(async (registry) => {
          const image = await registerLocal(registry, named.word, columns, watcher, { details, named })
          return { image, sharing: await this.#sharing(registry, image, false) }
        }),
      )
      await this.answer.id(image)
      if (sharing !== undefined) await this.answer.note(sharing)
      return
    }
    await this.session.watched(async (watcher) => {
      const files = await namedFiles(this.session, args.path, naming, watcher)
      return this.session.withRegistry((registry) =>
        this.answer.ids(this.#counted(registerMany(registry, files, columns, watcher, { details })), async (image) => {
          const sharing = await this.#sharing(registry, image, true)
          if (sharing !== undefined) await this.answer.note(sharing)
        }),
      )
    })
  }

  /** Yields outcomes, and then tells a person how many files were registered, if some were not. */
  async *#counted(outcomes: ReturnType<typeof registerMany>): ReturnType<typeof registerMany> {
    let [done, all] = [0, 0]
    for await (const outcome of outcomes) {
      all++
      if ('result' in outcome) done++
      yield outcome
    }
    if (done < all && this.answer.isTelling && !this.session.isDryRun)
      await this.answer.note(`Registered ${done} of ${all} files`)
  }

  /** Returns what a person is told of an image whose file was registered before. */
  async #sharing(...of: Parameters<typeof sharingOf>): Promise<string | undefined> {
    if (!this.answer.isTelling) return undefined
    return (await import('../../../cli/notes/shared-file.ts')).sharingOf(...of)
  }
}
