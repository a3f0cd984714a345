import type { LabelRow, NewRow } from '../db/rows.ts'

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
