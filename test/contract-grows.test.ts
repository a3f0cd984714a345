import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ERRORS } from '../src/core/errors.ts'
import { type CommandWords, commandLosses, errorLosses, resultLosses } from './support/contract/losses.ts'
import { ROOT } from './support/process/cli.ts'
import type { JsonSchema } from './support/result-schemas.ts'

/*
 * Commands, options, exit codes and JSON keys only grow. test/golden/before holds them as they once were, and
 * is never updated. contract.test.ts compares test/golden/flags.json and results/ with the program.
 */

const golden = (path: string) => JSON.parse(readFileSync(join(ROOT, 'test/golden', path), 'utf8'))
const commands: Record<string, CommandWords> = golden('before/commands.json')
const results: Record<string, JsonSchema> = golden('before/results.json')
const errors: Record<string, number> = golden('before/errors.json')

describe('contract', () => {
  test('keeps all commands, aliases, arguments, options and exit codes', () => {
    expect(commandLosses(commands, golden('flags.json'))).toEqual([])
  })

  test('keeps all keys of results', () => {
    const now = readdirSync(join(ROOT, 'test/golden/results')).map((name) => [
      name.replace('.json', ''),
      golden(`results/${name}`),
    ])
    expect(resultLosses(results, Object.fromEntries(now))).toEqual([])
  })

  test('keeps all error codes and their exit codes', () => {
    expect(errorLosses(errors, ERRORS)).toEqual([])
  })
})

describe('comparison with an earlier contract', () => {
  const show: CommandWords = {
    aliases: ['image info'],
    args: { id: { required: true, multiple: true } },
    flags: {
      format: { type: 'option', options: ['json', 'csv'], default: 'json', aliases: ['as'] },
      public: { type: 'boolean', allowNo: true, char: 'p' },
      columns: { type: 'option', multiple: true },
    },
    exits: [0, 4],
  }
  const changed = (change: Partial<CommandWords>) => commandLosses({ show }, { show: { ...show, ...change } })
  const flag = (name: string, change: object) =>
    changed({ flags: { ...show.flags, [name]: { ...show.flags[name], ...change } } })

  test('accepts more of everything', () => {
    const more: CommandWords = {
      aliases: ['image info', 'image view'],
      args: { id: { multiple: true }, path: {} },
      flags: {
        format: { ...show.flags.format, options: ['json', 'csv', 'yaml'], aliases: ['as', 'in'], exclusive: ['new'] },
        public: { ...show.flags.public, exclusive: [] },
        columns: { ...show.flags.columns },
        new: { type: 'boolean', exclusive: ['public'] },
      },
      exits: [0, 4, 5],
    }
    expect(commandLosses({ show }, { show: more, list: show })).toEqual([])
  })

  test.each([
    ['a command', () => commandLosses({ show }, {}), 'show: is gone'],
    ['an alias', () => changed({ aliases: [] }), 'show: alias image info is gone'],
    ['an exit code', () => changed({ exits: [0] }), 'show: exit code 4 is gone'],
    ['an argument', () => changed({ args: {} }), 'show: argument 1 is gone'],
    ['a further value', () => changed({ args: { id: { required: true } } }), 'show: argument 1 takes only one value'],
    [
      'a shorter command line',
      () => changed({ args: { ...show.args, path: { required: true } } }),
      'show: another argument is required',
    ],
    ['a flag', () => changed({ flags: {} }), 'show: --format is gone'],
    ['a choice', () => flag('format', { options: ['json'] }), 'show: --format no longer takes csv'],
    ['free values', () => flag('columns', { options: ['id'] }), 'show: --columns takes only some values'],
    ['a default', () => flag('format', { default: 'csv' }), 'show: --format has another default'],
    ['another name', () => flag('format', { aliases: [] }), 'show: --as is gone'],
    ['a type', () => flag('public', { type: 'option' }), 'show: --public has another type'],
    ['a letter', () => flag('public', { char: 'P' }), 'show: --public has another char'],
    ['--no', () => flag('public', { allowNo: false }), 'show: --no-public is gone'],
    ['repetition', () => flag('columns', { multiple: undefined }), 'show: --columns has another multiple'],
    ['being optional', () => flag('columns', { required: true }), 'show: --columns is required'],
    ['a new required flag', () => flag('new', { required: true }), 'show: --new is required'],
    ['a combination', () => flag('columns', { exclusive: ['format'] }), 'show: --columns excludes --format'],
    ['use alone', () => flag('columns', { dependsOn: ['format'] }), 'show: --columns needs --format'],
  ])('reports the loss of %s', (_, losses, loss) => {
    expect(losses()).toContain(loss)
  })

  const row: JsonSchema = {
    type: 'object',
    properties: {
      id: { type: 'string' },
      at: { type: 'string', pattern: 'Z$' },
      size: { type: ['integer', 'null'] },
      state: { type: 'string', enum: ['ok', 'bad'] },
      kind: { type: 'string', const: 'row' },
      labels: { type: 'object', additionalProperties: { type: 'string' } },
    },
    required: ['id', 'at', 'size', 'state', 'kind'],
  }
  const list = { $defs: { row }, list: { type: 'array', items: { $ref: '#/$defs/row' } } }
  const withRow = (items: JsonSchema) => resultLosses(list, { list: { type: 'array', items } })
  const property = (name: string, schema: JsonSchema) =>
    withRow({ ...row, properties: { ...(row.properties as object), [name]: schema } })

  test('accepts more keys, more values of an enum and other objects beside the old ones', () => {
    expect(property('new', { type: 'string' })).toEqual([])
    expect(property('state', { type: 'string', enum: ['ok', 'bad', 'odd'] })).toEqual([])
    expect(withRow({ anyOf: [{ type: 'object', properties: {} }, row] })).toEqual([])
    expect(withRow({ ...row, required: [...(row.required as string[]), 'labels'] })).toEqual([])
  })

  test.each([
    ['a result', () => resultLosses(list, {}), 'list: is gone'],
    ['a key', () => withRow({ ...row, properties: { id: { type: 'string' } } }), 'list[].at: is gone'],
    ['a certain key', () => withRow({ ...row, required: ['id'] }), 'list[].at: may be absent'],
    ['a type', () => property('id', { type: 'integer' }), 'list[].id: is never string'],
    ['one of two types', () => property('size', { type: 'integer' }), 'list[].size: is never null'],
    ['never being null', () => property('id', { type: ['string', 'null'] }), 'list[].id: can be null'],
    ['a form', () => property('at', { type: 'string' }), 'list[].at: has another form'],
    ['a value', () => property('state', { type: 'string', enum: ['ok'] }), 'list[].state: is never bad'],
    ['a constant', () => property('kind', { type: 'string', const: 'line' }), 'list[].kind: is another constant'],
    ['values of a map', () => property('labels', { type: 'object' }), 'list[].labels[]: are gone'],
    ['being a list', () => resultLosses(list, { list: row }), 'list: is never array'],
  ])('reports the loss of %s in JSON', (_, losses, loss) => {
    expect(losses()).toContain(loss)
  })

  test('reports a lost error code and a changed exit code', () => {
    expect(
      errorLosses({ GONE: 4, MOVED: 5, KEPT: 6 }, { MOVED: { exit: 3 }, KEPT: { exit: 6 }, NEW: { exit: 7 } }),
    ).toEqual(['GONE: is gone', 'MOVED: has another exit code'])
  })
})
