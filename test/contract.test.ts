import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { RESULTS } from '../src/cli/answer/results.ts'
import { ROOT } from './support/process/cli.ts'
import { resultSchemas } from './support/result-schemas.ts'

/*
 * What scripts rely on. After a change here, update the golden files with
 * `npx vitest run test/contract.test.ts -u`, and describe it in CHANGELOG.md.
 */

interface Words {
  [name: string]: Record<string, unknown>
}
const manifest = JSON.parse(readFileSync(join(ROOT, 'oclif.manifest.json'), 'utf8')) as {
  commands: Record<string, { flags: Words; args: Words; aliases: string[]; hidden?: boolean; exits: number[] }>
}

const OF_A_FLAG = [
  'char',
  'type',
  'allowNo',
  'required',
  'multiple',
  'options',
  'default',
  'aliases',
  'exclusive',
  'dependsOn',
]
const OF_AN_ARGUMENT = ['required', 'multiple', 'options', 'default']

function some(words: Words, keys: readonly string[]): Words {
  return Object.fromEntries(
    Object.entries(words).map(([name, word]) => [
      name,
      Object.fromEntries(
        keys.flatMap((key) => ([undefined, false].includes(word[key] as never) ? [] : [[key, word[key]]])),
      ),
    ]),
  )
}

describe('contract', () => {
  test('covers the arguments, flags, aliases and exit codes of every command', async () => {
    const commands = Object.entries(manifest.commands).map(([id, command]) => [
      id.replaceAll(':', ' '),
      {
        aliases: command.aliases.map((alias) => alias.replaceAll(':', ' ')),
        args: some(command.args, OF_AN_ARGUMENT),
        flags: some(command.flags, OF_A_FLAG),
        exits: command.exits,
      },
    ])
    await expect(`${JSON.stringify(Object.fromEntries(commands), null, 2)}\n`).toMatchFileSnapshot('golden/flags.json')
  })

  test('has a schema for every command with --json', () => {
    const answering = Object.keys(manifest.commands).filter((id) => 'json' in (manifest.commands[id]?.flags ?? {}))
    // After a space comes the option that changes the result. Counts and dry runs have their own schemas.
    const known = Object.keys(RESULTS).map((id) => id.replace(/ .*/, ''))
    expect([...new Set(known)].filter((id) => !['count', 'dry'].includes(id)).sort()).toEqual(answering.sort())
  })

  test('covers the JSON schemas of all results and of errors', async () => {
    const schemas = await resultSchemas()
    for (const [name, schema] of schemas) {
      const path = `golden/results/${fileName(name)}`
      await expect(`${JSON.stringify(schema, null, 2)}\n`).toMatchFileSnapshot(path)
    }
    expect(readdirSync(join(ROOT, 'test/golden/results')).sort()).toEqual([...schemas.keys()].map(fileName).sort())
  })
})

function fileName(name: string): string {
  return `${name.replaceAll(/[ -]+/g, '-')}.json`
}
