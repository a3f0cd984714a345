import { Flags } from '@oclif/core'
import { counted, humanSize } from '../../cli/answer/cells.ts'
import { PURGED_COLUMNS } from '../../cli/answer/columns/purged.ts'
import { BaseCommand } from '../../cli/command/base-command.ts'
import * as flags from '../../cli/flags/common.ts'
import { allOf, noneOnStdin } from '../../cli/session/stdin-ids.ts'
import { confirmed } from '../../cli/terminal/confirm.ts'
import { VdcError } from '../../core/errors.ts'
import { settleLeftOvers } from '../../registry/purge/left-over.ts'
import type { PurgeOutcome } from '../../registry/purge/outcome.ts'
import { DEFAULT_AGE, type PurgePlan, planPurge, purge } from '../../registry/purge/purge.ts'
import { findStaying } from '../../registry/purge/staying.ts'

export default class ImagePurge extends BaseCommand {
  static override summary = 'Remove long-deleted images permanently.'
  static override description =
    'Removes the rows of deleted images, with their labels and tags, and lists these images. Their history is kept, and their IDs are never reused. Images are kept if they are protected, if they are the parent of an image that is not deleted, or if an instance was created from them.\n\n--files also removes files in local storages if their backup object was deleted as long ago and nothing else uses them; the object is kept in the state purged, even if its file was already gone. --unused does the same, also for backup objects that are not deleted, if they were not changed for as long and no image uses them, not even a deleted one that is not purged. A file is removed only if it is in an image folder of this host (see: vdc-manage backupstorage trust) and still has the size and MD5 of its object. If its folder is empty, the file does not count as gone, because the folder may not be mounted.\n\nThe age of imported images and objects counts from their import. At a terminal, the command shows what it will remove, how many bytes that frees, and which files stay and why, and asks for confirmation; elsewhere, it requires --yes.'
  static override examples = [
    '<%= config.bin %> image purge',
    '<%= config.bin %> image purge wmi-k3x9q0bz --older-than 0d',
    '<%= config.bin %> image purge --unused --dry-run',
    '<%= config.bin %> image purge --older-than 2w --files --yes | grep file',
  ]
  static override exits = [0, 1, 2, 3, 4, 5, 6, 7, 9, 130, 143]
  static override args = { id: flags.anyIds('Purge only these images: IDs or names. Use - to read them from stdin.') }
  static override flags = {
    'older-than': Flags.string({
      helpValue: 'AGE',
      default: DEFAULT_AGE,
      summary: 'Minimum time since deletion, such as 12h, 2w or 90d; or a date.',
    }),
    files: Flags.boolean({ summary: 'Also remove unused files of deleted backup objects.' }),
    unused: Flags.boolean({ summary: 'Like --files, also for backup objects that no image uses.' }),
    yes: Flags.boolean({ char: 'y', summary: 'Do not ask for confirmation.' }),
    quiet: flags.onlyIds(),
    'dry-run': flags.dryRun(),
  }

  async run(): Promise<void> {
    const { args, flags: given } = await this.parse(ImagePurge)
    const ids = args.id && (await allOf(this.session.ids(args.id))).flat()
    if (ids?.length === 0) {
      await this.answer.note(noneOnStdin())
      if (!this.answer.isAskedFor) return
    }
    const files = given.files || given.unused
    const request = { ids, older_than: given['older-than'], files, unused: given.unused }
    const plan = await this.session.withRegistry((registry) => planPurge(registry, request))
    if (this.answer.isRead) await this.#tellStaying(plan)
    const what = wordsFor(plan)
    if (what === '') {
      if (ids?.length !== 0) await this.answer.note(nothingToPurge(ids, given['older-than']))
      // A purge that was killed after its last commit may leave a file although nothing is left to purge.
      if (files && ids?.length !== 0 && !this.session.isDryRun)
        await this.session.withRegistry((registry) => settleLeftOvers(registry))
      if (!this.answer.isAskedFor) return
    } else if (!this.session.isDryRun) {
      await confirmed(`Remove ${what} for good`, {
        isShell: this.session.isShell,
        yes: given.yes,
        about: goingLines(plan.going),
      })
    }
    const outcome = { notRemoved: 0, bytes: 0 }
    await this.session.watched((watcher) =>
      this.session.withRegistry(async (registry) => {
        const purged = purge(registry, plan, outcome, watcher)
        // A dry run prints the changes itself.
        if (this.session.isDryRun) await allOf(purged)
        else await this.answer.listAsDone(purged, PURGED_COLUMNS)
      }),
    )
    await this.#tellOutcome(outcome)
  }

  async #tellOutcome({ notRemoved, bytes }: PurgeOutcome): Promise<void> {
    if (bytes > 0 && this.answer.isRead && !this.session.isDryRun) await this.answer.note(`Freed ${humanSize(bytes)}`)
    if (notRemoved === 0) return
    const error = new VdcError('PARTLY_DONE', `${counted(notRemoved, 'file')} could not be removed`)
    await this.answer.error(error, { isAnswered: false })
  }

  /** Says which files stay, and why. */
  async #tellStaying(plan: PurgePlan): Promise<void> {
    const staying = await this.session.withRegistry((registry) => findStaying(registry, plan))
    for (const { count, bytes, why } of staying)
      await this.answer.note(`Kept: ${counted(count, 'file')} (${humanSize(bytes)}), ${why}`)
  }
}

/** Returns the note that nothing is purged. Names the age unless IDs were given, as images that are too young are then errors. */
function nothingToPurge(ids: readonly string[] | undefined, age: string): string {
  return ids === undefined ? `Nothing to purge with --older-than ${age}` : 'Nothing to purge'
}

function wordsFor({ going: { images, files } }: PurgePlan): string {
  const bytes = files.bytes === 0 ? '' : ` (${humanSize(files.bytes)})`
  const words = [countOf(images.count, 'image'), countOf(files.count, 'file')].filter((each) => each !== '')
  return words.join(' and ') + bytes
}

/** Returns the lines before the prompt: the first items of each kind, one per line, and the number of others. */
function goingLines({ images, files }: PurgePlan['going']): string[] {
  return [...linesOf(images, 'more image'), ...linesOf(files, 'more file')]
}

function linesOf({ count, first }: PurgePlan['going']['images'], more: string): string[] {
  const width = Math.max(...first.map(({ id }) => id.length))
  const rest = countOf(count - first.length, more)
  const shown = first.map(({ id, name }) => `  ${id.padEnd(width)}  ${name}`.trimEnd())
  return [...shown, ...(rest === '' ? [] : [`  … and ${rest}`])]
}

/** Returns a count such as `3 images`; an empty text for 0. */
function countOf(number: number, name: string): string {
  return number === 0 ? '' : counted(number, name)
}
