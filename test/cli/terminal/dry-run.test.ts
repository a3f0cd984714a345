import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { sentencesOf } from '../../../src/cli/answer/views/dry-run.ts'
import type { Change } from '../../../src/registry/change.ts'
import { allRows, newDatabase, type TestDatabase } from '../../support/databases/databases.ts'
import { makeImage, newFolder } from '../../support/files/images.ts'
import { runLines, vdcManage } from '../../support/process/cli.ts'
import { startTerminal } from '../../support/process/tmux.ts'

const folder = newFolder()
const home = newFolder()
const file = join(folder.path, 'lucid.qcow2')
let database: TestDatabase
beforeAll(async () => {
  database = await newDatabase('sqlite')
  await makeImage(file, { size: '1M' })
  await runLines(
    [
      'backupstorage add --uuid bkst-s --display-name s --base-uri file:///srv/s/ --storage-type local',
      `backupobject add --uuid bo-o --display-name o --storage-id bkst-s --object-key o.raw --size 2048 --checksum ${'0'.repeat(32)}`,
      'account add --uuid a-team',
      'image add local bo-o --uuid wmi-x --account-id a-team --display-name debian-12',
      'image label wmi-x owner=kenji',
      'image add local bo-o --uuid wmi-gone --account-id a-team',
      'image del wmi-gone',
    ],
    { database },
  )
  await database.query("UPDATE images SET display_name = ? WHERE uuid = 'gone'", ['\u001b[2Jgone'])
})
afterAll(async () => {
  await database.remove()
  folder.remove()
  home.remove()
})

/** Commands and what a dry run of them says. */
const SAYS: [line: string, sentences: string[]][] = [
  [
    `image add local ${file} --account-id a-new --create-account --display-name lucid`,
    [
      'Would create account a-new',
      `Would create a backup storage for file://${folder.path}/`,
      'Would register lucid.qcow2 as a new image owned by a-new (lucid)',
    ],
  ],
  [
    'image add local bo-o --account-id a-team',
    ['Would register backup object bo-o as a new image owned by a-team (o)'],
  ],
  [
    'image modify x --description ready --is-public --root-device label:root',
    [
      'Would set description of image wmi-x (debian-12) to ready',
      'Would set is_public of image wmi-x (debian-12) to yes',
      'Would set root_device of image wmi-x (debian-12) to label:root',
    ],
  ],
  ['image modify x --is-public=false', []],
  ['image modify x --display-name new', ['Would set display_name of image wmi-x (debian-12) to new']],
  ['image features x --virtio', ['Would set features of image wmi-x (debian-12) to virtio']],
  ['image label x owner- a=b', ['Would remove the label owner of wmi-x', 'Would set the label a of wmi-x to b']],
  ['image protect x', ['Would protect wmi-x']],
  ['image del x', ['Would delete image wmi-x (debian-12)']],
  [
    'image del x --with-object',
    ['Would delete image wmi-x (debian-12)', 'Would delete backup object bo-o (o); its file (2 KiB) stays'],
  ],
  ['image undelete gone', ['Would restore image wmi-gone (\\u001b[2Jgone), state available']],
  ['image purge --older-than 0d', ['Would remove image wmi-gone (\\u001b[2Jgone) for good']],
  ['backupobject modify o --size 4096', ['Would set size of backup object bo-o (o) to 4096 B']],
  ['account modify a-team --disable', ['Would disable account a-team']],
  ['account del a-team --force', ['Would delete account a-team']],
  ['backupstorage modify bkst-s --node-id n1', ['Would set node_id of backup storage bkst-s (s) to n1']],
]

test.each([80, 40])('dry runs say what would happen, in a terminal of %d columns', async (width) => {
  const before = await allRows(database)
  const lines = SAYS.map(([line]) => `vdc-manage ${line} -n 2>/dev/null; echo ---`).join('; ')
  const terminal = await startTerminal(`${lines}; echo end`, { database, home: home.path, width })
  const screen = await terminal.until(/^end$/m)
  await terminal.close()
  const said = screen.replaceAll(/\n {2}/g, ' ').split('---\n')
  for (const [at, [line, sentences]] of SAYS.entries())
    expect([line, ...(said[at] as string).split('\n').filter(Boolean)]).toEqual([line, ...sentences])
  expect(await allRows(database)).toEqual(before)
})

test('in a pipe and with a format, dry runs print rows', async () => {
  const words = ['image', 'modify', 'x', '--description', 'ready', '-n']
  const { stdout, stderr } = await vdcManage(words, { database })
  expect(stdout).toMatch(/^ACTION +WHAT +ID +VALUES\nupdate +images +wmi-x +description: - -> ready, updated_at: /)
  expect(stderr).toMatch(/^Dry run: nothing was written; 2 history rows are not shown\n$/)
  const [row] = JSON.parse((await vdcManage([...words, '--json'], { database })).stdout)
  expect(Object.keys(row)).toEqual(['action', 'table', 'id', 'row', 'old', 'path', 'file_format', 'check', 'what'])
})

test('files, migrations and guests have sentences, too', () => {
  const changes: Change[] = [
    { action: 'create', path: '/srv/a.qcow2', file_format: 'qcow2' },
    { action: 'remove', path: '/srv/a.raw', bytes: 1024 },
    { action: 'remove', path: '/srv/b.raw', bytes: 2048 },
    { action: 'download', path: '/srv/c.raw', what: 'https://h/c, d.raw, 4096 bytes', bytes: 4096 },
    { action: 'download', path: '/srv/d.raw', what: 'https://h/d.raw, of unknown size' },
    { action: 'migrate', id: '0012_more' },
    { action: 'remove', path: '/etc/machine-id', check: 'id.machine-id', what: null },
    { action: 'write', path: '/etc/hostname', check: 'id.hostname', what: 'an empty file' },
  ]
  expect(sentencesOf(changes)).toEqual([
    'Would create the file /srv/a.qcow2 (qcow2)',
    'Would remove the file /srv/a.raw (1 KiB)',
    'Would remove the file /srv/b.raw (2 KiB)',
    'Would download https://h/c, d.raw (4 KiB) to /srv/c.raw, and register it',
    'Would download https://h/d.raw (size unknown) to /srv/d.raw, and register it',
    'Would run the migration 0012_more',
    'Would remove /etc/machine-id in the guest (id.machine-id)',
    'Would write /etc/hostname in the guest: an empty file (id.hostname)',
    'Would free 3 KiB',
  ])
})
