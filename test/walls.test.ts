import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { execa } from 'execa'
import { expect, test } from 'vitest'
import { newFolder } from './support/files/images.ts'
import { ROOT } from './support/process/cli.ts'

/** Imports that docs/architecture.md forbids: the file, and what it must not import. */
const CROSSINGS: [file: string, source: string][] = [
  ['src/commands/image/x.ts', '../../db/images.ts'],
  ['src/commands/image/x.ts', '../../disk/qemu/qemu-img.ts'],
  ['src/commands/image/x.ts', 'knex'],
  ['src/commands/image/add/x.ts', '../../../config/config.ts'],
  ['src/cli/x.ts', '../db/tables/images.ts'],
  ['src/cli/answer/columns/x.ts', '../../../db/tables/images.ts'],
  ['src/cli/session/x.ts', '../../disk/qemu/qemu-img.ts'],
  ['src/cli/shell/x.ts', '../../commands/image/list.ts'],
  ['src/registry/x.ts', '../cli/terminal/output.ts'],
  ['src/registry/image/register/x.ts', '../../../cli/terminal/output.ts'],
  ['src/registry/rules/x.ts', '@oclif/core'],
  ['src/registry/batch/x.ts', 'knex'],
  ['src/disk/make/x.ts', '../../db/tables/images.ts'],
  ['src/disk/formats/image/qcow/x.ts', '../../../../registry/rules/values.ts'],
  ['src/disk/x.ts', '../config/config.ts'],
  ['src/disk/x.ts', '../guest/run-checks.ts'],
  ['src/guest/checks/net/x.ts', '../../../registry/rules/values.ts'],
  ['src/guest/x.ts', '../cli/terminal/output.ts'],
  ['src/guest/x.ts', '../db/tables/images.ts'],
  ['src/commands/image/x.ts', '../../guest/run-checks.ts'],
  ['src/cli/x.ts', '../guest/run-checks.ts'],
  ['src/db/lists/x.ts', '../../registry/rules/values.ts'],
  ['src/db/sqlite/x.ts', '../../disk/qemu/qemu-img.ts'],
  ['src/core/x.ts', '../db/tables/images.ts'],
  ['src/config/x.ts', '../db/tables/images.ts'],
  ['migrations/999_x.ts', '../src/core/errors.ts'],
]
/** Imports that are allowed. */
const ALLOWED: [file: string, source: string][] = [
  ['src/commands/image/x.ts', '../../registry/image/list.ts'],
  ['src/commands/image/add/x.ts', '../../../cli/flags/common.ts'],
  ['src/cli/session/x.ts', '../../config/config.ts'],
  ['src/registry/image/x.ts', '../../db/tables/images.ts'],
  ['src/registry/image/check/x.ts', '../../../disk/qemu/qemu-img.ts'],
  ['src/db/mysql/x.ts', 'knex'],
  ['src/registry/image/check/x.ts', '../../../guest/run-checks.ts'],
  ['src/disk/qemu/x.ts', '../../core/errors.ts'],
  ['src/guest/tree/x.ts', '../../disk/remove/held.ts'],
]

/** Lints a file for each case in a new folder, with the project's rules. Returns the number of refusals per case. */
async function refusals(cases: [file: string, source: string][]): Promise<number[]> {
  const folder = newFolder()
  try {
    const rules = JSON.parse(readFileSync(join(ROOT, 'biome.json'), 'utf8'))
    writeFileSync(join(folder.path, 'biome.json'), JSON.stringify({ ...rules, vcs: { enabled: false } }))
    const files = cases.map(([file, source], number) => {
      const name = join(dirname(file), `case${number}.ts`)
      mkdirSync(join(folder.path, dirname(file)), { recursive: true })
      writeFileSync(
        join(folder.path, name),
        `import * as x from '${source}'\n\nconsole.log(x, await import('${source}'))\n`,
      )
      return name
    })
    const args = ['lint', '--only=style/noRestrictedImports', '--reporter=json', '--max-diagnostics=none']
    const result = await execa(join(ROOT, 'node_modules/.bin/biome'), args, { cwd: folder.path, reject: false })
    const { diagnostics } = JSON.parse(result.stdout) as { diagnostics: { location: { path: string } }[] }
    return files.map((file) => diagnostics.filter(({ location }) => location.path === file).length)
  } finally {
    folder.remove()
  }
}

test('refuses forbidden imports, static and dynamic', async () => {
  const found = await refusals(CROSSINGS)
  expect(CROSSINGS.map((crossing, number) => [...crossing, found[number]])).toEqual(
    CROSSINGS.map((crossing) => [...crossing, 2]),
  )
})

test('allows the other imports', async () => {
  expect(await refusals(ALLOWED)).toEqual(ALLOWED.map(() => 0))
})

test('rows are written in one place, so that dry runs report all of them', () => {
  const files = readdirSync(join(ROOT, 'src/db'), { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.ts'),
  )
  // Methods of knex (but not of the map of cached statements), SQL text, and imports of functions that run SQL.
  const ways = [
    /(?<!\bstatements)\.(insert|update|delete|del|upsert|truncate|increment|decrement)\(/,
    /\b(INSERT( INTO)?|UPDATE|DELETE( FROM)?|REPLACE( INTO)?) ([a-z?]|\$\{)/,
    /import \{[^}]*\b(insert|write)\b[^}]*\} from '[./]+statement\.ts'/,
  ]
  const writing = files.filter((file) => {
    const code = readFileSync(join(ROOT, 'src/db', file), 'utf8')
    return ways.some((way) => way.test(code))
  })
  // Rows of claims are gone by the end of the transaction, many-histories.ts leaves rows to be noted to writes.ts,
  // and statement.ts only runs what its callers pass.
  expect(writing.sort()).toEqual([
    'statement.ts',
    'tables/many-histories.ts',
    'tables/writes.ts',
    'transactions/claims.ts',
  ])
})
