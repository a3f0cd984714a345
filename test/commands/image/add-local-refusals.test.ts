import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { countRows, ENGINES, newDatabase, type TestDatabase } from '../../support/databases/databases.ts'
import { makeImage, newFolder } from '../../support/files/images.ts'
import { vdcManage } from '../../support/process/cli.ts'

const folder = newFolder()
const at = (name: string) => join(folder.path, name)
afterAll(() => folder.remove())

/** Arguments after `image add local`, and how they are refused. */
interface Refusal {
  args: string[]
  code: number
  says: RegExp
}
const owner = ['--account-id', 'a-shpoolxx']

const VALUES: Record<string, (good: string) => Refusal> = {
  'an unknown account': (good) => ({
    args: [good, '--account-id', 'a-nobody'],
    code: 4,
    says: /Account a-nobody does not exist\nHint: .*--create-account/,
  }),
  'an account in another case': (good) => ({ args: [good, '--account-id', 'a-SHPOOLXX'], code: 4, says: /a-SHPOOLXX/ }),
  'a disabled account': (good) => ({
    args: [good, '--account-id', 'a-disabled'],
    code: 5,
    says: /a-disabled is disabled/,
  }),
  'a deleted account': (good) => ({
    args: [good, '--account-id', 'a-deleted'],
    code: 5,
    says: /a-deleted was deleted/,
  }),
  'a disabled account with --create-account': (good) => ({
    args: [good, '--account-id', 'a-disabled', '--create-account'],
    code: 5,
    says: /a-disabled is disabled/,
  }),
  'a missing account': (good) => ({ args: [good], code: 2, says: /--account-id/ }),
  'an account in another case with --create-account': (good) => ({
    args: [good, '--account-id', 'a-SHPOOLXX', '--create-account'],
    code: 5,
    says: /a-SHPOOLXX differs only in case from an existing one/,
  }),
  'an unknown storage': (good) => ({
    args: [good, ...owner, '--storage-id', 'bkst-none'],
    code: 3,
    says: /Backup storage bkst-none does not exist\nHint: .*bkst-elsewhere/,
  }),
  'a storage with another base URI': (good) => ({
    args: [good, ...owner, '--storage-id', 'bkst-elsewhere'],
    code: 3,
    says: /is not in .*bkst-elsewhere.*file:\/\/\/elsewhere\//,
  }),
  'an unknown parent': (good) => ({
    args: [good, ...owner, '--parent-image-id', 'wmi-none'],
    code: 3,
    says: /wmi-none does not exist/,
  }),
  'a deleted parent': (good) => ({
    args: [good, ...owner, '--parent-image-id', 'wmi-gone'],
    code: 3,
    says: /wmi-gone is deleted/,
  }),
  'an unknown architecture': (good) => ({
    args: [good, ...owner, '--arch', 'sparc'],
    code: 3,
    says: /x86, x86_64; not 'sparc'/,
  }),
  'an unknown state': (good) => ({
    args: [good, ...owner, '--state', 'deleted'],
    code: 3,
    says: /available, creating, pending/,
  }),
  'an unknown OS type': (good) => ({ args: [good, ...owner, '--os-type', 'plan9'], code: 3, says: /linux, windows/ }),
  'a wrong file format': (good) => ({
    args: [good, ...owner, '--file-format', 'raw'],
    code: 3,
    says: /is qcow2, not raw/,
  }),
  'a taken ID': (good) => ({
    args: [good, ...owner, '--uuid', 'wmi-taken'],
    code: 5,
    says: /wmi-taken is already taken/,
  }),
  'a taken ID in another case': (good) => ({
    args: [good, ...owner, '--uuid', 'TAKEN'],
    code: 5,
    says: /wmi-TAKEN is already taken/,
  }),
  'the ID of a deleted image': (good) => ({
    args: [good, ...owner, '--uuid', 'gone'],
    code: 5,
    says: /wmi-gone is already taken/,
  }),
  'an ID with a wrong prefix': (good) => ({
    args: [good, ...owner, '--uuid', 'bo-abc'],
    code: 3,
    says: /'bo-abc' is not a valid image ID/,
  }),
  'an ID with a newline': (good) => ({
    args: [good, ...owner, '--uuid', 'wmi-abc\n'],
    code: 3,
    says: /is not a valid image ID/,
  }),
  'an ID that is too long': (good) => ({
    args: [good, ...owner, '--uuid', 'x'.repeat(252)],
    code: 3,
    says: /256 characters, at most 255 are allowed/,
  }),
  'a name that is too long': (good) => ({
    args: [good, ...owner, '--display-name', 'é'.repeat(256)],
    code: 3,
    says: /--display-name must not be longer than 255/,
  }),
  'an empty name': (good) => ({
    args: [good, ...owner, '--display-name', ''],
    code: 3,
    says: /--display-name must not be empty/,
  }),
  'a description that is too long': (good) => ({
    args: [good, ...owner, '--description', 'x'.repeat(65536)],
    code: 3,
    says: /description must not be longer than 65535 bytes/,
  }),
  'an escape sequence': (good) => ({
    args: [good, ...owner, '--description', 'a\x1b[2Jb'],
    code: 3,
    says: /description must not contain control characters/,
  }),
  'an option given twice': (good) => ({
    args: [good, ...owner, '--arch', 'x86', '--arch', 'x86_64'],
    code: 2,
    says: /--arch is given more than once/,
  }),
  'an unknown option': (good) => ({ args: [good, ...owner, '--bogus'], code: 2, says: /Unknown option: --bogus/ }),
  'a missing path': () => ({ args: owner, code: 2, says: /Missing argument: PATH/ }),
}

