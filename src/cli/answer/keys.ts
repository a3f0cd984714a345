import type * as z from 'zod/mini'
import { VdcError } from '../../core/errors.ts'
import { wasMeant } from '../../core/nearest.ts'
import { writeOut } from '../terminal/output.ts'

type Schema = z.ZodMiniType

/** Prints the keys that `--columns` takes, a line each. */
export async function listKeys(command: string): Promise<void> {
  const lines = (await keysOf(command)).map(({ name, isOpen }) => `${isOpen ? `${name}.NAME` : name}\n`)
  await writeOut(lines.join(''))
}

/** The keys of what a command answers, those of nested ones with dots; without the names of labels. */
export async function namesOf(command: string): Promise<string[]> {
  return (await keysOf(command)).map(({ name }) => name)
}

/** The keys of what a command answers, without those of nested ones. */
export async function topKeysOf(command: string): Promise<string[]> {
  return (await namesOf(command)).filter((name) => !name.includes('.'))
}

/** What `--sort` calls a key in short. */
const SHORT: Readonly<Record<string, string>> = {
  name: 'display_name',
  account: 'account_id',
  size: 'virtual_size',
  created: 'created_at',
  updated: 'updated_at',
  deleted: 'deleted_at',
}

/**
 * Finds the keys that columns are named by: as they are, in another case, or in
 * short as `--sort` takes them.
 *
 * @throws VdcError VALUE_REFUSED that names those that the command answers with.
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
      hint: `${wasMeant(lower, [...known, ...short])}--columns help lists them: ${known.filter((each) => !each.includes('.')).join(', ')}`,
    })
  })
}

/** A key of an answer; `isOpen` where others may stand below it, such as the names of labels. */
interface Key {
  name: string
  isOpen: boolean
}

/** The keys of what a command answers, those of nested ones with dots, in their order. */
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

/** What a field is where it is there and not null; of several forms the first, which is the whole one. */
function unwrapped(schema: Schema): Schema {
  const { def } = schema._zod as unknown as { def: { type: string; innerType?: Schema; options?: Schema[] } }
  if (def.innerType !== undefined && ['nullable', 'optional'].includes(def.type)) return unwrapped(def.innerType)
  return def.type === 'union' && def.options?.[0] !== undefined ? unwrapped(def.options[0]) : schema
}
