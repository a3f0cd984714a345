import type { Queryable } from '../db/database.ts'
import { deleteLabel, findLabelNamed, insertLabels, selectLabels, updateLabel } from '../db/labels.ts'
import type { LabelRow, NewRow } from '../db/rows.ts'
import { lostRace } from '../db/unit-of-work.ts'
import { VdcError } from '../errors.ts'
import { isOwnName, isSameName } from './label-names.ts'
import { name, text } from './texts.ts'
import { validate } from './validate.ts'
import { OWN_LABELS } from './values.ts'

/** Why two names are one. */
const SAME_NAMES = 'Databases ignore case, accents and trailing spaces in names of labels'

/** Bytes that `resource_labels.string_value` holds. */
const STRING_BYTES = 255

/** Makes the row of a label (dcmgr.md, "Labels"): up to 255 bytes as string_value, more as blob_value. */
export function newLabel(resourceId: string, name: string, value: string, now: string): NewRow<LabelRow> {
  const short = Buffer.byteLength(value) <= STRING_BYTES
  return {
    resource_uuid: resourceId,
    name,
    value_type: short ? 1 : 2,
    string_value: short ? value : null,
    blob_value: short ? null : value,
    created_at: now,
    updated_at: now,
  }
}

/** The labels of one resource as names and values. */
export function labelsOf(rows: readonly LabelRow[], resourceId: string): Record<string, string> {
  return Object.fromEntries(
    rows
      .filter((row) => row.resource_uuid === resourceId)
      .map((row) => [row.name, row.string_value ?? row.blob_value ?? '']),
  )
}

/** What is to become of a label: its new value, or null where it is to go. */
export type LabelChanges = ReadonlyMap<string, string | null>

/**
 * Reads `name=value`, which sets a label, and `name-`, which removes one.
 *
 * @throws VdcError VALUE_REFUSED for anything else, a name twice (`isSameName`), or a name of this program's own.
 */
export function parseLabelChanges(words: readonly string[]): LabelChanges {
  const changes = new Map<string, string | null>()
  for (const word of words) {
    const equals = word.indexOf('=')
    if (equals === -1 && !word.endsWith('-')) {
      throw new VdcError('VALUE_REFUSED', `'${word}' is no change of a label`, {
        hint: `${word}= sets a label without a value, name=value one with it, name- removes one`,
      })
    }
    const label = equals === -1 ? word.slice(0, -1) : word.slice(0, equals)
    validate(name, label, 'The name of a label')
    if (isOwnName(label)) {
      throw new VdcError('VALUE_REFUSED', `The label ${label} is vdc-manage's own`, {
        hint: `Names that begin with ${OWN_LABELS} are not for operators`,
      })
    }
    if (changes.has(label)) throw new VdcError('VALUE_REFUSED', `The label ${label} is given twice`)
    changes.set(label, equals === -1 ? null : validate(text, word.slice(equals + 1), `The label ${label}`))
  }
  const set = [...changes].flatMap(([label, value]) => (value === null ? [] : [label]))
  for (const [index, label] of set.entries()) {
    const twin = set.slice(0, index).find((other) => isSameName(other, label))
    if (twin !== undefined)
      throw new VdcError('VALUE_REFUSED', `The labels '${twin}' and '${label}' are taken for the same`, {
        hint: SAME_NAMES,
      })
  }
  return changes
}

/**
 * Reads `name` or `name=value`, which choose things by their labels.
 *
 * @throws VdcError VALUE_REFUSED.
 */
export function parseLabelFilter(word: string): { name: string; value?: string } {
  const equals = word.indexOf('=')
  if (equals === -1) return { name: validate(name, word, 'The name of a label') }
  return { name: validate(name, word.slice(0, equals), 'The name of a label'), value: word.slice(equals + 1) }
}

/**
 * Changes the labels of a resource, within a unit of work. What is so already stays as it is.
 *
 * @param id canonical.
 * @returns the names of labels that were to go and aren't there.
 * @throws VdcError VALUE_REFUSED for a name that a database may take for one that is there (`isSameName`).
 */
export async function changeLabels(db: Queryable, id: string, changes: LabelChanges, now: string): Promise<string[]> {
  const rows = await selectLabels(db, [id], { lock: 'update' })
  const missing: string[] = []
  // Removals first: what goes makes room for a name in another case.
  for (const [label, value] of [...changes].sort(([, a], [, b]) => Number(a !== null) - Number(b !== null))) {
    const old = rows.find((row) => row.name === label)
    if (value === null) {
      if (old === undefined) missing.push(label)
      else await deleteLabel(db, old.id)
    } else if (old === undefined) {
      const same = rows.find((row) => changes.get(row.name) !== null && isSameName(row.name, label))
      // The collation of this very database may know of more.
      const twin = same?.name ?? (await findLabelNamed(db, id, label))
      // There was none when they were read.
      if (twin === label) throw lostRace(`the label ${label} of ${id}`)
      if (twin !== undefined) {
        throw new VdcError('VALUE_REFUSED', `${id} has a label '${twin}', which is taken for the same as '${label}'`, {
          hint: `Use that name, or remove it: vdc-manage image label ${id} '${twin}-'`,
        })
      }
      await insertLabels(db, [newLabel(id, label, value, now)])
    } else if ((old.string_value ?? old.blob_value ?? '') !== value) {
      const { value_type, string_value, blob_value } = newLabel(id, label, value, now)
      await updateLabel(db, old.id, { value_type, string_value, blob_value, updated_at: now })
    }
  }
  return missing
}
