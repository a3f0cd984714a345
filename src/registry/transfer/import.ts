import type * as z from 'zod/mini'
import { VdcError } from '../../core/errors.ts'
import type { Database } from '../../db/database.ts'
import { overlapped } from '../../db/overlapped.ts'
import { sqlTime } from '../../db/sql/time.ts'
import { inTransaction } from '../../db/transactions/unit-of-work.ts'
import { KeptBytes } from '../../disk/file/spool.ts'
import { isStream, readText } from '../../disk/file/text-file.ts'
import type { Registry } from '../registry.ts'
import type { importSummary } from '../results/import.ts'
import { BegunHistories } from './begun-histories.ts'
import { importLabels } from './import-labels.ts'
import { importPurgedImages } from './import-purged-images.ts'
import { importThings } from './import-things.ts'
import type { ImportConflict, Importing } from './importing.ts'
import { type ReadRecord, readRecords } from './read.ts'
import { forTypes, type RecordType } from './records.ts'
import { uuidOf } from './rows.ts'

/**
 * Lines that are looked up and stored at once, and bytes of them: quoted in a statement they
 * may be twice as many, and old servers take 1 MiB.
 */
const MOST_LINES = 200
const MOST_BYTES = 256 * 1024
/** What an import did, by type. */
export type ImportSummary = z.output<typeof importSummary>

/** Why nothing was imported: all that is there already and differs. */
export interface ImportRefusal {
  conflicts: ImportConflict[]
  error: VdcError
}

/**
 * Reads a registry file (`records.ts`) into the registry: all of it, or nothing.
 * What is there already and equal stays as it is, so that it can be run again;
 * where something is there and differs, nothing is imported. Images and objects begin a new history
 * (dcmgr.md, "History"); ids of images that were purged stay taken.
 *
 * @param source path of the file, or its bytes.
 * @throws VdcError FILE_REFUSED or VALUE_REFUSED that names the line; FILE_NOT_WRITTEN; USAGE for a pipe where
 *   all is committed together; then nothing was written.
 */
export async function importRegistry(
  registry: Registry,
  source: string | AsyncIterable<Uint8Array>,
): Promise<ImportSummary | ImportRefusal> {
  const { interruption, commits } = registry.database
  const open = typeof source === 'string' ? () => readText(source, interruption.signal) : () => source
  if (typeof source === 'string' && !isStream(source)) return importAgain(registry, open)
  if (commits === 'outer') {
    throw new VdcError('USAGE', 'A pipe cannot be read twice, and what is committed together may be tried again', {
      hint: 'Name a file, or import by itself',
    })
  }
  const kept = new KeptBytes()
  try {
    // Read to its end first: whoever waits for bytes must not keep others out of the database.
    for await (const _ of readRecords(kept.keep(open())));
    interruption.throwIfRequested()
    return await importAgain(registry, () => kept.read())
  } finally {
    await kept.close()
  }
}

/** @param open gives the bytes from their start, each time that the unit of work is tried. */
async function importAgain(
  registry: Registry,
  open: () => AsyncIterable<Uint8Array>,
): Promise<ImportSummary | ImportRefusal> {
  const { commits } = registry.database
  // All or nothing, also where other commands commit by the statement.
  const database: Database = { ...registry.database, commits: commits === 'statement' ? 'unit' : commits }
  let missing: Importing['missing'] = new Map()
  let conflicts: ImportConflict[] = []
  const outcome = await inTransaction(database, async (trx) => {
    missing = new Map()
    conflicts = []
    const importing: Importing = {
      database: { ...database, knex: trx as Database['knex'] },
      db: trx,
      histories: new BegunHistories(trx, sqlTime(new Date())),
      missing,
      conflict: (conflict) => void conflicts.push(conflict),
    }
    const summary = await importAll(importing, open())
    if (conflicts.length > 0) throw conflictError(conflicts.length)
    await importing.histories.end()
    return summary
  }).catch((error: VdcError): ImportRefusal => {
    if (error.code === 'IMPORT_CONFLICT') return { conflicts, error }
    throw error
  })
  if ('conflicts' in outcome) return outcome
  for (const [what, ids] of missing) registry.warn(warningOf(what, ids))
  return outcome
}

async function importAll(importing: Importing, chunks: AsyncIterable<Uint8Array>): Promise<ImportSummary> {
  const summary: ImportSummary = forTypes(() => ({ added: 0, unchanged: 0 }))
  const importBatch = async (batch: readonly ReadRecord[]) => {
    const { type } = (batch[0] as ReadRecord).record
    const { added, unchanged } = await importerOf(type)(importing, batch)
    summary[type].added += added
    summary[type].unchanged += unchanged
  }
  await overlapped(batchesOf(readRecords(chunks)), importBatch)
  return summary
}

/** Puts records together that are looked up and stored at once: of one type, none of them named twice. */
async function* batchesOf(records: AsyncIterable<readonly ReadRecord[]>): AsyncGenerator<ReadRecord[]> {
  let batch: ReadRecord[] = []
  let bytes = 0
  let names = new Set<string>()
  const taken = () => {
    const whole = batch
    batch = []
    bytes = 0
    names = new Set()
    return whole
  }
  for await (const some of records) {
    for (const read of some) {
      const name = nameOf(read)
      const [first] = batch
      // What is named twice is to be found in the database the second time.
      if (first !== undefined && (first.record.type !== read.record.type || names.has(name))) yield taken()
      batch.push(read)
      names.add(name)
      bytes += read.bytes
      if (batch.length >= MOST_LINES || bytes >= MOST_BYTES) yield taken()
    }
  }
  if (batch.length > 0) yield taken()
}

function importerOf(type: RecordType) {
  return type === 'label' ? importLabels : type === 'purged_image' ? importPurgedImages : importThings
}

/** By what a record is unique, as the database sees it: whatever its case. */
function nameOf({ record }: ReadRecord): string {
  return (record.type === 'label' ? `${record.resource_uuid}\n${record.name}` : uuidOf(record.uuid)).toLowerCase()
}

function conflictError(conflicts: number): VdcError {
  const differ = conflicts === 1 ? 'One thing differs' : `${conflicts} things differ`
  return new VdcError('IMPORT_CONFLICT', `Nothing is imported: ${differ} from what is here`, {
    hint: 'An id means one thing; see what is right, here and where the registry was exported',
  })
}

function warningOf(what: string, ids: ReadonlySet<string>): string {
  const some = [...ids].slice(0, 3)
  return `${what}: ${some.join(', ')}${ids.size > some.length ? ', …' : ''}`
}
