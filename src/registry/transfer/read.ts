import { VdcError } from '../../core/errors.ts'
import { readYamlColumns, yamlProblems } from '../image/yaml-columns.ts'
import { isObject, type Keys, problemIn } from './columns.ts'
import { type Line, linesOf, together } from './lines.ts'
import { COUNTS, forTypes, LINES, type RecordType, type RegistryRecord, TYPES, VERSION } from './records.ts'

/** A record and the line that it stands in. */
export interface ReadRecord {
  record: RegistryRecord
  line: number
  /** Of the line, as a measure of what it takes to keep it. */
  bytes: number
}

/**
 * Reads the lines of a registry file as they come, some together. The records are of the
 * types in their order; after the last one the file was there whole.
 *
 * @throws VdcError FILE_REFUSED that names the line, after the records before it, or says that the file is cut off.
 */
export async function* readRecords(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<ReadRecord[]> {
  const reader = new Reader()
  for await (const lines of linesOf(chunks)) {
    for (const records of together(reader.recordsIn(lines))) yield* withReadableYaml(records)
  }
  reader.requireEnd()
}

/** Checks lines in their order. */
class Reader {
  readonly #counts = forTypes(() => 0)
  #place: 'header' | 'records' | 'after' = 'header'
  #lastType = 0

  requireEnd(): void {
    if (this.#place === 'after') return
    throw new VdcError(
      'FILE_REFUSED',
      `The registry ${this.#place === 'header' ? 'is empty' : 'is cut off: its last line is missing'}`,
      {
        hint: 'Export it again, and see that that ends with exit code 0',
      },
    )
  }

  *recordsIn(lines: readonly Line[]): Generator<ReadRecord> {
    for (const line of lines) {
      // Editors leave empty lines at the end.
      if (this.#place === 'after' && line.text.trim() === '') continue
      if (this.#place === 'after') throw refusal(line, 'comes after the last line of the registry')
      const value = parse(line.text)
      if (value === undefined) throw refusal(line, 'is no JSON object')
      if (this.#place === 'header') this.#readHeader(value, line)
      else if (value.type === 'end') this.#readEnd(value, line)
      else yield { record: this.#readRecord(value, line), line: line.number, bytes: line.bytes }
    }
  }

  #readHeader(value: Record<string, unknown>, line: Line): void {
    if (value.type !== 'registry')
      throw refusal(line, 'is not the first line of a registry', 'vdc-manage registry export writes one')
    check(LINES.registry, value, line)
    if (value.version !== VERSION)
      throw refusal(line, `is of a registry of version ${value.version}; known is ${VERSION}`)
    this.#place = 'records'
  }

  #readRecord(value: Record<string, unknown>, line: Line): RegistryRecord {
    const type = value.type as RecordType
    const order = TYPES.indexOf(type)
    if (order === -1) throw refusal(line, `has no known type: it must be one of ${TYPES.join(', ')}, end`)
    if (order < this.#lastType)
      throw refusal(line, `is of type ${type} and comes after those of type ${TYPES[this.#lastType]}`)
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
      const [claimed = 0, there] = [counts[type], this.#counts[type]]
      if (claimed === there) continue
      throw refusal(
        line,
        `counts ${claimed} lines of type ${type}, and there are ${there}: some are missing or too many`,
      )
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

async function* withReadableYaml(records: ReadRecord[]): AsyncGenerator<ReadRecord[]> {
  for (const [index, { record, line }] of records.entries()) {
    if (record.type !== 'image') continue
    // One such row makes the Ruby programs' whole listing fail (dcmgr.md, "YAML columns").
    const [problem] = yamlProblems(await readYamlColumns(record))
    if (problem === undefined) continue
    yield records.slice(0, index)
    throw new VdcError('FILE_REFUSED', `Line ${line} (${record.uuid}) is refused: ${problem.column} ${problem.why}`)
  }
  yield records
}
