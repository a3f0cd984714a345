import type { Queryable } from '../../db/database.ts'
import { isoTime } from '../../db/sql/time.ts'
import { selectStoragesByKey } from '../../db/tables/backup-storages.ts'
import { canonicalId } from '../rules/identifiers.ts'
import { exactInteger } from '../rules/int64.ts'
import { readYaml } from '../rules/ruby-yaml.ts'
import { BOOT_DEV_TYPES } from '../rules/values.ts'
import type { HistoryEntry } from './history.ts'

/** A value as a history records it. */
type Text = string | null
/** Returns a recorded value of an attribute as details show it (`presentImage`, `presentObject`). */
export type Present = (attr: string, text: Text) => Promise<unknown>

const YAML: readonly string[] = ['features', 'volumes', 'vifs']
const FLAGS: readonly string[] = ['is_public', 'is_cacheable', 'enabled']
const NUMBERS: readonly string[] = ['size', 'allocation_size', 'status', 'progress']
const NUMBER = /^\d+(?:\.\d+)?$/
const TIME = /^\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d/

/** Returns a function that presents the values of a history. It reads the storages that the history names. */
export async function valuePresenter(
  db: Queryable,
  entries: readonly Pick<HistoryEntry, 'attr' | 'value'>[],
): Promise<Present> {
  const keys = entries.flatMap(({ attr, value }) => (attr === 'backup_storage_id' ? integerIn(value) : []))
  const rows = await selectStoragesByKey(db, [...new Set(keys)])
  const storages = new Map(rows.map(({ id, uuid }) => [String(id), canonicalId('backupStorage', uuid)]))
  return async (attr, text) => {
    if (text === null) return null
    if (attr === 'backup_storage_id') return storages.get(text) ?? text
    return present(attr, text)
  }
}

async function present(attr: string, text: string): Promise<unknown> {
  if (YAML.includes(attr)) {
    const yaml = await readYaml(text)
    // Unreadable YAML is shown as it is.
    return 'value' in yaml ? yaml.value : text
  }
  if (FLAGS.includes(attr)) return text === '1' || text === 'true'
  if (attr === 'boot_dev_type') return BOOT_DEV_TYPES[Number(text)] ?? text
  if (attr.endsWith('_at')) return TIME.test(text) ? isoTime(text) : text
  return NUMBERS.includes(attr) && NUMBER.test(text) ? numberIn(text) : text
}

function numberIn(text: string): unknown {
  return text.includes('.') ? Number(text) : exactInteger(text)
}

function integerIn(text: Text): number[] {
  const number = Number(text)
  return text !== null && /^\d+$/.test(text) && Number.isSafeInteger(number) ? [number] : []
}
