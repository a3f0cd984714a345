import { VdcError } from '../../core/errors.ts'
import { readYamlColumns, yamlProblems } from '../image/yaml-columns.ts'
import { isObject, type Keys, problemIn } from './columns.ts'
import { collected, type Line, linesOf } from './lines.ts'
import { COUNTS, forTypes, LINES, type RecordType, type RegistryRecord, TYPES, VERSION } from './records.ts'

/** A record that was read. */
export interface ReadRecord {
  record: RegistryRecord
  /** Number of its line, from 1. */
  line: number
  /** Length of its line in bytes, as a measure of the memory that it takes. */
  bytes: number
}

/**
 * Reads and checks the lines of a registry file. Yields records in arrays as their bytes
 * arrive, in the order of types. When it ends without an error, the file was complete.
 *
 * @throws VdcError FILE_REFUSED if a line is not valid, after yielding the records before
 *   it; or if the file is truncated.
 */
export async function* readRecords(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<ReadRecord[]> {
  const reader = new Reader()
  for await (const lines of linesOf(chunks)) {
    for (const records of collected(reader.recordsIn(lines))) yield* withReadableYaml(records)
  }
  reader.requireEnd()
}

/** Checks lines in order, from the header to the end line. */
class Reader {
  readonly #counts = forTypes(() => 0)
  #place: 'header' | 'records' | 'after' = 'header'
  /** Index in `TYPES` of the last record's type. */
  #lastType = 0

  /** @throws VdcError FILE_REFUSED if the end line was not read. */
  requireEnd(): void {
    if (this.#place === 'after') return
    throw new VdcError(
      'FILE_REFUSED',
      `The registry file ${this.#place === 'header' ? 'is empty' : 'is truncated: its last line is missing'}`,
      {
        hint: 'Export the registry again, and check that the export ends with exit code 0',
      },
    )
  }

  *recordsIn(lines: readonly Line[]): Generator<ReadRecord> {
    for (const line of lines) {
      // Editors leave empty lines at the end.
      if (this.#place === 'after' && line.text.trim() === '') continue
      if (this.#place === 'after') throw refusal(line, 'comes after the end of the registry')
      const value = parse(line.text)
      if (this.#place === 'header') {
        this.#readHeader(value ?? {}, line)
        continue
      }
      if (value === undefined) throw refusal(line, 'is not a JSON object')
      if (value.type === 'end') this.#readEnd(value, line)
      else yield { record: this.#readRecord(value, line), line: line.number, bytes: line.bytes }
    }
  }

  #readHeader(value: Record<string, unknown>, line: Line): void {
    if (value.type !== 'registry')
      throw refusal(line, 'is not a registry header', 'Create a registry file with: vdc-manage registry export')
    check(LINES.registry, value, line)
    if (value.version !== VERSION)
      throw refusal(line, `has registry version ${value.version}; only version ${VERSION} is supported`)
    this.#place = 'records'
  }

  #readRecord(value: Record<string, unknown>, line: Line): RegistryRecord {
    const type = value.type as RecordType
    const order = TYPES.indexOf(type)
    if (order === -1) throw refusal(line, `has an unknown type; it must be one of ${TYPES.join(', ')}, end`)
    if (order < this.#lastType)
      throw refusal(line, `has type ${type}, but must come before the lines of type ${TYPES[this.#lastType]}`)
    this.#lastType = order
    check(LINES[type], value, line)
    this.#counts[type]++
    return value as unknown as RegistryRecord
  }

  #readEnd(value: Record<string, unknown>, line: Line): void {
    check(LINES.end, value, line)
    const counts = value.counts as Partial<Record<RecordType, number>>
    check(COUNTS, counts, line, 'counts')
    for (const type of TYPES) {
      const expected = counts[type] ?? 0
      const found = this.#counts[type]
      if (expected === found) continue
      throw refusal(line, `counts ${expected} lines of type ${type}, but the file has ${found}`)
    }
    this.#place = 'after'
  }
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

function check(keys: Keys, value: Record<string, unknown>, line: Line, path?: string): void {
  const problem = problemIn(keys, value, path)
  if (problem === undefined) return
  const name = typeof value.uuid === 'string' ? ` (${value.uuid})` : ''
  throw new VdcError('FILE_REFUSED', `Line ${line.number}${name} is refused: ${problem}`)
}

function refusal({ number }: Line, why: string, hint?: string): VdcError {
  return new VdcError('FILE_REFUSED', `Line ${number} ${why}`, { hint })
}

/** Yields the records, and throws at the first image whose YAML columns cannot be parsed. */
async function* withReadableYaml(records: ReadRecord[]): AsyncGenerator<ReadRecord[]> {
  for (const [index, { record, line }] of records.entries()) {
    if (record.type !== 'image') continue
    // One such row makes every list of the Ruby programs fail (dcmgr.md, "YAML columns").
    const [problem] = yamlProblems(await readYamlColumns(record))
    if (problem === undefined) continue
    yield records.slice(0, index)
    throw new VdcError('FILE_REFUSED', `Line ${line} (${record.uuid}) is refused: ${problem.column} ${problem.why}`)
  }
  yield records
}
