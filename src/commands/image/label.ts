import { BaseCommand } from '../../cli/command/base-command.ts'
import * as flags from '../../cli/flags/common.ts'
import { STDIN } from '../../cli/session/stdin-ids.ts'
import { VdcError } from '../../core/errors.ts'
import type { Outcome } from '../../registry/batch/batches.ts'
import { labelImages } from '../../registry/image/change/label.ts'
import { isUuid, prefixOf } from '../../registry/rules/identifiers.ts'

const HINT =
  'Usage: vdc-manage image label wmi-ID name=value (name= sets a label without a value, name- removes a label)'

export default class ImageLabel extends BaseCommand {
  static override summary = 'Set and remove labels of images.'
  static override description =
    'Images come first, then labels. Find images by label with: vdc-manage image list --label NAME'
  static override examples = [
    '<%= config.bin %> image label wmi-k3x9q0bz os=lucid tested-',
    '<%= config.bin %> image label wmi-k3x9q0bz golden=',
    '<%= config.bin %> image list --label os=lucid --quiet |\n  <%= config.bin %> image label - tested="$(date -I)"',
  ]
  static override exits = [0, 1, 2, 3, 4, 5, 6, 7, 9]
  static override args = {
    words: flags.words('Images, then labels.'),
  }
  static override operands: [string, string][] = [
    ['ID...', flags.idsOrNames('Images', 'wmi-')],
    ['NAME=VALUE...', 'Labels to set; NAME= sets one without a value, NAME- removes one.'],
  ]
  static override flags = {
    force: flags.force('Change protected images too.'),
    quiet: flags.onlyIds(),
    'dry-run': flags.dryRun(),
  }

  async run(): Promise<void> {
    const { args, flags: given } = await this.parse(ImageLabel)
    const isChange = (word: string) => word !== STDIN && (word.includes('=') || word.endsWith('-'))
    const first = args.words.findIndex(isChange)
    if (first === 0) throw new VdcError('USAGE', 'No image given', { hint: HINT })
    if (first === -1) {
      const last = args.words.length > 1 ? args.words.at(-1) : undefined
      const hint =
        last !== undefined && mayBeLabel(last) ? `${withoutValue(last)}, ${last}=value sets a label with a value` : HINT
      throw new VdcError('USAGE', 'No label given', { hint })
    }
    const ids = args.words.slice(0, first)
    const changes = args.words.slice(first)
    await this.session.withRegistry((registry) =>
      this.answer.each(ids, (some) => withLabelHints(labelImages(registry, some, changes, given), ids)),
    )
  }
}

/** If a word is not an image, adds to its error a hint on how to set a label of this name. */
async function* withLabelHints<T>(outcomes: AsyncIterable<Outcome<T>>, words: readonly string[]) {
  for await (const outcome of outcomes) {
    const { id } = outcome
    const isMeant = 'error' in outcome && words.includes(id) && mayBeLabel(id)
    yield isMeant ? { id, error: withLabelHint(outcome.error, id) } : outcome
  }
}

/** Returns true if a word in place of an ID may be the name of a label. */
function mayBeLabel(word: string): boolean {
  return word !== STDIN && !word.startsWith(prefixOf('image'))
}

/** Returns the hint on how to set a label without a value. */
function withoutValue(name: string): string {
  return `${name}= sets a label without a value`
}

function withLabelHint(error: VdcError, word: string): VdcError {
  const isUnknown = error.code === 'IMAGE_NOT_FOUND' || (error.code === 'VALUE_REFUSED' && !isUuid(word))
  if (!isUnknown) return error
  const hint = [withoutValue(word), error.hint].filter((part) => part !== undefined).join('; ')
  return new VdcError(error.code, error.message, { hint, cause: error })
}
