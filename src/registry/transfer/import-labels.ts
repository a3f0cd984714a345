import { VdcError } from '../../core/errors.ts'
import { findLabelNamed, insertLabels, selectLabels } from '../../db/tables/labels.ts'
import type { LabelRow } from '../../db/tables/rows.ts'
import { isSameName } from '../rules/label-names.ts'
import { isSuspect, requireStorable } from '../rules/storable.ts'
import { CLAIM_LABEL } from '../rules/values.ts'
import type { Importing } from './importing.ts'
import type { ReadRecord } from './read.ts'
import type { RegistryRecord } from './records.ts'
import { rowOf } from './rows.ts'

type Label = { record: RegistryRecord<'label'>; line: number }

/**
 * Imports labels. If a database may treat the names of two labels of one thing as equal
 * (`isSameName`), the label is a conflict on both engines.
 *
 * @returns the numbers of added and unchanged labels.
 * @throws VdcError VALUE_REFUSED if a label cannot be stored; names the line.
 */
export async function importLabels(
  importing: Importing,
  batch: readonly ReadRecord[],
): Promise<{ added: number; unchanged: number }> {
  const { db } = importing
  const labels = batch as readonly Label[]
  const ids = new Set(labels.map(({ record }) => record.resource_uuid))
  /** The labels of each thing, both stored and about to be stored. */
  const known = new Map<string, (LabelRow | RegistryRecord<'label'>)[]>([...ids].map((id) => [id, []]))
  for (const row of await selectLabels(db, [...ids])) known.get(row.resource_uuid)?.push(row)
  const fresh: Label[] = []
  let unchanged = 0
  for (const label of labels) {
    const { record } = label
    const own = known.get(record.resource_uuid) ?? []
    const twin = own.find((other) => other.name === record.name)
    const same = twin ?? own.find((other) => isSameName(other.name, record.name))
    if (same === undefined) {
      fresh.push(label)
      own.push(record)
    } else if (twin === undefined) conflictWith(importing, record, sameNameAs(record, same.name))
    else if (isEqual(twin, rowOf<'label'>(record))) unchanged++
    else conflictWith(importing, record)
  }
  for (const label of fresh) await requireImportable(importing, label)
  const added = await insert(importing, fresh)
  return { added, unchanged }
}

/** Inserts labels with one statement. If the database treats a name as a duplicate, inserts them one by one. */
async function insert(importing: Importing, labels: readonly Label[]): Promise<number> {
  if (labels.length === 0) return 0
  const rows = labels.map(({ record }) => rowOf<'label'>(record))
  try {
    await insertLabels(importing.db, rows)
    return labels.length
  } catch (error) {
    if (!(error instanceof VdcError) || error.code !== 'DUPLICATE_KEY') throw error
  }
  let added = 0
  for (const { record } of labels) {
    const twin = await findLabelNamed(importing.db, record.resource_uuid, record.name)
    if (twin !== undefined) {
      conflictWith(importing, record, sameNameAs(record, twin))
      continue
    }
    await insertLabels(importing.db, [rowOf<'label'>(record)])
    added++
  }
  return added
}

function conflictWith(importing: Importing, { resource_uuid, name }: RegistryRecord<'label'>, why?: string): void {
  importing.conflict({ id: resource_uuid, fields: [`label:${name}`], ...(why !== undefined && { why }) })
}

function sameNameAs({ name }: RegistryRecord<'label'>, twin: string): string {
  return `its label '${name}' counts as the same name as its label '${twin}'`
}

function isEqual(row: object, given: object): boolean {
  return Object.entries(given).every(([column, value]) => row[column as keyof typeof row] === value)
}

async function requireImportable({ database }: Importing, { record, line }: Label): Promise<void> {
  const refuse = (why: string, hint?: string) =>
    new VdcError('VALUE_REFUSED', `Line ${line} (${record.resource_uuid}) is refused: ${why}`, { hint })
  if (isSameName(record.name, CLAIM_LABEL)) {
    throw refuse(`the label ${CLAIM_LABEL} is created with its backup storage and cannot be imported`)
  }
  if (!isSuspect(database, record)) return
  await requireStorable(database, 'resource_labels', record).catch((error: VdcError) => {
    throw refuse(error.message, error.hint)
  })
}
