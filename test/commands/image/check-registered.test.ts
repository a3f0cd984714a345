import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { checkRenderer } from '../../../src/cli/answer/views/guest-check.ts'
import { allRows, newDatabase, type TestDatabase } from '../../support/databases/databases.ts'
import { makeImage, newFolder } from '../../support/files/images.ts'
import { makeExt4Disk } from '../../support/guests/disks.ts'
import { newGuest } from '../../support/guests/guests.ts'
import { FAULTS, READY } from '../../support/guests/guide.ts'
import { runLines, vdcManage, vdcManageJson } from '../../support/process/cli.ts'
import { newProgramFolder } from '../../support/process/programs.ts'
import { expectRefused, type Refusal } from '../../support/refusals.ts'
import { IS_THOROUGH } from '../../support/thorough.ts'

/*
 * libguestfs takes about 30 s under emulation, so one test starts it, and the others only with THOROUGH=1.
 * Refusals come before it starts: without it, they are the same.
 */

const thorough = test.skipIf(!IS_THOROUGH)
const folder = newFolder()
const at = (name: string) => join(folder.path, name)
let database: TestDatabase
const withoutLibguestfs = newProgramFolder(at('bin'))

beforeAll(async () => {
  database = await newDatabase('sqlite')
  for (const [name, entries] of Object.entries({ faults: FAULTS, ready: READY })) {
    const guest = newGuest(entries)
    await makeExt4Disk(at(`${name}.raw`), guest.path)
    guest.remove()
  }
  for (const name of ['plain', 'changed', 'orphan', 'creating', 'other']) await makeImage(at(`${name}.qcow2`))
  await execa('sh', ['-c', `gzip -c ${at('plain.qcow2')} > ${at('packed.qcow2.gz')}`])
  const add = (id: string, file = `${id}.qcow2`) =>
    `image add local ${at(file)} --uuid wmi-${id} --account-id a-shpoolxx`
  await runLines(
    [
      add('faults', 'faults.raw'),
      ...['plain', 'changed', 'orphan', 'creating', 'other'].map((id) => add(id)),
      add('packed', 'packed.qcow2.gz'),
      add('protected', 'plain.qcow2'),
      add('gone', 'plain.qcow2'),
      'backupstorage add --uuid bkst-far --display-name far --base-uri http://far/ --storage-type webdav',
      `backupobject add --uuid bo-far --display-name far --storage-id bkst-far --object-key f.raw --size 512 --checksum ${'0'.repeat(32)}`,
      'image add local bo-far --uuid wmi-far --account-id a-shpoolxx',
      'image protect wmi-protected',
      'image del wmi-gone',
      'image modify wmi-other --file-format vmdk',
    ],
    { database },
  )
  await database.query(
    "UPDATE backup_objects SET state = 'creating' WHERE uuid = (SELECT substr(backup_object_id, 4) FROM images WHERE uuid = 'creating')",
  )
  await database.query("UPDATE images SET backup_object_id = 'bo-none' WHERE uuid = 'orphan'")
  writeFileSync(at('changed.qcow2'), 'x', { flag: 'a' })
})
afterAll(async () => {
  await database.remove()
  folder.remove()
})

const check = (words: string[], options: Parameters<typeof vdcManage>[1] = {}) =>
  vdcManage(['image', 'check', ...words, '--accel', 'tcg'], { database, ...options })
const labelsOf = async (id: string) => {
  const { labels } = (await vdcManageJson(['image', 'show', id], { database })) as { labels: Record<string, string> }
  return labels
}

test('several guests are named above their results', () => {
  const render = checkRenderer(true)
  const report = { check: 'net.dhcp', result: 'ok', message: 'm', evidence: [], more: 0, remedy: null } as const
  const lines = ['wmi-a', 'wmi-a', 'b\u001b'].map((guest) => render({ guest, ...report, evidence: [] }).split('\n'))
  expect(lines.map((all) => all.slice(0, -1))).toEqual([['wmi-a:'], [], ['', 'b\\u001b:']])
})

