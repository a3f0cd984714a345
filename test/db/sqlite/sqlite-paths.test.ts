import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { newFolder } from '../../support/files/images.ts'
import { vdcManage, vdcManageJson } from '../../support/process/cli.ts'

const folder = newFolder()
afterAll(() => folder.remove())
const at = (name: string) => join(folder.path, name)
/** All files but SQLite's own beside a database, which go when the last process has closed it. */
const files = () => readdirSync(folder.path, { recursive: true }).filter((name) => !/-(?:wal|shm)$/.test(String(name)))
mkdirSync(at('real/deep'), { recursive: true })
mkdirSync(at('dir'))
symlinkSync(at('real/deep'), at('link'))

const SPELLINGS: readonly (readonly [name: string, spelt: string, meant: string])[] = [
  ['as it is', '/dir/plain.sqlite', 'dir/plain.sqlite'],
  ['two slashes', '//dir//two.sqlite', 'dir/two.sqlite'],
  ['dots', '/./dir/./dot.sqlite', 'dir/dot.sqlite'],
  ['up', '/dir/../dir/up.sqlite', 'dir/up.sqlite'],
  ['up from a link', '/link/../up.sqlite', 'real/up.sqlite'],
  ['a link', '/link/own.sqlite', 'link/own.sqlite'],
  ['escapes', '/dir/%61%20%3f%23.sqlite', 'dir/a ?#.sqlite'],
]

test.each([...SPELLINGS, ['four slashes', '', 'dir/four.sqlite'] as const])(
  'all commands mean the same file: %s',
  async (name, spelt, meant) => {
    const path = at(meant)
    const uri = name === 'four slashes' ? `sqlite:///${path}` : `sqlite://${folder.path}${spelt}`
    const database = { uri }
    // Neither a dry run nor doctor makes it.
    const before = files()
    const add = ['account', 'add', '--uuid', 'new']
    expect(await vdcManage([...add, '--dry-run'], { database })).toMatchObject({ code: 0 })
    const doctor = async () => {
      const { checks } = JSON.parse((await vdcManage(['doctor', '--json'], { database })).stdout)
      return checks.filter(({ name }: { name: string }) => ['configuration', 'database'].includes(name))
    }
    expect(await doctor()).toMatchObject([
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
    expect(await doctor()).toMatchObject([
      { message: `sqlite://${path}, set in VDC_MANAGE_DATABASE_URI` },
      { message: expect.stringMatching(/answers in/) },
    ])
  },
)

test.each([
  ['a slash at its end', '/x.sqlite/', /names a folder, not a file/],
  ['a dot at its end', '/x.sqlite/.', /names a folder, not a file/],
  ['two dots at its end', '/x.sqlite/..', /names a folder, not a file/],
  ['a query', '/x.sqlite?mode=ro', /contains '\?', but .*%3F/],
  ['a fragment', '/x.sqlite#main', /contains '#', but .*%23/],
  ['a zero byte', '/x%00.sqlite', /null byte/],
  ['a broken escape', '/x%zz.sqlite', /invalid %-escape/],
])('a URI with %s is refused by all commands, and nothing is made', async (_, spelt, says) => {
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
  const doctor = await vdcManage(['doctor'], { database })
  expect(doctor).toMatchObject({ code: 6 })
  expect(doctor.stdout).toMatch(says)
  expect(files()).toEqual(before)
})
