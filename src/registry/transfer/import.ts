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

/** Lines in a batch. */
const MOST_LINES = 200
/** Bytes in a batch. Quoted in a statement, they may double, and old servers accept at most 1 MiB. */
const MOST_BYTES = 256 * 1024
/** Numbers of added and unchanged entries, by type. */
export type ImportSummary = z.output<typeof importSummary>

/** Why nothing was imported: all conflicts. */
export interface ImportRefusal {
  conflicts: ImportConflict[]
  error: VdcError
}

/**
 * Imports a registry file (`records.ts`), all of it or nothing. Entries that already exist
 * and are equal stay unchanged, so an import can be repeated. If any entry exists and
 * differs, nothing is imported. Images and objects begin a new history (dcmgr.md,
 * "History"). The IDs of purged images stay taken.
 *
 * @param source path of the file, or its bytes.
 * @returns the numbers of entries, or the conflicts.
 * @throws VdcError FILE_REFUSED or VALUE_REFUSED if a line is not valid, naming the line;
 *   FILE_NOT_WRITTEN if a pipe cannot be spooled; USAGE for a pipe in `--tx bulk`. Nothing
 *   is imported then.
 */
export async function importRegistry(
  registry: Registry,
  source: string | AsyncIterable<Uint8Array>,
): Promise<ImportSummary | ImportRefusal> {
  const { interruption, commits } = registry.database
  const open = typeof source === 'string' ? () => readText(source, interruption.signal) : () => source
  if (typeof source === 'string' && !isStream(source))
    return importAgain(registry, open).catch((error: unknown) => {
      throw namingSource(error, source)
    })
  if (commits === 'outer') {
    throw new VdcError('USAGE', 'A pipe cannot be imported with --tx bulk, which may have to read it twice', {
      hint: 'Import from a file, or run the import on its own',
    })
  }
  const kept = new KeptBytes()
  try {
    // Read to the end first, so that a slow source does not lock others out of the database.
    for await (const _ of readRecords(kept.keep(open())));
    interruption.throwIfRequested()
    return await importAgain(registry, () => kept.read())
  } finally {
    await kept.close()
  }
}

/** @param open returns the bytes from their start. Called each time the unit of work is tried. */
async function importAgain(
  registry: Registry,
  open: () => AsyncIterable<Uint8Array>,
): Promise<ImportSummary | ImportRefusal> {
  const { commits } = registry.database
  // All or nothing, even if other commands commit each statement.
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
  for (const [warning, ids] of missing) registry.warn(withIds(warning, ids))
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

/** Groups records into batches that are looked up and stored at once. All records of a batch have the same type and different names. */
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
      // The second record of a name must find the first one in the database.
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
  if (type === 'label') return importLabels
  return type === 'purged_image' ? importPurgedImages : importThings
}

/** Returns the name that makes a record unique, in lower case, as the database ignores case. */
function nameOf({ record }: ReadRecord): string {
  return (record.type === 'label' ? `${record.resource_uuid}\n${record.name}` : uuidOf(record.uuid)).toLowerCase()
}

/** Adds the path of the file to an error about one of its lines. */
function namingSource(error: unknown, path: string): unknown {
  if (!(error instanceof VdcError) || !/^(?:Line \d|The registry file )/.test(error.message)) return error
  const message = `${path}: ${error.message.charAt(0).toLowerCase()}${error.message.slice(1)}`
  return new VdcError(error.code, message, { hint: error.hint, cause: error })
}

function conflictError(conflicts: number): VdcError {
  const differ = conflicts === 1 ? '1 entry differs' : `${conflicts} entries differ`
  return new VdcError('IMPORT_CONFLICT', `Nothing was imported: ${differ} from this registry`, {
    hint: 'Import into an empty database, or correct the entries on either side. To keep those of this registry, remove their lines from the export, and lower the counts in its last line',
  })
}

function withIds(warning: string, ids: ReadonlySet<string>): string {
  const some = [...ids].slice(0, 3)
  return `${warning}: ${some.join(', ')}${ids.size > some.length ? ', …' : ''}`
}
