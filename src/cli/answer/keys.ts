import type * as z from 'zod/mini'
import { VdcError } from '../../core/errors.ts'
import { wasMeant } from '../../core/nearest.ts'
import { writeOut } from '../terminal/output.ts'

type Schema = z.ZodMiniType

/** Prints the keys that `--columns` takes, one per line. */
export async function listKeys(command: string): Promise<void> {
  const lines = (await keysOf(command)).map(({ name, isOpen }) => `${isOpen ? `${name}.NAME` : name}\n`)
  await writeOut(lines.join(''))
}

/** Returns the keys of a command's answer. Nested keys have dots; the names of labels are not included. */
export async function namesOf(command: string): Promise<string[]> {
  return (await keysOf(command)).map(({ name }) => name)
}

/** Returns the top-level keys of a command's answer, without those that are only in it if they are asked for. */
export async function topKeysOf(command: string): Promise<string[]> {
  const { RESULTS } = await import('./results.ts')
  const onRequest = RESULTS[command]?.onRequest ?? []
  return (await namesOf(command)).filter((name) => !name.includes('.') && !onRequest.includes(name))
}

/** The short names of keys, as in `--sort`. */
const SHORT: Readonly<Record<string, string>> = {
  name: 'display_name',
  account: 'account_id',
  size: 'virtual_size',
  created: 'created_at',
  updated: 'updated_at',
  deleted: 'deleted_at',
}

/**
 * Finds the keys of columns. Names may be in another case or short, as for `--sort`.
 *
 * @throws VdcError VALUE_REFUSED if there is no such column; its hint lists the columns.
 */
export async function keysNamed(command: string, names: readonly string[]): Promise<string[]> {
  const keys = await keysOf(command)
  const isKnown = (name: string) =>
    keys.some((key) => key.name === name || (key.isOpen && name.startsWith(`${key.name}.`)))
  return names.map((name) => {
    const lower = name.toLowerCase()
    const key = [name, lower, SHORT[lower] ?? ''].find(isKnown)
    if (key !== undefined) return key
    const known = keys.map((each) => each.name)
    const short = Object.keys(SHORT).filter((each) => isKnown(SHORT[each] as string))
    throw new VdcError('VALUE_REFUSED', `There is no column ${name}`, {
      hint: `${wasMeant(lower, [...known, ...short])}Columns (list all with --columns help): ${known.filter((each) => !each.includes('.')).join(', ')}`,
    })
  })
}

/** A key of an answer; `isOpen` if it can have any keys below it, such as the names of labels. */
interface Key {
  name: string
  isOpen: boolean
}

/** Returns the keys of a command's answer in order. Nested keys have dots. */
async function keysOf(command: string): Promise<Key[]> {
  const { RESULTS } = await import('./results.ts')
  const result = RESULTS[command]
  return result === undefined ? [] : keysIn(await result.schema(), '')
}

function keysIn(schema: Schema, prefix: string): Key[] {
  return Object.entries(shapeOf(schema) ?? {}).flatMap(([key, field]) => {
    const name = prefix + key
    const inner = unwrapped(field)
    return [{ name, isOpen: inner._zod.def.type === 'record' }, ...keysIn(inner, `${name}.`)]
  })
}

function shapeOf(schema: Schema): Record<string, Schema> | undefined {
  const { def } = unwrapped(schema)._zod
  return def.type === 'object' ? (def as unknown as { shape: Record<string, Schema> }).shape : undefined
}

/** Returns the schema of a field without `nullable` and `optional`; of a union, the first, which is the most complete. */
function unwrapped(schema: Schema): Schema {
  const { def } = schema._zod as unknown as { def: { type: string; innerType?: Schema; options?: Schema[] } }
  if (def.innerType !== undefined && ['nullable', 'optional'].includes(def.type)) return unwrapped(def.innerType)
  return def.type === 'union' && def.options?.[0] !== undefined ? unwrapped(def.options[0]) : schema
}
