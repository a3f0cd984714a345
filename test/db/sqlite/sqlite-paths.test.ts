import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { newFolder } from '../../support/files/images.ts'
import { type Run, vdcManage, vdcManageJson } from '../../support/process/cli.ts'
import { newProgramFolder } from '../../support/process/programs.ts'

const folder = newFolder()
afterAll(() => folder.remove())
const at = (name: string) => join(folder.path, name)
/** Lists all files but the -wal and -shm files, which SQLite removes when the last process closes the database. */
const files = () => readdirSync(folder.path, { recursive: true }).filter((name) => !/-(?:wal|shm)$/.test(String(name)))
mkdirSync(at('real/deep'), { recursive: true })
mkdirSync(at('dir'))
symlinkSync(at('real/deep'), at('link'))

const PATH = newProgramFolder(at('programs'))

/** Runs doctor without programs for guests. To ask those for their versions takes longer than the other checks. */
const doctor = (uri: string, ...args: string[]): Promise<Run> =>
  vdcManage(['doctor', ...args], { database: { uri }, env: { PATH } })

const SPELLINGS: readonly (readonly [name: string, spelt: string, meant: string])[] = [
  ['a plain path', '/dir/plain.sqlite', 'dir/plain.sqlite'],
  ['two slashes', '//dir//two.sqlite', 'dir/two.sqlite'],
  ['dots', '/./dir/./dot.sqlite', 'dir/dot.sqlite'],
  ['..', '/dir/../dir/up.sqlite', 'dir/up.sqlite'],
  ['.. after a link', '/link/../up.sqlite', 'real/up.sqlite'],
  ['a link', '/link/own.sqlite', 'link/own.sqlite'],
  ['escapes', '/dir/%61%20%3f%23.sqlite', 'dir/a ?#.sqlite'],
]

test.each([...SPELLINGS, ['four slashes', '', 'dir/four.sqlite'] as const])(
  'all commands use the same file: %s',
  async (name, spelt, meant) => {
    const path = at(meant)
    const uri = name === 'four slashes' ? `sqlite:///${path}` : `sqlite://${folder.path}${spelt}`
    const database = { uri }
    // Neither a dry run nor doctor creates it.
    const before = files()
    const add = ['account', 'add', '--uuid', 'new']
    expect(await vdcManage([...add, '--dry-run'], { database })).toMatchObject({ code: 0 })
    const checked = async () => {
      const { checks } = JSON.parse((await doctor(uri, '--json')).stdout)
      return checks.filter(({ name }: { name: string }) => ['configuration', 'database'].includes(name))
    }
    expect(await checked()).toMatchObject([
      { message: `sqlite://${path}, set in VDC_MANAGE_DATABASE_URI` },
      { message: 'none yet; created on first use' },
    ])
    expect(files()).toEqual(before)

    expect(await vdcManage(add, { database })).toMatchObject({ code: 0, stdout: 'a-new\n' })
    const plain = path.split('/').map(encodeURIComponent).join('/')
    for (const same of [uri, `sqlite://${plain}`]) {
      const { stdout } = await vdcManage(['account', 'list', '--quiet'], { database: { uri: same } })
      expect(stdout).toContain('a-new\n')
    }
    expect(await vdcManage([...add, '--dry-run', '--json'], { database })).toMatchObject({
      code: 5,
      stdout: expect.stringContaining('ID_TAKEN'),
    })
    expect(await vdcManageJson(['db', 'status'], { database })).toMatchObject({
      database: `sqlite://${path}`,
      pending: 0,
    })
    expect(await checked()).toMatchObject([
      { message: `sqlite://${path}, set in VDC_MANAGE_DATABASE_URI` },
      { message: expect.stringMatching(/answers in/) },
    ])
  },
)

test.each([
  ['a trailing slash', '/x.sqlite/', /names a folder, not a file/],
  ['a trailing dot', '/x.sqlite/.', /names a folder, not a file/],
  ['two trailing dots', '/x.sqlite/..', /names a folder, not a file/],
  ['a query', '/x.sqlite?mode=ro', /contains '\?', but .*%3F/],
  ['a fragment', '/x.sqlite#main', /contains '#', but .*%23/],
  ['a zero byte', '/x%00.sqlite', /null byte/],
  ['a broken escape', '/x%zz.sqlite', /invalid %-escape/],
])('all commands refuse a URI with %s, and create nothing', async (_, spelt, says) => {
  writeFileSync(at('x.sqlite'), '')
  const before = files()
  const database = { uri: `sqlite://${folder.path}${spelt}` }
  for (const args of [
    ['account', 'add'],
    ['account', 'add', '--dry-run'],
    ['account', 'list'],
    ['db', 'status'],
  ]) {
    const run = await vdcManage(args, { database })
    expect(run).toMatchObject({ code: 3, stdout: '' })
    expect(run.stderr).toMatch(says)
  }
  const examined = await doctor(database.uri)
  expect(examined).toMatchObject({ code: 6 })
  expect(examined.stdout).toMatch(says)
  expect(files()).toEqual(before)
})
