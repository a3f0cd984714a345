import type { JsonSchema } from '../result-schemas.ts'

/** A flag or an argument, with those of its properties that are set. */
interface Word {
  type?: string
  char?: string
  required?: boolean
  multiple?: boolean
  allowNo?: boolean
  options?: readonly string[]
  default?: unknown
  aliases?: readonly string[]
  exclusive?: readonly string[]
  dependsOn?: readonly string[]
}

/** The words of a command, as in test/golden/flags.json. */
export interface CommandWords {
  aliases: readonly string[]
  args: Record<string, Word>
  flags: Record<string, Word>
  exits: readonly number[]
}

/** Returns what scripts written for the commands of then would miss in the commands of now, one text per loss. */
export function commandLosses(then: Record<string, CommandWords>, now: Record<string, CommandWords>): string[] {
  return Object.entries(then).flatMap(([id, before]) => {
    const after = now[id]
    if (after === undefined) return [`${id}: is gone`]
    return [
      ...missing(before.aliases, after.aliases).map((alias) => `alias ${alias} is gone`),
      ...missing(before.exits, after.exits).map((exit) => `exit code ${exit} is gone`),
      ...argumentLosses(Object.values(before.args), Object.values(after.args)),
      ...flagLosses(before.flags, after.flags),
    ].map((loss) => `${id}: ${loss}`)
  })
}

/** Arguments have no names on the command line, so their positions count. */
function argumentLosses(then: readonly Word[], now: readonly Word[]): string[] {
  const losses = now.slice(then.length).flatMap(({ required }) => (required ? ['another argument is required'] : []))
  for (const [index, before] of then.entries()) {
    const after = now[index]
    const name = `argument ${index + 1}`
    if (after === undefined) losses.push(`${name} is gone`)
    else {
      losses.push(...choiceLosses(name, before, after))
      if (before.multiple && !after.multiple) losses.push(`${name} takes only one value`)
      if (before.default !== undefined && before.default !== after.default) losses.push(`${name} has another default`)
    }
  }
  return losses
}

function flagLosses(then: Record<string, Word>, now: Record<string, Word>): string[] {
  const losses = Object.entries(now).flatMap(([name, { required }]) =>
    required && then[name] === undefined ? [`--${name} is required`] : [],
  )
  for (const [flag, before] of Object.entries(then)) {
    const after = now[flag]
    const name = `--${flag}`
    if (after === undefined) losses.push(`${name} is gone`)
    else {
      for (const key of ['type', 'char', 'multiple', 'default'] as const) {
        if (!isSame(before[key], after[key])) losses.push(`${name} has another ${key}`)
      }
      losses.push(...choiceLosses(name, before, after))
      if (before.allowNo && !after.allowNo) losses.push(`--no-${flag} is gone`)
      losses.push(...missing(before.aliases, after.aliases).map((alias) => `--${alias} is gone`))
      for (const [key, words] of [
        ['exclusive', 'excludes'],
        ['dependsOn', 'needs'],
      ] as const) {
        // With a new flag, nobody has used it yet.
        const more = missing(after[key], before[key]).filter((other) => key === 'dependsOn' || other in then)
        losses.push(...more.map((other) => `${name} ${words} --${other}`))
      }
    }
  }
  return losses
}

function choiceLosses(name: string, then: Word, now: Word): string[] {
  const losses = missing(then.options, now.options ?? then.options).map((choice) => `${name} no longer takes ${choice}`)
  if (then.options === undefined && now.options !== undefined) losses.push(`${name} takes only some values`)
  if (now.required && !then.required) losses.push(`${name} is required`)
  return losses
}

/** Returns the error codes of then that are gone or have another exit code. */
export function errorLosses(then: Record<string, number>, now: Record<string, { exit: number }>): string[] {
  return Object.entries(then).flatMap(([code, exit]) =>
    now[code]?.exit === exit ? [] : [`${code}: ${now[code] === undefined ? 'is gone' : 'has another exit code'}`],
  )
}

/** Returns what readers of the JSON of then would miss in the JSON of now, by result. */
export function resultLosses(then: Record<string, JsonSchema>, now: Record<string, JsonSchema>): string[] {
  const { $defs, ...results } = then
  return Object.entries(results).flatMap(([name, schema]) => {
    const after = now[name]
    if (after === undefined) return [`${name}: is gone`]
    return schemaLosses(schema, after, ($defs ?? {}) as Record<string, JsonSchema>).map((loss) => `${name}${loss}`)
  })
}

/**
 * A value may get new keys, and an object new alternatives with other keys. A type stays, a value that
 * was always there stays required, and one that was never null never becomes null.
 */
function schemaLosses(then: JsonSchema, now: JsonSchema, defs: Record<string, JsonSchema>): string[] {
  const before = variants(then, defs)
  const after = variants(now, {})
  const losses = before.flatMap((variant) => {
    const found = after.filter(({ type }) => type === variant.type).map((other) => variantLosses(variant, other, defs))
    const [least] = found.toSorted((a, b) => a.length - b.length)
    return least ?? [`: is never ${typeOf(variant)}`]
  })
  const known = new Set(before.map(({ type }) => type))
  const added = known.has(undefined) ? [] : after.filter(({ type }) => !known.has(type))
  return [...losses, ...added.map((variant) => `: can be ${typeOf(variant)}`)]
}

function variantLosses(then: JsonSchema, now: JsonSchema, defs: Record<string, JsonSchema>): string[] {
  const losses: string[] = []
  if (!isSame(then.pattern, now.pattern)) losses.push(': has another form')
  if (!isSame(then.const, now.const)) losses.push(': is another constant')
  if (isList(then.enum))
    losses.push(...missing(then.enum, isList(now.enum) ? now.enum : then.enum).map((value) => `: is never ${value}`))
  const required = isList(now.required) ? now.required : []
  for (const key of isList(then.required) ? then.required : []) {
    if (!required.includes(key)) losses.push(`.${key}: may be absent`)
  }
  for (const [key, schema] of Object.entries((then.properties ?? {}) as Record<string, JsonSchema>)) {
    const after = (now.properties as Record<string, JsonSchema> | undefined)?.[key]
    const inside = after === undefined ? [': is gone'] : schemaLosses(schema, after, defs)
    losses.push(...inside.map((loss) => `.${key}${loss}`))
  }
  for (const key of ['items', 'additionalProperties']) {
    const [before, after] = [then[key], now[key]]
    if (!isSchema(before)) continue
    const inside = isSchema(after) ? schemaLosses(before, after, defs) : [': are gone']
    losses.push(...inside.map((loss) => `[]${loss}`))
  }
  return losses
}

/** Returns the alternatives of a schema, each with one type at most. */
function variants(schema: JsonSchema, defs: Record<string, JsonSchema>): JsonSchema[] {
  if (typeof schema.$ref === 'string') {
    return variants(defs[schema.$ref.replace('#/$defs/', '')] ?? fail(schema.$ref), defs)
  }
  if (isList(schema.anyOf)) return schema.anyOf.flatMap((variant) => variants(variant as JsonSchema, defs))
  return isList(schema.type) ? schema.type.map((type) => ({ ...schema, type })) : [schema]
}

function fail(reference: string): never {
  throw new Error(`${reference} is not defined`)
}

function typeOf({ type }: JsonSchema): string {
  return type === undefined ? 'any value' : String(type)
}

function missing<T>(then: readonly T[] = [], now: readonly T[] = []): T[] {
  return then.filter((value) => !now.includes(value))
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}

function isList(value: unknown): value is unknown[] {
  return Array.isArray(value)
}

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null && Object.keys(value).length > 0
}
