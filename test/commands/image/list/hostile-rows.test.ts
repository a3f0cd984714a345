import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newDatabase, type TestDatabase } from '../../../support/databases/databases.ts'
import { makeImage, newFolder } from '../../../support/files/images.ts'
import { vdcManage, vdcManageJson } from '../../../support/process/cli.ts'

const MIB = 1024 * 1024
const NAME = `start ${'x'.repeat(4 * MIB)} end`

const folder = newFolder()
let database: TestDatabase
const ids: string[] = []
beforeAll(async () => {
  database = await newDatabase('sqlite')
  const path = await makeImage(join(folder.path, 'disk.qcow2'))
  for (let count = 0; count < 3; count++) {
    const { stdout } = await vdcManage(['image', 'add', 'local', path, '--account-id', 'a-shpoolxx'], { database })
    ids.push(stdout.trim())
  }
})
afterAll(async () => {
  await database.remove()
  folder.remove()
})

const set = (column: string, value: string) =>
  database.query(`UPDATE images SET ${column} = ? WHERE uuid = ?`, [value, (ids[0] as string).slice('wmi-'.length)])

describe('deeply nested YAML', () => {
  const DEEP = '- '.repeat(3000)

  test.each(['features', 'volumes', 'vifs'])('in %s: prints the row with a warning', async (column) => {
    await set(column, DEEP)
    const warning = `Warning: The ${column} of ${ids[0]} hold YAML that cannot be read: it is nested too deeply\n`
    const list = await vdcManage(['image', 'list', '--quiet'], { database })
    expect(list).toMatchObject({ code: 0, stdout: ids.map((id) => `${id}\n`).join(''), stderr: warning })
    const show = await vdcManage(['image', 'show', ids[0] as string, '--json'], { database })
    expect(show).toMatchObject({ code: 0, stderr: warning })
    expect(JSON.parse(show.stdout)[column]).toBeNull()
    await set(column, column === 'features' ? '--- {}\n' : '--- []\n')
  })

  test('in features: can be replaced', async () => {
    await set('features', DEEP)
    const run = await vdcManage(['image', 'features', ids[0] as string, '--virtio'], { database })
    expect(run).toMatchObject({ code: 0, stderr: expect.stringContaining('could not be read, and are replaced') })
    expect((await vdcManageJson(['image', 'show', ids[0] as string], { database })).features).toEqual({ virtio: true })
  })
})

describe('a name of several megabytes', () => {
  beforeAll(() => set('display_name', NAME))

  test('is truncated in a table', async () => {
    const { code, stdout } = await vdcManage(['image', 'list'], { database })
    expect(code).toBe(0)
    expect(stdout).toMatch(/start x+… /)
    // Every row is padded to the longest name.
    expect(stdout.length).toBeLessThan((ids.length + 1) * 1000)
    const named = await vdcManage(['image', 'list', '-c', 'id,display_name'], { database })
    expect(named.stdout.length).toBeLessThan((ids.length + 1) * 1000)
  })

  test.each(['json', 'ndjson', 'csv', 'value', 'yaml'])('is complete as %s', async (format) => {
    const args = ['image', 'list', '-c', 'display_name', '--format', format]
    const { stdout } = await vdcManage(args, { database })
    expect(stdout.includes(NAME)).toBe(true)
  })
})