describe.each(ENGINES)('image add local on %s refuses and writes nothing for', (engine) => {
  let database: TestDatabase
  let good: string
  beforeAll(async () => {
    database = await newDatabase(engine)
    good = await makeImage(at(`good-${engine}.qcow2`))
    const now = '2020-01-01 00:00:00'
    for (const [uuid, enabled, deletedAt] of [
      ['disabled', 0, null],
      ['deleted', 1, now],
    ] as const) {
      await database.query(
        'INSERT INTO accounts (uuid, enabled, deleted_at, created_at, updated_at) VALUES (?, ?, ?, ?, ?)',
        [uuid, enabled, deletedAt, now, now],
      )
    }
    await database.query(
      "INSERT INTO backup_storages (uuid, display_name, storage_type, base_uri, created_at, updated_at) VALUES ('elsewhere', '', 'local', 'file:///elsewhere/', ?, ?)",
      [now, now],
    )
    const other = await makeImage(at(`other-${engine}.qcow2`))
    await vdcManage(['image', 'add', 'local', other, ...owner, '--uuid', 'taken'], { database, reject: true })
    await vdcManage(['image', 'add', 'local', other, ...owner, '--uuid', 'gone'], { database, reject: true })
    await vdcManage(['image', 'del', 'wmi-gone'], { database, reject: true })
  })
  afterAll(() => database.remove())

  async function expectRefusal({ args, code, says }: Refusal) {
    const before = await countRows(database)
    const run = await vdcManage(['image', 'add', 'local', ...args], { database })
    expect(run.stderr).toMatch(says)
    expect(run).toMatchObject({ code, stdout: '' })
    expect(run.stderr.trim().split('\n').length).toBeLessThanOrEqual(2)
    expect(await countRows(database)).toEqual(before)
    // With --json, the refusal goes to stdout.
    const json = await vdcManage(['image', 'add', 'local', ...args, '--json'], { database })
    expect(json).toMatchObject({ code, stderr: '' })
    expect(JSON.parse(json.stdout)).toEqual({
      error: expect.objectContaining({
        code: expect.stringMatching(/^[A-Z_]+$/),
        message: expect.any(String),
        exit: code,
      }),
    })
    expect(await countRows(database)).toEqual(before)
  }

  test.each(Object.keys(VALUES))('%s', (name) => expectRefusal((VALUES[name] as (good: string) => Refusal)(good)))

  test('an emoji if the table is utf8mb3', async () => {
    if (engine === 'sqlite') {
      const run = await vdcManage(['image', 'add', 'local', good, ...owner, '--display-name', '🐧'], { database })
      expect(run.code).toBe(0)
      return
    }
    await database.query('ALTER TABLE images CONVERT TO CHARACTER SET utf8mb3')
    await expectRefusal({
      args: [good, ...owner, '--display-name', '🐧'],
      code: 3,
      says: /--display-name contains 🐧.*utf8mb3/,
    })
  })
})
