import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newDatabase, type TestDatabase } from '../support/databases/databases.ts'
import { makeImage, newFolder } from '../support/files/images.ts'
import { ROOT, runLines, vdcManage } from '../support/process/cli.ts'

/* IDs only with --quiet, and JSON that always has the form of a list with --array. */

let database: TestDatabase
beforeAll(async () => {
  database = await newDatabase('sqlite')
  await runLines(
    [
      'backupstorage add --uuid bkst-s --display-name s --base-uri file:///srv/nowhere/ --storage-type local',
      `backupobject add --uuid bo-o --display-name o --storage-id bkst-s --object-key o.raw --size 512 --checksum ${'0'.repeat(32)}`,
      'account add --uuid a-t',
      ...['a', 'b', 'c'].map((id) => `image add local bo-o --uuid wmi-${id} --account-id a-t`),
    ],
    { database },
  )
})
afterAll(() => database.remove())

const run = (line: string, input?: string) =>
  vdcManage(line.split(' '), { database, ...(input === undefined ? {} : { input }) })

describe('--quiet', () => {
  test.each([
    ['image add local bo-o --uuid wmi-n1 --account-id a-t', 'wmi-n1\n'],
    ['image add volume bo-o --uuid wmi-n2 --account-id a-t', 'wmi-n2\n'],
    ['account add --uuid a-n', 'a-n\n'],
    ['backupstorage add --uuid bkst-n --display-name n --base-uri file:///srv/n/ --storage-type local', 'bkst-n\n'],
    [
      `backupobject add --uuid bo-n --display-name n --storage-id bkst-n --object-key n --size 1 --checksum ${'1'.repeat(32)}`,
      'bo-n\n',
    ],
    ['image show a wmi-b', 'wmi-a\nwmi-b\n'],
    ['image show a', 'wmi-a\n'],
    ['backupobject show o', 'bo-o\n'],
    ['backupstorage show s', 'bkst-s\n'],
    ['account show t', 'a-t\n'],
    ['image modify a b --description text', 'wmi-a\nwmi-b\n'],
    ['image modify a b --description text', 'wmi-a\nwmi-b\n'],
    ['image features a --virtio', 'wmi-a\n'],
    ['image label a b os=lucid', 'wmi-a\nwmi-b\n'],
    ['image protect a', 'wmi-a\n'],
    ['image unprotect a', 'wmi-a\n'],
    ['image del a b', 'wmi-a\nwmi-b\n'],
    ['image undelete a', 'wmi-a\n'],
    ['image purge b --older-than 0d --yes', 'wmi-b\n'],
    ['account modify n --disable', 'a-n\n'],
    ['account del n', 'a-n\n'],
    ['backupobject modify n --description x', 'bo-n\n'],
    ['backupobject del n', 'bo-n\n'],
    ['backupstorage modify n --description x', 'bkst-n\n'],
    ['backupstorage del n', 'bkst-n\n'],
  ])('of %s prints %j', async (line, stdout) => {
    expect(await run(`${line} -q`)).toMatchObject({ code: 0, stdout, stderr: '' })
  })

  test('of several prints those that succeeded', async () => {
    expect(await run('image show wmi-c none a -q')).toMatchObject({
      code: 9,
      stdout: 'wmi-c\nwmi-a\n',
      stderr: expect.stringMatching(/^Error: Image wmi-none does not exist\n/),
    })
    expect(await run('image modify - --quiet --display-name x', 'wmi-c\nwmi-a\n')).toMatchObject({
      code: 0,
      stdout: 'wmi-c\nwmi-a\n',
      stderr: '',
    })
  })

  test('of image verify prints the images that differ', async () => {
    const folder = newFolder()
    await run(`image add local ${await makeImage(join(folder.path, 'd.qcow2'))} --account-id a-t --uuid wmi-ok`)
    expect(await run('image verify ok c -q')).toMatchObject({ code: 8, stdout: 'wmi-c\n', stderr: '' })
    expect(await run('image verify ok -q')).toMatchObject({ code: 0, stdout: '', stderr: '' })
    await run('image del ok')
    folder.remove()
  })

  test.each(['--json', '--format csv', '-c id'])('is refused with %s', async (words) => {
    expect(await run(`image del c -q ${words}`)).toMatchObject({
      code: 2,
      [words === '--json' ? 'stdout' : 'stderr']: expect.stringMatching(/--quiet and --\w+ cannot be used together/),
    })
  })

  test('is an option of every command that prints or changes things with IDs', () => {
    const commands = JSON.parse(readFileSync(join(ROOT, 'test/golden/flags.json'), 'utf8'))
    const without = Object.keys(commands).filter(
      (id) => /^(account|backupobject|backupstorage|image) /.test(id) && !('quiet' in commands[id].flags),
    )
    // These answer with files or reports, or with one row per change.
    expect(without.filter((id) => !['add', 'show', 'list', 'del', 'modify'].includes(id.split(' ')[1] ?? ''))).toEqual([
      ...[
        'backupstorage trust',
        'image check',
        'image convert',
        'image export',
        'image history',
        'image inspect',
        'image install',
      ],
      ...['image prepare', 'image try'],
    ])
  })
})

describe('--array', () => {
  const parsed = async (line: string, input?: string) => JSON.parse((await run(line, input)).stdout)

  test.each([
    ['image show a', 1],
    ['image show a c', 2],
    ['image modify a --description y', 1],
    ['backupobject show bo-o', 1],
    ['account show a-t', 1],
    ['account add --uuid a-one', 1],
    ['image list', 4],
    ['image list --count', 1],
    ['image history a --at 2199-01-01', 1],
  ])('of %s is a list of %i', async (line, count) => {
    expect(await parsed(`${line} --json --array`)).toHaveLength(count)
  })

  test('prints the same items as without', async () => {
    const one = await parsed('image show a --json')
    expect(await parsed('image show a --json --array')).toEqual([one])
    expect((await run('image show a --format yaml --array -c id')).stdout).toBe('- id: wmi-a\n')
    expect(await parsed('image show - --json', 'wmi-a\n')).toEqual([one])
  })

  test('leaves the error of a failed command an object', async () => {
    expect(await parsed('image show none --json --array')).toMatchObject({
      error: { code: 'IMAGE_NOT_FOUND', exit: 4 },
    })
    expect(await parsed('image show none a --json --array')).toMatchObject([
      { id: 'none', error: { code: 'IMAGE_NOT_FOUND' } },
      { id: 'wmi-a' },
    ])
  })

  test.each(['', ' --format csv', ' --format value', ' -q'])('is refused without JSON or YAML: %j', async (words) => {
    expect(await run(`image show a --array${words}`)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--array requires --json or --format yaml'),
    })
  })
})
