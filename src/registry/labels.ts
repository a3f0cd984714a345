import { VdcError } from '../core/errors.ts'
import type { Queryable } from '../db/database.ts'
import { deleteLabels, insertLabels, selectLabels, selectLabelsNamed, updateLabels } from '../db/tables/labels.ts'
import type { LabelRow, NewRow } from '../db/tables/rows.ts'
import { lostRace } from '../db/transactions/unit-of-work.ts'
import type { Item } from './batch/batches.ts'
import { decide, idsOf } from './batch/decide.ts'
import { isOwnName, isSameName } from './rules/label-names.ts'
import { name, text } from './rules/texts.ts'
import { validate } from './rules/validate.ts'
import { OWN_LABELS } from './rules/values.ts'

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

/** Labels by the canonical ids of what has them. */
export function labelsByResource(rows: readonly LabelRow[]): Map<string, LabelRow[]> {
  const byResource = new Map<string, LabelRow[]>()
  for (const row of rows) {
    const own = byResource.get(row.resource_uuid)
    if (own === undefined) byResource.set(row.resource_uuid, [row])
    else own.push(row)
  }
  return byResource
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
 * Changes the labels of resources, within a unit of work. What is so already stays as it
 * is. A name that a database may take for one that is there (`isSameName`) is a refusal.
 *
 * @returns of each resource that is not refused the names of labels that were to go and aren't there.
 * @throws VdcError VALUE_REFUSED for such a name of which only this very database knows.
 */
export async function changeLabels<I extends Item>(
  db: Queryable,
  items: Iterable<I>,
  changes: LabelChanges,
  now: string,
): Promise<Map<I, string[]>> {
  const asked = [...items]
  const labels = labelsByResource(await selectLabels(db, idsOf(asked), { lock: 'update' }))
  const missing = await decide(asked, (item): string[] => {
    refuseTwins(item.id, labels.get(item.id) ?? [], changes)
    return []
  })
  const changed = [...missing.keys()]
  // Removals first: what goes makes room for a name in another case.
  for (const [label, value] of [...changes].sort(([, a], [, b]) => Number(a !== null) - Number(b !== null))) {
    const old = changed.flatMap(({ id }) => labels.get(id)?.filter((row) => row.name === label) ?? [])
    const having = new Set(old.map((row) => row.resource_uuid))
    const lacking = changed.filter(({ id }) => !having.has(id))
    if (value === null) {
      for (const item of lacking) missing.get(item)?.push(label)
      await deleteLabels(
        db,
        old.map((row) => row.id),
      )
    } else {
      await addLabels(db, idsOf(lacking), label, value, now)
      const other = old.filter((row) => (row.string_value ?? row.blob_value ?? '') !== value).map((row) => row.id)
      const { value_type, string_value, blob_value } = newLabel('', label, value, now)
      await updateLabels(db, other, { value_type, string_value, blob_value, updated_at: now })
    }
  }
  return missing
}

/** @throws VdcError VALUE_REFUSED. */
function refuseTwins(id: string, rows: readonly LabelRow[], changes: LabelChanges): void {
  for (const [label, value] of changes) {
    if (value === null || rows.some((row) => row.name === label)) continue
    const twin = rows.find((row) => changes.get(row.name) !== null && isSameName(row.name, label))
    if (twin !== undefined) throw takenForSame(id, twin.name, label)
  }
}

/** Adds a label to resources that don't have it. */
async function addLabels(db: Queryable, ids: readonly string[], label: string, value: string, now: string) {
  // The collation of this very database may know of more twins.
  const [twin] = await selectLabelsNamed(db, ids, label)
  if (twin !== undefined) {
    const id = ids.find((id) => id.toLowerCase() === twin.resource_uuid.toLowerCase()) ?? twin.resource_uuid
    // There was none when they were read.
    throw twin.name === label ? lostRace(`the label ${label} of ${id}`) : takenForSame(id, twin.name, label)
  }
  await insertLabels(
    db,
    ids.map((id) => newLabel(id, label, value, now)),
  )
}

function takenForSame(id: string, twin: string, label: string): VdcError {
  return new VdcError('VALUE_REFUSED', `${id} has a label '${twin}', which is taken for the same as '${label}'`, {
    hint: `Use that name, or remove it: vdc-manage image label ${id} '${twin}-'`,
  })
}
