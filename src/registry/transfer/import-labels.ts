import { findLabelNamed, insertLabels, selectLabels } from '../../db/labels.ts'
import { VdcError } from '../../errors.ts'
import { isSameName } from '../label-names.ts'
import { requireStorable } from '../storable.ts'
import { CLAIM_LABEL } from '../values.ts'
import type { Importing } from './import.ts'
import type { ReadRecord } from './read.ts'
import { type RegistryRecord, rowOf } from './records.ts'

type Label = { record: RegistryRecord<'label'>; line: number }

/**
 * Imports labels. One whose name a database may take for that of another
 * (`isSameName`) is a conflict on both engines.
 *
 * @throws VdcError VALUE_REFUSED that names the line.
 */
export async function importLabels(
  importing: Importing,
  batch: readonly ReadRecord[],
): Promise<{ added: number; unchanged: number }> {
  const { db } = importing
  const labels = batch as readonly Label[]
  const known = await selectLabels(db, [...new Set(labels.map(({ record }) => record.resource_uuid))])
  const fresh: Label[] = []
  let unchanged = 0
  for (const label of labels) {
    const { record } = label
    const own = known.filter((row) => row.resource_uuid === record.resource_uuid)
    const twin = own.find((row) => row.name === record.name)
    const same = [...own, ...fresh.map((other) => other.record)].find(
      (other) => other.resource_uuid === record.resource_uuid && isSameName(other.name, record.name),
    )
    if (twin !== undefined && isEqual(twin, rowOf<'label'>(record))) unchanged++
    else if (twin !== undefined) conflictWith(importing, record)
    else if (same !== undefined) conflictWith(importing, record, takenFor(record, same.name))
    else fresh.push(label)
  }
  for (const label of fresh) await requireImportable(importing, label)
  const added = await insert(importing, fresh)
  return { added, unchanged }
}

/** Inserts them together; where a name is taken for another, one by one. */
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
      conflictWith(importing, record, takenFor(record, twin))
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

function takenFor({ name }: RegistryRecord<'label'>, twin: string): string {
  return `its label '${name}' is taken for the same as its label '${twin}'`
}

function isEqual<T extends object>(row: T, given: Partial<T>): boolean {
  return Object.entries(given).every(([column, value]) => row[column as keyof T] === value)
}

async function requireImportable({ database }: Importing, { record, line }: Label): Promise<void> {
  const refuse = (why: string, hint?: string) =>
    new VdcError('VALUE_REFUSED', `Line ${line} (${record.resource_uuid}) is refused: ${why}`, { hint })
  if (isSameName(record.name, CLAIM_LABEL)) throw refuse(`the label ${CLAIM_LABEL} is made with its backup storage`)
  await requireStorable(database, 'resource_labels', record).catch((error: VdcError) => {
    throw refuse(error.message, error.hint)
  })
}
