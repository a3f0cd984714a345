import { shellWord } from '../../core/shell-word.ts'
import type { ChangedField, Happened } from '../../registry/happened.ts'
import { changedValue, labelChange } from '../answer/views/changed-value.ts'
import { printable } from '../terminal/escape.ts'
import { type Done, reverseOf, reverseOptions, undoCommand } from './undo.ts'

/** Characters of a value or a name that a line shows. */
const LONGEST = 60
const VERBS = {
  deleted: 'Deleted',
  restored: 'Restored',
  protected: 'Protected',
  unprotected: 'Removed the protection of',
  changed: 'Changed',
  labelled: 'Labelled',
  trusted: 'Trusted',
  untrusted: 'No longer trusted:',
} as const
const REASONS = {
  'same values': 'already has these values',
  deleted: 'is already deleted',
  missing: 'does not exist',
  trusted: 'is already trusted',
} as const

/**
 * Returns what happened to a thing, as one line.
 *
 * @param options.isOnly it is the only one, so the line also names the command that undoes it.
 */
export function noteOf({ happened, isProtected }: Done, options: { isOnly: boolean }): string {
  const thing = printable(nameOf(happened))
  if (happened.what === 'unchanged') return `Nothing changed: ${thing} ${REASONS[happened.why]}`
  const values =
    'fields' in happened ? `: ${happened.fields.map((field) => changeText(happened, field)).join(', ')}` : ''
  const text = `${VERBS[happened.what]} ${thing}${withObjects(happened)}${values}`
  return options.isOnly ? [text, undoText({ happened, isProtected })].filter((part) => part !== '').join('. ') : text
}

/** Returns the ID of a thing with its name, such as `wmi-k3x9q0bz (debian-12)`. */
function nameOf({ id, name }: Happened): string {
  return name === undefined || name === '' ? id : `${id} (${shortened(name)})`
}

function withObjects(happened: Happened): string {
  const objects = 'objects' in happened ? (happened.objects ?? []) : []
  return objects.length === 0 ? '' : ` with its backup object ${objects.join(', ')}`
}

function changeText({ what }: Happened, { name, old, value }: ChangedField): string {
  if (what !== 'labelled')
    return `${name}: ${shortened(changedValue(name, old))} → ${shortened(changedValue(name, value))}`
  const shown = (label: unknown) => (label === null ? null : shortened(String(label)))
  return labelChange(shortened(name), shown(old), shown(value))
}

function undoText({ happened, isProtected }: Done): string {
  const reverse = reverseOf(happened)
  if (reverse !== undefined)
    return `Undo: ${reverse} ${shellWord(happened.id)}${reverseOptions([{ happened, isProtected }])}`
  if (happened.what !== 'changed' && happened.what !== 'labelled') return ''
  const command = undoCommand(happened, isProtected)
  if (command !== undefined) return `Undo: ${command}`
  return ['image', 'backupObject'].includes(happened.kind) ? `Old values: vdc-manage image history ${happened.id}` : ''
}

function shortened(text: string): string {
  const characters = [...text]
  return printable(characters.length <= LONGEST ? text : `${characters.slice(0, LONGEST - 1).join('')}…`)
}
