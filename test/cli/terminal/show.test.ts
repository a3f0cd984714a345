import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { newDatabase, type TestDatabase } from '../../support/databases/databases.ts'
import { makeImage, newFolder } from '../../support/files/images.ts'
import { vdcManage, vdcManageJson } from '../../support/process/cli.ts'
import { startTerminal } from '../../support/process/tmux.ts'

const folder = newFolder()
const home = newFolder()
let database: TestDatabase
beforeAll(async () => {
  database = await newDatabase('sqlite')
  await makeImage(join(folder.path, 'debian.qcow2'), { size: '1M' })
  for (const words of [
    ['image', 'add', 'local', join(folder.path, 'debian.qcow2'), '--account-id', 'a-team', '--create-account'],
    ['image', 'modify', 'ID', '--description', 'Debian 12 with everything that the web servers of the team need'],
    ['image', 'label', 'ID', 'owner=kenji'],
    ['image', 'features', 'ID', '--virtio', '--acpi'],
    ['image', 'protect', 'ID'],
  ])
    await vdcManage(
      words.map((word) => (word === 'ID' ? 'wmi-show' : word)).concat(words[1] === 'add' ? ['--uuid', 'show'] : []),
      { database, reject: true },
    )
})
afterAll(async () => {
  await database.remove()
  folder.remove()
  home.remove()
})

/** Returns what a terminal shows for a line of sh. */
async function shown(line: string, width: number): Promise<string> {
  const terminal = await startTerminal(`${line}; echo end`, { database, home: home.path, width })
  const screen = await terminal.until(/^end$/m)
  await terminal.close()
  return screen.slice(0, screen.search(/^end$/m))
}

test('image show prints sections without defaults at a terminal', async () => {
  const screen = await shown('vdc-manage image show wmi-show', 80)
  const { virtual_size, backup_object: object } = await vdcManageJson(['image', 'show', 'wmi-show'], { database })
  expect(virtual_size).toBe(1024 * 1024)
  expect(screen.match(/^\S.*$/gm)).toEqual(['Image', 'Guest', 'File', 'Storage', 'Labels'])
  const names = Array.from(screen.matchAll(/^ {2}([\w.]+):/gm), ([, name]) => name)
  expect(names).toEqual([
    ...['id', 'display_name', 'description', 'account_id', 'visibility', 'state', 'protected'],
    ...['created_at', ...(names.includes('updated_at') ? ['updated_at'] : []), 'arch', 'features'],
    ...['backup_object_id', 'file_format', 'virtual_size', 'backup_object.allocation_size', 'backup_object.uri'],
    ...['backup_object.checksum', 'backup_object.sha256', 'backup_storage.id', 'backup_storage.storage_type'],
    'labels.owner',
  ])
  expect(screen).toMatch(/^ {2}features: +(acpi, virtio|virtio, acpi)$/m)
  expect(screen).toMatch(/^ {2}virtual_size: +1 MiB$/m)
  expect(screen).toMatch(/^ {2}protected: +yes, since \d{4}-/m)
  expect(screen).toContain(`backup_object.sha256:\n    ${object.sha256}\n`)
  // No value twice.
  for (const value of [object.id, object.checksum, object.sha256, object.backup_storage_id, object.uri])
    expect(screen.split(value)).toHaveLength(2)
  // Each name is one that --columns takes.
  const columns = await vdcManage(['image', 'show', 'wmi-show', '-c', names.join(',')], { database })
  expect(columns).toMatchObject({ code: 0, stderr: '' })
  expect(columns.stdout).toMatch(new RegExp(`^backup_object.uri: +${object.uri}$`, 'm'))
})

test('image show --verbose adds defaults and bytes', async () => {
  const screen = await shown('vdc-manage image show wmi-show -v', 80)
  expect(screen).toMatch(/^ {2}parent_image_id: +-$/m)
  expect(screen).toMatch(/^ {2}os_type: +linux$/m)
  expect(screen).toMatch(/^ {2}virtual_size: +1 MiB \(1048576 B\)$/m)
  // The same in a pipe.
  const piped = (await vdcManage(['image', 'show', 'wmi-show', '--verbose'], { database })).stdout
  expect(piped).toMatch(/^Image\n {2}id: +wmi-show\n/)
  const nameless = await vdcManage(['image', 'show', '-v', '-q'], { database })
  expect(nameless).toMatchObject({ code: 0, stdout: 'wmi-show\n' })
})

test('image show fits a terminal of 40 columns, except for what cannot be broken', async () => {
  const screen = await shown('vdc-manage image show wmi-show', 40)
  for (const line of screen.split('\n').filter((each) => each.length > 40))
    expect(line).toMatch(/^ {4}(?:[0-9a-f]{64}|file:\S+)$/)
  expect(screen).toMatch(/^ {2}description: +Debian 12 with\n {16}everything that the web\n/m)
})

test('a deleted image shows its state and the time in one line', async () => {
  await vdcManage(['image', 'del', 'wmi-show', '--force'], { database, reject: true })
  const screen = await shown('vdc-manage image show wmi-show', 80)
  expect(screen).toMatch(/^ {2}state: +deleted since \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/m)
  expect(screen).not.toContain('deleted_at')
  await vdcManage(['image', 'undelete', 'wmi-show'], { database, reject: true })
})

test('in a pipe, image show prints all fields as lines, as before', async () => {
  const { stdout } = await vdcManage(['image', 'show', 'wmi-show'], { database })
  expect(stdout).toMatch(/^id: +wmi-show\ndisplay_name: +debian\n/)
  expect(stdout).toMatch(/^is_public: +no$/m)
  expect(stdout).toMatch(/^virtual_size: +1 MiB \(1048576 B\)$/m)
  expect(stdout).toMatch(/^backup_object.labels.vdc-manage.virtual-size: +1048576$/m)
})

test.each([
  [
    'backupobject show $(vdc-manage backupobject list -q)',
    /^Backup object\n {2}id: +bo-.*\n(.*\n)+File\n {2}allocation_size: /,
  ],
  [
    'backupstorage show $(vdc-manage backupstorage list -q)',
    /^Backup storage\n {2}id: +bkst-\S+\n(.*\n)* {2}base_uri:/,
  ],
  ['account show a-team', /^Account\n {2}id: +a-team\n {2}enabled: +yes\n(.*\n)+Images\n {2}image_count: 1\n/],
])('%s prints sections, too', async (line, expected) => {
  for (const width of [80, 40]) expect(await shown(`vdc-manage ${line}`, width)).toMatch(expected)
})
