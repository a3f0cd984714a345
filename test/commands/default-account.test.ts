import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { allRows, newDatabase, type TestDatabase } from '../support/databases/databases.ts'
import { makeImage, newFolder } from '../support/files/images.ts'
import { runLines, vdcManage, vdcManageJson } from '../support/process/cli.ts'

/* VDC_MANAGE_ACCOUNT_ID, the owner of what is added without --account-id. */

const folder = newFolder()
let database: TestDatabase
let image: string
beforeAll(async () => {
  database = await newDatabase('sqlite')
  image = join(folder.path, 'lucid.qcow2')
  await makeImage(image)
  await runLines(['account add --uuid mine', 'account add --uuid other', 'account add --uuid off'], { database })
  await runLines(['account modify a-off --disable'], { database })
})
afterAll(async () => {
  await database.remove()
  folder.remove()
})

const run = (account: string, ...args: string[]) =>
  vdcManage(args, { database, env: { VDC_MANAGE_ACCOUNT_ID: account } })
const ownerOf = async (stdout: string) => {
  const [noun] = stdout.startsWith('bo-') ? ['backupobject'] : ['image']
  return (await vdcManageJson([noun as string, 'show', stdout.trim()], { database })).account_id
}

describe('VDC_MANAGE_ACCOUNT_ID', () => {
  test.each(['mine', 'a-mine'])('is the owner of what is added: %s', async (account) => {
    const local = await run(account, 'image', 'add', 'local', image)
    expect(local).toMatchObject({ code: 0, stderr: '' })
    expect(await ownerOf(local.stdout)).toBe('a-mine')
    const { backup_object_id: object } = await vdcManageJson(['image', 'show', local.stdout.trim()], { database })
    const volume = await run(account, 'image', 'add', 'volume', object, '--file-format', 'raw')
    expect(await ownerOf(volume.stdout)).toBe('a-mine')
    const key = ['--object-key', `${account}.raw`, '--size', '512', '--checksum', '0'.repeat(32)]
    const storage = (await vdcManageJson(['backupstorage', 'list'], { database }))[0].id
    const added = await run(account, 'backupobject', 'add', '--storage-id', storage, ...key)
    expect(await ownerOf(added.stdout)).toBe('a-mine')
  })

  test('gives way to --account-id, and is no filter of lists', async () => {
    const { stdout } = await run('mine', 'image', 'add', 'local', image, '--account-id', 'a-other')
    expect(await ownerOf(stdout)).toBe('a-other')
    expect((await run('mine', 'image', 'list', '--quiet')).stdout).toContain(stdout)
    expect((await run('a-nobody', 'image', 'list', '--quiet')).stdout).toContain(stdout)
  })

  test.each([
    ['a b', 3, "'a b' is not a valid account ID"],
    ['wmi-x', 3, "'wmi-x' is not a valid account ID"],
    ['a-nobody', 4, 'Account a-nobody does not exist'],
    ['a-off', 5, 'Account a-off is disabled'],
  ])('is named in the error if it is wrong: %s', async (account, exit, message) => {
    const before = await allRows(database)
    const refused = await run(account, 'image', 'add', 'local', image, '--json')
    expect(refused.code).toBe(exit)
    expect(JSON.parse(refused.stdout).error).toMatchObject({
      message,
      hint: expect.stringMatching(/^The account comes from VDC_MANAGE_ACCOUNT_ID; --account-id overrides it/),
    })
    const given = await run('a-mine', 'image', 'add', 'local', image, '--json', '--account-id', account)
    expect(given.stdout).not.toContain('VDC_MANAGE_ACCOUNT_ID')
    expect(await allRows(database)).toEqual(before)
  })

  test('is named if no owner is given; empty counts as unset', async () => {
    for (const result of [
      await vdcManage(['image', 'add', 'local', image], { database }),
      await run('', 'image', 'add', 'local', image),
    ])
      expect(result).toMatchObject({
        code: 2,
        stderr:
          'Error: Missing option --account-id\nHint: Set it, or the environment variable VDC_MANAGE_ACCOUNT_ID. See: vdc-manage image add local --help\n',
      })
    expect((await vdcManage(['help', 'environment'])).stdout).toContain('VDC_MANAGE_ACCOUNT_ID')
  })

  test('does not make image build register, and is the owner if it does', async () => {
    const out = join(folder.path, 'built.qcow2')
    const build = ['image', 'build', out, '--suite', 'bookworm', '--dry-run']
    expect((await run('a-nobody', ...build)).stderr).not.toMatch(/account/i)
    expect((await run('a-nobody', ...build, '--register')).stderr).toMatch(/a-nobody does not exist|mmdebstrap/)
    expect(await vdcManage([...build, '--account-id', 'a-mine'], { database })).toMatchObject({
      code: 2,
      stderr: 'Error: --account-id requires --register\nHint: See: vdc-manage image build --help\n',
    })
    expect((await vdcManage([...build, '--register'], { database })).stderr).toContain(
      '--register requires --account-id',
    )
  })
})
