import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { allRows, newDatabase, type TestDatabase } from '../../support/databases/databases.ts'
import { hashOf, newFolder } from '../../support/files/images.ts'
import { makeExt4Disk } from '../../support/guests/disks.ts'
import { newGuest } from '../../support/guests/guests.ts'
import { FAULTS, READY } from '../../support/guests/guide.ts'
import { vdcManage, vdcManageJson } from '../../support/process/cli.ts'
import { newProgramFolder } from '../../support/process/programs.ts'
import { expectRefused } from '../../support/refusals.ts'
import { IS_THOROUGH } from '../../support/thorough.ts'

/* libguestfs takes about 30 s under emulation, so it is started only with THOROUGH=1. */

const thorough = test.skipIf(!IS_THOROUGH)
const folder = newFolder()
const at = (name: string) => join(folder.path, name)
const withoutLibguestfs = newProgramFolder(at('bin'))
let database: TestDatabase

beforeAll(async () => {
  database = await newDatabase('sqlite')
  const soiled = { ...READY, '/etc/ssh/ssh_host_rsa_key': 'key', '/root/.bash_history': 'passwd\n' }
  for (const [name, entries] of Object.entries({ faults: FAULTS, soiled })) {
    const guest = newGuest(entries)
    await makeExt4Disk(at(`${name}.raw`), guest.path)
    guest.remove()
  }
  await execa('gzip', ['-k', at('soiled.raw')])
})
afterAll(async () => {
  await database.remove()
  folder.remove()
})

const add = (file: string, ...more: string[]) => [
  ...['image', 'add', 'local', at(file), '--account-id', 'a-shpoolxx', '--prepare'],
  ...more,
]
const everything = async () => [await allRows(database), readdirSync(folder.path)]

describe('image add local --prepare', () => {
  test('is refused within --tx bulk, for other formats, and if the name of the copy is taken', async () => {
    await expectRefused(database, add('soiled.raw', '--convert', 'vmdk'), {
      exit: 3,
      message: 'A prepared image cannot be vmdk',
      hint: 'qcow2, raw',
    })
    writeFileSync(at('soiled.prepared.raw'), 'x')
    await expectRefused(database, add('soiled.raw', '--convert', 'raw'), {
      exit: 5,
      message: /soiled\.prepared\.raw already exists/,
      hint: 'Remove it',
    })
    const before = await everything()
    const bulk = await vdcManage(['shell', '--tx', 'bulk'], { database, input: `${add('soiled.raw').join(' ')}\n` })
    expect(bulk).toMatchObject({ code: 9, stdout: '', stderr: expect.stringContaining('within --tx bulk') })
    expect(await everything()).toEqual(before)
  })

  test('without libguestfs ends with 6, and leaves no copy', async () => {
    const before = await everything()
    for (const more of [[], ['--dry-run']]) {
      const run = await vdcManage(add('soiled.raw', ...more), { database, env: { PATH: withoutLibguestfs } })
      expect(run).toMatchObject({ code: 6, stdout: '', stderr: expect.stringContaining('is not installed') })
    }
    expect(await everything()).toEqual(before)
  })

  thorough('registers a copy that is ready, and stores the check with it', async () => {
    const [before, source] = [await everything(), hashOf(at('soiled.raw'), 'sha256')]
    const dry = await vdcManage(add('soiled.raw', '--dry-run', '--format', 'ndjson'), { database })
    expect(dry).toMatchObject({ code: 0, stderr: 'Dry run: nothing was written\n' })
    const changes = dry.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(changes).toContainEqual(expect.objectContaining({ action: 'create', path: at('soiled.prepared.qcow2') }))
    expect(changes).toContainEqual(expect.objectContaining({ action: 'remove', path: '/root/.bash_history' }))
    expect(changes).toContainEqual(expect.objectContaining({ action: 'insert', table: 'images' }))
    expect(await everything()).toEqual(before)

    // Packed, as it may be.
    const run = await vdcManage(add('soiled.raw.gz', '--check'), { database })
    expect(run).toMatchObject({ code: 0, stderr: '' })
    const image = await vdcManageJson(['image', 'show', run.stdout.trim()], { database })
    expect(image).toMatchObject({
      file_format: 'qcow2',
      display_name: 'soiled',
      labels: { 'vdc-manage.check.result': 'ready', 'vdc-manage.check.errors': '0' },
    })
    expect(existsSync(at('soiled.prepared.qcow2'))).toBe(true)
    expect(hashOf(at('soiled.raw'), 'sha256')).toBe(source)
    const verified = await vdcManage(['image', 'verify', run.stdout.trim()], { database })
    expect(verified).toMatchObject({ code: 0 })
  })

  thorough('refuses a guest that only people can make ready', async () => {
    const before = await everything()
    for (const more of [[], ['--dry-run']])
      expect(await vdcManage(add('faults.raw', ...more), { database })).toMatchObject({
        code: 3,
        stdout: '',
        stderr: expect.stringMatching(
          /^Error: The guest in \S+faults\.raw is not ready when prepared: 4 errors\nHint: .*image prepare \S+faults\.raw OUT\.qcow2 --dry-run\n$/,
        ),
      })
    expect(await everything()).toEqual(before)
  })
})