describe('image check of a registered image', () => {
  const refusals: [string, string[], Refusal][] = [
    ['unknown', ['wmi-none'], { exit: 4, message: 'Image wmi-none does not exist', hint: 'image list --all' }],
    ['deleted', ['wmi-gone'], { exit: 5, message: /wmi-gone is deleted \(since /, hint: 'image undelete wmi-gone' }],
    ['elsewhere', ['wmi-far'], { exit: 3, message: 'not on this host: http://far/f.raw', hint: 'image check PATH' }],
    ['without its object', ['wmi-orphan'], { exit: 4, message: 'bo-none of image wmi-orphan does not exist' }],
    ['not there yet', ['wmi-creating'], { exit: 5, message: /of image wmi-creating is in state creating/ }],
    ['changed', ['wmi-changed'], { exit: 5, message: / of image wmi-changed has \d+ bytes, but \d+ are registered$/ }],
    ['packed', ['wmi-packed'], { exit: 3, message: /packed\.qcow2\.gz is packed \(gz\)/, hint: 'image convert ' }],
    ['of another format', ['wmi-other'], { exit: 3, message: /other\.qcow2 .*vmdk/ }],
    [
      'of another format than required',
      ['wmi-plain', '--file-format', 'raw'],
      { exit: 3, message: /plain\.qcow2 .*qcow2/ },
    ],
    [
      'larger than required',
      [at('plain.qcow2'), '--max-size', '1K'],
      { exit: 3, message: 'plain', hint: '--max-size' },
    ],
    [
      'a folder of a size',
      ['--root', folder.path, '--max-size', '1K'],
      { exit: 2, message: /--root and --max-size cannot be used together/ },
    ],
    [
      'with an invalid ID',
      ['wmi-a.b'],
      { exit: 3, message: "'wmi-a.b' is neither the ID nor the display name of an image" },
    ],
    ['protected', ['wmi-protected', '--save'], { exit: 5, message: 'wmi-protected is protected', hint: '--force' }],
    ['a path', ['./wmi-plain'], { exit: 3, message: 'The file ./wmi-plain does not exist' }],
    ['a path to save', [at('plain.qcow2'), 'wmi-plain', '--save'], { exit: 2, message: 'plain.qcow2 is a file' }],
    ['a folder to save', ['--root', folder.path, '--save'], { exit: 2, message: '--root names a folder' }],
    ['partly, to save', ['wmi-plain', '--only', 'net', '--save'], { exit: 2, message: 'a partial check must not be' }],
    [
      'less, to save',
      ['wmi-plain', '--skip', 'net', '--save'],
      { exit: 2, message: '--save cannot be used with --skip' },
    ],
    ['forced, not saved', ['wmi-plain', '--force'], { exit: 2, message: '--force requires --save' }],
  ]
  test.each(refusals)('that is %s is refused', async (_, words, refusal) => {
    await expectRefused(database, ['image', 'check', ...words], refusal)
  })

  test('is not read outside the image folders', async () => {
    const run = await check(['wmi-faults'], { env: { XDG_STATE_HOME: at('no-state') } })
    expect(run).toMatchObject({ code: 3, stdout: '' })
    expect(run.stderr).toMatch(/faults\.raw was not read: .* to add it: vdc-manage backupstorage trust /)
  })

  test('without libguestfs ends with 6, and saves nothing', async () => {
    const before = await allRows(database)
    const run = await check(['wmi-plain', 'wmi-protected', '--save', '--force'], { env: { PATH: withoutLibguestfs } })
    expect(run).toMatchObject({ code: 6, stdout: '' })
    expect(run.stderr).toMatch(/^Error: libguestfs, which looks into images, is not installed\nHint: [^\n]+\n$/)
    expect(await allRows(database)).toEqual(before)
  })

  test('needs a database, and a file needs none', async () => {
    const env = { VDC_MANAGE_DATABASE_URI: 'mysql://root@127.0.0.1:1/none' }
    expect(await vdcManage(['image', 'check', 'wmi-plain'], { env })).toMatchObject({ code: 6 })
    expect(await vdcManage(['image', 'check', at('packed.qcow2.gz')], { env })).toMatchObject({ code: 3 })
    writeFileSync(at('wmi-plain'), 'no disk')
    expect(await vdcManage(['image', 'check', 'wmi-plain'], { env, cwd: folder.path })).toMatchObject({ code: 3 })
    const both = ['wmi-plain', 'wmi-faults', '--save']
    const run = await vdcManage(['image', 'check', ...both], { env, cwd: folder.path })
    expect(run).toMatchObject({ code: 2, stderr: expect.stringMatching(/and wmi-plain is a file\nHint: Name images/) })
  })

  test('several that cannot be checked are all reported, and the exit code is 9', async () => {
    const run = await check(['wmi-none', at('none.raw'), '-', 'wmi-none'], { input: 'wmi-gone\n\nwmi-packed\n' })
    expect(run).toMatchObject({ code: 9, stdout: '' })
    expect(run.stderr.split('\n').filter((line) => line.startsWith('Error: '))).toEqual([
      'Error: Image wmi-none does not exist',
      `Error: The file ${at('none.raw')} does not exist`,
      expect.stringMatching(/wmi-gone is deleted/),
      expect.stringMatching(/is packed/),
    ])
    const json = await check(['wmi-none', 'wmi-gone', '--json'])
    expect(json).toMatchObject({ code: 9, stderr: expect.stringContaining('Error: Image wmi-none does not exist\n') })
    expect(JSON.parse(json.stdout)).toMatchObject({
      ready: false,
      guests: [],
      failures: [
        { guest: 'wmi-none', error: { code: 'IMAGE_NOT_FOUND', exit: 4 } },
        { guest: 'wmi-gone', error: { code: 'IMAGE_DELETED', exit: 5 } },
      ],
      error: { code: 'PARTLY_DONE', exit: 9 },
    })
    const none = await check(['-'], { input: '\n' })
    expect(none).toMatchObject({ code: 0, stdout: '', stderr: 'No IDs on stdin: nothing to check\n' })
  })

  test('--save stores what was found, image list finds it, and image show prints it', async () => {
    const before = await allRows(database)
    const run = await check(['wmi-none', 'wmi-faults', '--save', '--json'])
    expect(run).toMatchObject({ code: 3, stderr: expect.stringMatching(/^Error: Image wmi-none does not exist\n/) })
    const { guests, failures, error } = JSON.parse(run.stdout)
    expect(failures).toMatchObject([{ guest: 'wmi-none' }])
    expect(error).toMatchObject({ code: 'GUEST_NOT_READY', message: 'Not ready for the cloud: wmi-faults' })
    const [{ guest, errors, warnings, checks }] = guests
    expect([guest, checks[0].guest]).toEqual(['wmi-faults', 'wmi-faults'])
    expect(await labelsOf('wmi-faults')).toEqual({
      'vdc-manage.check.date': expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      'vdc-manage.check.result': 'not-ready',
      'vdc-manage.check.errors': String(errors),
      'vdc-manage.check.warnings': String(warnings),
    })
    const { resource_labels: _, ...others } = await allRows(database)
    const { resource_labels: __, ...othersBefore } = before
    expect(others).toEqual(othersBefore)
    const found = (label: string) => vdcManage(['image', 'list', '--quiet', '--label', label], { database })
    expect((await found(`vdc-manage.check.errors=${errors}`)).stdout).toBe('wmi-faults\n')
    expect((await found('vdc-manage.check.result=not-ready')).stdout).toBe('wmi-faults\n')
    expect((await found('vdc-manage.check.errors=0')).stdout).toBe('')
    const shown = (await vdcManage(['image', 'show', 'wmi-faults'], { database })).stdout
    expect(shown).toMatch(
      new RegExp(`^check: +not ready on \\d{4}-\\d\\d-\\d\\d \\(${errors} errors, ${warnings} warnings\\)$`, 'm'),
    )
    expect(shown).not.toContain('vdc-manage.check')
  }, 900_000)
})

describe('image add local --check', () => {
  const add = (file: string, ...more: string[]) => [
    ...['image', 'add', 'local', file, '--account-id', 'a-shpoolxx', '--check'],
    ...more,
  ]

  test('refuses what it cannot look into', async () => {
    await expectRefused(database, add(at('packed.qcow2.gz')), {
      exit: 3,
      message: /packed\.qcow2\.gz is packed \(gz\), and must be unpacked to look inside$/,
      hint: '--convert qcow2',
    })
    await expectRefused(database, add('bo-far'), { exit: 3, message: '--check applies only to files', hint: '--check' })
  })

  test('without libguestfs ends with 6 and stores nothing, even converted', async () => {
    const before = [await allRows(database), readdirSync(folder.path)]
    for (const more of [[], ['--convert', 'qcow2'], ['--dry-run']]) {
      const run = await vdcManage(add(at('ready.raw'), ...more), { database, env: { PATH: withoutLibguestfs } })
      expect(run).toMatchObject({ code: 6, stdout: '', stderr: expect.stringContaining('is not installed') })
    }
    expect([await allRows(database), readdirSync(folder.path)]).toEqual(before)
  })

  thorough('refuses a guest that is not ready', async () => {
    const before = [await allRows(database), readdirSync(folder.path)]
    for (const more of [[], ['--convert', 'qcow2']])
      expect(await vdcManage(add(at('faults.raw'), ...more), { database })).toMatchObject({
        code: 3,
        stdout: '',
        stderr: expect.stringMatching(
          /^Error: The guest in \S+faults\.raw is not ready for the cloud: \d+ errors\nHint: .*image check \S+faults\.raw\n$/,
        ),
      })
    expect([await allRows(database), readdirSync(folder.path)]).toEqual(before)
  })

  thorough('registers a guest that is ready, with the labels', async () => {
    const before = await allRows(database)
    const dry = await vdcManage(add(at('ready.raw'), '--dry-run', '--format', 'ndjson'), { database })
    expect(dry.stdout).toContain('vdc-manage.check.result')
    expect(await allRows(database)).toEqual(before)
    const labels = expect.objectContaining({ 'vdc-manage.check.result': 'ready', 'vdc-manage.check.errors': '0' })
    const run = await vdcManage(add(at('ready.raw')), { database })
    expect(run).toMatchObject({ code: 0, stderr: '' })
    expect(await labelsOf(run.stdout.trim())).toEqual(labels)
    const lines = `${add(at('ready.raw'), '--convert', 'qcow2').join(' ')} --uuid wmi-made\n`
    const bulk = await vdcManage(['shell', '--tx', 'bulk'], { database, input: lines })
    expect(bulk).toMatchObject({ code: 9, stdout: '', stderr: expect.stringContaining('within --tx bulk') })
    const plain = `${add(at('ready.raw'), '--uuid', 'wmi-bulk').join(' ')}\n`
    const stored = await vdcManage(['shell', '--tx', 'bulk'], { database, input: plain })
    expect(stored).toMatchObject({ code: 0, stdout: 'wmi-bulk\n' })
    expect(await labelsOf('wmi-bulk')).toEqual(labels)
    expect(await vdcManage(['shell'], { database, input: lines })).toMatchObject({ code: 0, stdout: 'wmi-made\n' })
    expect(await labelsOf('wmi-made')).toEqual(labels)
  })
})
