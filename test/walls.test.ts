import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { execa } from 'execa'
import { expect, test } from 'vitest'
import { newFolder } from './support/files/images.ts'
import { ROOT } from './support/process/cli.ts'

/** Imports that cross a wall of docs/architecture.md: the file, and what it must not import. */
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
  ['src/db/lists/x.ts', '../../registry/rules/values.ts'],
  ['src/db/sqlite/x.ts', '../../disk/qemu/qemu-img.ts'],
  ['src/core/x.ts', '../db/tables/images.ts'],
  ['src/config/x.ts', '../db/tables/images.ts'],
  ['migrations/999_x.ts', '../src/core/errors.ts'],
]
/** Imports that are as they should be. */
const ALLOWED: [file: string, source: string][] = [
  ['src/commands/image/x.ts', '../../registry/image/list.ts'],
  ['src/commands/image/add/x.ts', '../../../cli/flags/common.ts'],
  ['src/cli/session/x.ts', '../../config/config.ts'],
  ['src/registry/image/x.ts', '../../db/tables/images.ts'],
  ['src/registry/image/check/x.ts', '../../../disk/qemu/qemu-img.ts'],
  ['src/db/mysql/x.ts', 'knex'],
  ['src/disk/qemu/x.ts', '../../core/errors.ts'],
]

/** Lints a file for each case, in a folder of its own with the project's rules; returns how often each was refused. */
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

test('an import that crosses a wall is refused, static or dynamic', async () => {
  const found = await refusals(CROSSINGS)
  expect(CROSSINGS.map((crossing, number) => [...crossing, found[number]])).toEqual(
    CROSSINGS.map((crossing) => [...crossing, 2]),
  )
})

test('an import along the way is not', async () => {
  expect(await refusals(ALLOWED)).toEqual(ALLOWED.map(() => 0))
})

test('rows are written in one place, so that a dry run tells all of them', () => {
  const files = readdirSync(join(ROOT, 'src/db'), { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.ts'),
  )
  // Of knex, but not of the map of kept statements; in the text of a statement; by what runs one.
  const ways = [
    /(?<!\bstatements)\.(insert|update|delete|del|upsert|truncate|increment|decrement)\(/,
    /\b(INSERT( INTO)?|UPDATE|DELETE( FROM)?|REPLACE( INTO)?) ([a-z?]|\$\{)/,
    /import \{[^}]*\b(insert|write)\b[^}]*\} from '[./]+statement\.ts'/,
  ]
  const writing = files.filter((file) => {
    const code = readFileSync(join(ROOT, 'src/db', file), 'utf8')
    return ways.some((way) => way.test(code))
  })
  // What claims write is gone by the end of the transaction; many histories go through writes.ts where they are
  // noted; and what statement.ts runs is up to who calls it.
  expect(writing.sort()).toEqual([
    'statement.ts',
    'tables/many-histories.ts',
    'tables/writes.ts',
    'transactions/claims.ts',
  ])
})
