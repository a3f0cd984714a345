import type * as z from 'zod/mini'
import { VdcError } from '../../errors.ts'
import { validate } from '../validate.ts'
import { asMap, readYaml } from '../yaml.ts'
import type { Counts } from './export.ts'
import { linesOf } from './lines.ts'
import { forTypes, LINES, type RecordType, type RegistryRecord, TYPES, VERSION } from './records.ts'

/** A record and the line that it stands in. */
export interface ReadRecord {
  record: RegistryRecord
  line: number
  /** Of the line, as a measure of what it takes to keep it. */
  bytes: number
}

/**
 * Reads the lines of a registry file as they come. The records are of the types
 * in their order; after the last one the file was there whole.
 *
 * @throws VdcError FILE_REFUSED that names the line, or says that the file is cut off.
 */
export async function* readRecords(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<ReadRecord> {
  const counts: Counts = forTypes(() => 0)
  let place: 'header' | 'records' | 'after' = 'header'
  let lastType = 0
  for await (const { number, text, bytes } of linesOf(chunks)) {
    const refuse = (why: string, hint?: string) => new VdcError('FILE_REFUSED', `Line ${number} ${why}`, { hint })
    if (place === 'after') {
      // Editors leave empty lines at the end.
      if (text.trim() === '') continue
      throw refuse('comes after the last line of the registry')
    }
    const value = parse(text)
    if (value === undefined) throw refuse('is no JSON object')
    const { type } = value
    if (place === 'header') {
      if (type !== 'registry')
        throw refuse('is not the first line of a registry', 'vdc-manage registry export writes one')
      const { version } = checked(LINES.registry, value, number)
      if (version !== VERSION) throw refuse(`is of a registry of version ${version}; known is ${VERSION}`)
      place = 'records'
    } else if (type === 'end') {
      const claimed = checked(LINES.end, value, number).counts
      const wrong = TYPES.find((name) => claimed[name] !== counts[name])
      if (wrong !== undefined) {
        throw refuse(
          `counts ${claimed[wrong]} lines of type ${wrong}, and there are ${counts[wrong]}: some are missing or too many`,
        )
      }
      place = 'after'
    } else {
      const order = TYPES.indexOf(type as RecordType)
      if (order === -1) throw refuse(`has no known type: it must be one of ${TYPES.join(', ')}, end`)
      if (order < lastType) throw refuse(`is of type ${type} and comes after those of type ${TYPES[lastType]}`)
      lastType = order
      const record = checked(LINES[type as RecordType] as z.ZodMiniType<RegistryRecord>, value, number)
      if (record.type === 'image') await requireYaml(record, number)
      counts[record.type]++
      yield { record, line: number, bytes }
    }
  }
  if (place !== 'after') {
    throw new VdcError(
      'FILE_REFUSED',
      `The registry ${place === 'header' ? 'is empty' : 'is cut off: its last line is missing'}`,
      {
        hint: 'Export it again, and see that that ends with exit code 0',
      },
    )
  }
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}

function checked<T extends z.ZodMiniType>(schema: T, value: Record<string, unknown>, line: number): z.output<T> {
  try {
    return validate(schema, value, 'it')
  } catch (error) {
    const name = typeof value.uuid === 'string' ? ` (${value.uuid})` : ''
    throw new VdcError('FILE_REFUSED', `Line ${line}${name} is refused: ${(error as VdcError).message}`, {
      cause: error,
    })
  }
}

/** One row with YAML that can't be read makes the Ruby programs' whole listing fail (dcmgr.md, "YAML columns"). */
async function requireYaml(image: RegistryRecord<'image'>, line: number): Promise<void> {
  for (const column of ['features', 'volumes', 'vifs'] as const) {
    const yaml = await readYaml(image[column])
    const problem =
      'problem' in yaml ? yaml.problem : column === 'features' && asMap(yaml) === undefined ? 'it is no map' : undefined
    if (problem === undefined) continue
    throw new VdcError(
      'FILE_REFUSED',
      `Line ${line} (${image.uuid}) is refused: ${column} hold YAML that can not be read: ${problem}`,
    )
  }
}
