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

/** Explains why two different names count as one. */
const SAME_NAMES = 'Databases ignore case, accents and trailing spaces in label names'

/** Capacity of `resource_labels.string_value` in bytes. */
const STRING_BYTES = 255

/** Returns the row of a label (dcmgr.md, "Labels"). Values over 255 bytes go into `blob_value` instead of `string_value`. */
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

/** Returns the labels of one resource as an object of names and values. */
export function labelsOf(rows: readonly LabelRow[], resourceId: string): Record<string, string> {
  return Object.fromEntries(
    rows.filter((row) => row.resource_uuid === resourceId).map((row) => [row.name, textOf(row)]),
  )
}

/** Groups labels by the canonical ID of their resource. */
export function labelsByResource(rows: readonly LabelRow[]): Map<string, LabelRow[]> {
  const byResource = new Map<string, LabelRow[]>()
  for (const row of rows) {
    const own = byResource.get(row.resource_uuid)
    if (own === undefined) byResource.set(row.resource_uuid, [row])
    else own.push(row)
  }
  return byResource
}

/** Changes by label name: the new value, or null to remove the label. */
export type LabelChanges = ReadonlyMap<string, string | null>

/**
 * Parses label changes: `name=value` sets a label, `name-` removes one.
 *
 * @throws VdcError VALUE_REFUSED for any other form, for a repeated name (`isSameName`), or
 *   for a name that is reserved for this program.
 */
export function parseLabelChanges(words: readonly string[]): LabelChanges {
  const changes = new Map<string, string | null>()
  for (const word of words) {
    const equals = word.indexOf('=')
    if (equals === -1 && !word.endsWith('-')) {
      throw new VdcError('VALUE_REFUSED', `'${word}' is not a valid label change`, {
        hint: 'Use name=value to set a label, name= to set one without a value, or name- to remove one',
      })
    }
    const label = equals === -1 ? word.slice(0, -1) : word.slice(0, equals)
    validate(name, label, 'The name of a label')
    if (isOwnName(label)) {
      throw new VdcError('VALUE_REFUSED', `The label ${label} is reserved for vdc-manage`, {
        hint: `Choose a name that does not begin with ${OWN_LABELS}`,
      })
    }
    if (changes.has(label)) throw new VdcError('VALUE_REFUSED', `The label ${label} is given twice`)
    changes.set(label, equals === -1 ? null : validate(text, word.slice(equals + 1), `The label ${label}`))
  }
  const set = [...changes].flatMap(([label, value]) => (value === null ? [] : [label]))
  for (const [index, label] of set.entries()) {
    const twin = set.slice(0, index).find((other) => isSameName(other, label))
    if (twin !== undefined)
      throw new VdcError('VALUE_REFUSED', `The labels '${twin}' and '${label}' count as the same label`, {
        hint: SAME_NAMES,
      })
  }
  return changes
}

/**
 * Parses a label filter, `name` or `name=value`.
 *
 * @throws VdcError VALUE_REFUSED if the name is not valid.
 */
export function parseLabelFilter(word: string): { name: string; value?: string } {
  const equals = word.indexOf('=')
  if (equals === -1) return { name: validate(name, word, 'The name of a label') }
  return { name: validate(name, word.slice(0, equals), 'The name of a label'), value: word.slice(equals + 1) }
}

/** A label that was changed; null for a label that the resource did not have, or no longer has. */
export interface LabelChange {
  name: string
  old: string | null
  value: string | null
}

/** The changes of one resource's labels. */
interface LabelOutcome {
  changed: LabelChange[]
  /** The names to remove that the resource does not have. */
  missing: string[]
}

/**
 * Changes the labels of resources within a unit of work. Labels that already have the
 * requested value are not written. Refuses a resource if a database may treat a new name
 * as the same as an existing one (`isSameName`).
 *
 * @returns the outcomes of the resources that are not refused.
 * @throws VdcError VALUE_REFUSED if only this database's collation treats two names as the same.
 */
export async function changeLabels<I extends Item>(
  db: Queryable,
  items: Iterable<I>,
  changes: LabelChanges,
  now: string,
): Promise<Map<I, LabelOutcome>> {
  const asked = [...items]
  const labels = labelsByResource(await selectLabels(db, idsOf(asked), { lock: 'update' }))
  const outcomes = await decide(asked, (item): LabelOutcome => {
    refuseTwins(item.id, labels.get(item.id) ?? [], changes)
    return { changed: [], missing: [] }
  })
  // Remove first, which makes room for the same name in another case.
  for (const [label, value] of [...changes].sort(([, a], [, b]) => Number(a !== null) - Number(b !== null))) {
    const rows = new Map(
      [...outcomes.keys()].map((item) => [item, labels.get(item.id)?.find(({ name }) => name === label)]),
    )
    for (const [item, row] of rows) {
      const old = row === undefined ? null : textOf(row)
      if (old !== value) outcomes.get(item)?.changed.push({ name: label, old, value })
      else if (value === null) outcomes.get(item)?.missing.push(label)
    }
    const old = [...rows.values()].filter((row) => row !== undefined)
    if (value === null) {
      await deleteLabels(
        db,
        old.map((row) => row.id),
      )
    } else {
      const lacking = [...rows].flatMap(([{ id }, row]) => (row === undefined ? [id] : []))
      await addLabels(db, lacking, label, value, now)
      const other = old.filter((row) => textOf(row) !== value).map((row) => row.id)
      const { value_type, string_value, blob_value } = newLabel('', label, value, now)
      await updateLabels(db, other, { value_type, string_value, blob_value, updated_at: now })
    }
  }
  return outcomes
}

function textOf(row: LabelRow): string {
  return row.string_value ?? row.blob_value ?? ''
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
  // This database's collation may treat more names as the same than isSameName does.
  const [twin] = await selectLabelsNamed(db, ids, label)
  if (twin !== undefined) {
    const id = ids.find((id) => id.toLowerCase() === twin.resource_uuid.toLowerCase()) ?? twin.resource_uuid
    // The label did not exist when the labels were read.
    throw twin.name === label ? lostRace(`the label ${label} of ${id}`) : takenForSame(id, twin.name, label)
  }
  await insertLabels(
    db,
    ids.map((id) => newLabel(id, label, value, now)),
  )
}

function takenForSame(id: string, twin: string, label: string): VdcError {
  return new VdcError('VALUE_REFUSED', `${id} has a label '${twin}', which counts as the same label as '${label}'`, {
    hint: `Use that name, or remove it with: vdc-manage image label ${id} '${twin}-'`,
  })
}
