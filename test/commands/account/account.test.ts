import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { countRows, ENGINES, newDatabase, type TestDatabase } from '../../support/databases/databases.ts'
import { makeImage, newFolder } from '../../support/files/images.ts'
import { vdcManage, vdcManageJson } from '../../support/process/cli.ts'

describe.each(ENGINES)('accounts on %s', (engine) => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await newDatabase(engine)
  })
  afterAll(() => database.remove())

  test('system accounts are seeded', async () => {
    expect(await database.query('SELECT id, uuid, description, enabled, deleted_at FROM accounts ORDER BY id')).toEqual(
      [
        { id: 100, uuid: '00000000', description: 'datacenter system account', enabled: 1, deleted_at: null },
        { id: 101, uuid: 'shpoolxx', description: 'system account for shared resources', enabled: 1, deleted_at: null },
      ],
    )
  })

  test('add prints the ID, and list and show find it', async () => {
    const run = await vdcManage(['account', 'add', '--description', 'Team lucid'], { database })
    expect(run).toMatchObject({ code: 0, stderr: '', stdout: expect.stringMatching(/^a-[a-z0-9]{8}\n$/) })
    const id = run.stdout.trim()
    expect(await vdcManageJson(['account', 'show', id], { database })).toEqual({
      id,
      description: 'Team lucid',
      enabled: true,
      created_at: expect.stringMatching(/Z$/),
      updated_at: expect.stringMatching(/Z$/),
      deleted_at: null,
      image_count: 0,
      image_bytes: 0,
    })
    expect((await vdcManage(['account', 'list', '--quiet'], { database })).stdout).toBe(
      `a-00000000\na-shpoolxx\n${id}\n`,
    )
    expect((await vdcManage(['account', 'ls'], { database })).stdout).toMatch(
      new RegExp(`^${id} +enabled +\\S+ +Team lucid$`, 'm'),
    )
    expect(await database.query('SELECT COUNT(*) AS n FROM histories')).toEqual([{ n: 0 }])
  })

  test('--uuid works with or without prefix, and an ID stays taken', async () => {
    expect((await vdcManage(['account', 'add', '--uuid', 'a-given'], { database })).stdout).toBe('a-given\n')
    const before = await countRows(database)
    for (const uuid of ['given', 'a-given', 'a-GIVEN', 'a-shpoolxx']) {
      expect(await vdcManage(['account', 'add', '--uuid', uuid], { database })).toMatchObject({ code: 5, stdout: '' })
    }
    expect(await vdcManage(['account', 'add', '--uuid', 'wmi-x'], { database })).toMatchObject({ code: 3, stdout: '' })
    expect(await countRows(database)).toEqual(before)
  })

  test('show exits with 4 for a missing account', async () => {
    expect(await vdcManage(['account', 'show', 'a-none'], { database })).toMatchObject({ code: 4, stdout: '' })
    expect(await vdcManage(['account', 'show', 'a-GIVEN'], { database })).toMatchObject({ code: 4, stdout: '' })
  })

  test('list shows deleted accounts only with --all', async () => {
    await database.query("UPDATE accounts SET deleted_at = '2020-01-01 00:00:00' WHERE uuid = 'given'")
    expect((await vdcManage(['account', 'list', '--quiet'], { database })).stdout).not.toContain('a-given')
    expect((await vdcManage(['account', 'list', '--all'], { database })).stdout).toMatch(/^a-given +deleted /m)
  })

  test('image add local --create-account creates the account with the image, or neither', async () => {
    const folder = newFolder()
    const path = await makeImage(join(folder.path, 'disk.qcow2'))
    const args = ['image', 'add', 'local', path, '--account-id', 'a-fresh', '--create-account']
    const before = await countRows(database)
    expect(await vdcManage([...args, '--parent-image-id', 'wmi-none'], { database })).toMatchObject({
      code: 3,
      stdout: '',
    })
    expect(await countRows(database)).toEqual(before)
    expect(await vdcManage(args, { database })).toMatchObject({ code: 0 })
    expect(await vdcManage(args, { database })).toMatchObject({ code: 0 })
    expect(await database.query("SELECT enabled, description FROM accounts WHERE uuid = 'fresh'")).toEqual([
      { enabled: 1, description: null },
    ])
    folder.remove()
  })
})
