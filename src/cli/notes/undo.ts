import { shellWord } from '../../core/shell-word.ts'
import type { ChangedField, Happened } from '../../registry/happened.ts'
import { topicOf } from '../../registry/rules/identifiers.ts'

/** Options that are not named like their column. */
const OPTIONS: Readonly<Record<string, string>> = { backup_storage_id: 'storage-id' }
/** The features that `image features` changes. */
const FEATURES = ['virtio', 'acpi'] as const
/** The most characters of a command that a person still reads. */
const LONGEST = 200

/** A change that a command can undo. */
export type Changed = Extract<Happened, { what: 'changed' | 'labelled' }>

/** The commands that undo other changes; undefined if nothing does. */
const REVERSE: Readonly<Record<string, string | undefined>> = {
  deleted: 'undelete',
  restored: 'del',
  protected: 'unprotect',
  unprotected: 'protect',
}

/** Returns the command, without IDs, that undoes a change in which no values changed; undefined if nothing does. */
export function reverseOf({ kind, what }: Happened): string | undefined {
  if (what === 'trusted') return 'vdc-manage backupstorage trust --remove'
  if (what === 'untrusted') return 'vdc-manage backupstorage trust'
  const verb = kind === 'image' ? REVERSE[what] : undefined
  return verb && `vdc-manage image ${verb}`
}

/** Returns the option that also undoes changes of backup objects, after a space; an empty text if there are none. */
export function withObject(done: readonly Happened[]): string {
  const hasObjects = done.some((happened) => 'objects' in happened && (happened.objects?.length ?? 0) > 0)
  return hasObjects ? ' --with-object' : ''
}

/**
 * Returns the command that sets the old values again.
 *
 * @param isForced the image is protected.
 * @returns undefined if no command does, or if it is too long to read.
 */
export function undoCommand(happened: Changed, isForced: boolean): string | undefined {
  if (happened.kind === 'imageFolder') return undefined
  const words = happened.what === 'labelled' ? oldLabels(happened) : oldValues(happened)
  if (words === undefined) return undefined
  const [verb, ...rest] = words
  const command = ['vdc-manage', topicOf(happened.kind), verb, happened.id, ...rest, ...(isForced ? ['--force'] : [])]
  const text = command.map((word) => shellWord(word ?? '')).join(' ')
  // Another line, or a character that a terminal does not print, could not be copied.
  return text.length > LONGEST || /[^ -~\u00a1-\uffff]/.test(text) ? undefined : text
}

function oldLabels({ fields }: Changed): string[] {
  return ['label', ...fields.map(({ name, old }) => (old === null ? `${name}-` : `${name}=${String(old)}`))]
}

function oldValues({ kind, fields }: Changed): string[] | undefined {
  if (fields.some(({ name }) => name === 'features')) return fields.length === 1 ? oldFeatures(fields[0]) : undefined
  // A new checksum removed what was derived from the old bytes.
  if (kind === 'backupObject' && fields.some(({ name }) => name === 'checksum')) return undefined
  const hasState = fields.some(({ name }) => name === 'state')
  // The state determines the progress.
  return ['modify', ...fields.filter(({ name }) => !(hasState && name === 'progress')).flatMap(optionOf)]
}

function oldFeatures(field: ChangedField | undefined): string[] | undefined {
  const isSet = (features: unknown, name: string) =>
    typeof features === 'object' && features !== null && (features as Record<string, unknown>)[name] === true
  if (typeof field?.old !== 'object') return undefined
  const changed = FEATURES.filter((name) => isSet(field.old, name) !== isSet(field.value, name))
  return ['features', ...changed.map((name) => (isSet(field.old, name) ? `--${name}` : `--no-${name}`))]
}

function optionOf({ name, old }: ChangedField): string[] {
  if (name === 'enabled') return [old === true ? '--enable' : '--disable']
  const option = OPTIONS[name] ?? name.replaceAll('_', '-')
  if (typeof old === 'boolean') return [old ? `--${option}` : `--no-${option}`]
  return [`--${option}`, old === null ? '' : String(old)]
}
