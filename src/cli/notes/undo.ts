import { shellWord } from '../../core/shell-word.ts'
import type { ChangedField, Happened } from '../../registry/happened.ts'
import { topicOf } from '../../registry/rules/identifiers.ts'

/** Options that are not named like their column. */
const OPTIONS: Readonly<Record<string, string>> = { backup_storage_id: 'storage-id' }
/** The features that `image features` changes. */
const FEATURES = ['virtio', 'acpi'] as const
/** Columns that an empty value clears. */
const CLEARABLE: readonly string[] = [
  ...['description', 'root_device', 'parent_image_id', 'backup_object_id', 'instance_model_name', 'node_id'],
]
/** The most characters of a command that a person still reads. */
const LONGEST = 200
/** Characters that are invisible or reverse text, so that a person would copy something else than they read. */
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/u

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
export function reverseOf({ kind, what, id }: Happened): string | undefined {
  if (UNSEEN.test(id)) return undefined
  if (what === 'trusted') return 'vdc-manage backupstorage trust --remove'
  if (what === 'untrusted') return 'vdc-manage backupstorage trust'
  const verb = kind === 'image' ? REVERSE[what] : undefined
  return verb && `vdc-manage image ${verb}`
}

/** What happened to a thing, and whether it is protected now. */
export interface Done {
  happened: Happened
  isProtected: boolean
}

/** Returns the options that the command of `reverseOf` needs, each after a space. */
export function reverseOptions(done: readonly Done[]): string {
  const hasObjects = done.some(({ happened }) => 'objects' in happened && (happened.objects?.length ?? 0) > 0)
  const isRefused = done.some(({ happened, isProtected }) => happened.what === 'restored' && isProtected)
  return `${hasObjects ? ' --with-object' : ''}${isRefused ? ' --force' : ''}`
}

/**
 * Returns the command that sets the old values again.
 *
 * @param isForced the image is protected.
 * @returns undefined if no command does, or if it cannot be read and copied.
 */
export function undoCommand(happened: Changed, isForced: boolean): string | undefined {
  if (happened.kind === 'imageFolder') return undefined
  const words = happened.what === 'labelled' ? oldLabels(happened) : oldValues(happened)
  if (words === undefined) return undefined
  const [verb, ...rest] = words
  const command = ['vdc-manage', topicOf(happened.kind), verb, happened.id, ...rest, ...(isForced ? ['--force'] : [])]
  const text = command.map((word) => shellWord(word ?? '')).join(' ')
  return text.length > LONGEST || UNSEEN.test(text) ? undefined : text
}

function oldLabels({ fields }: Changed): string[] {
  return ['label', ...fields.map(({ name, old }) => (old === null ? `${name}-` : `${name}=${String(old)}`))]
}

function oldValues({ kind, fields }: Changed): string[] | undefined {
  if (fields.some(({ name }) => name === 'features')) return fields.length === 1 ? oldFeatures(fields[0]) : undefined
  // A new checksum removed what was derived from the old bytes.
  if (kind === 'backupObject' && fields.some(({ name }) => name === 'checksum')) return undefined
  if (fields.some(({ name, old }) => (old === null || old === '') && !CLEARABLE.includes(name))) return undefined
  // An available object is complete.
  const isComplete = fields.some(({ name, old }) => name === 'state' && old === 'available')
  return ['modify', ...fields.filter(({ name }) => !(isComplete && name === 'progress')).flatMap(optionOf)]
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
  const text = old === null ? '' : String(old)
  // A value that looks like an option is not taken for the value of the option before it.
  return text.startsWith('-') ? [`--${option}=${text}`] : [`--${option}`, text]
}
