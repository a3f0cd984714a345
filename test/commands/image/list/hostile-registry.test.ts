import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { allRows, ENGINES, newDatabase, type TestDatabase } from '../../../support/databases/databases.ts'
import { LONG_AGO } from '../../../support/databases/wakame.ts'
import { hashOf, makeImage, newFolder } from '../../../support/files/images.ts'
import { type Run, vdcManage } from '../../../support/process/cli.ts'

/*
 * Imports a hostile registry: its rows name files of this host with their right size and MD5, as deleted long ago. No
 * file may be removed or read outside the image folders that an operator of this host has trusted.
 */

const AT = `${LONG_AGO.replace(' ', 'T')}Z`
const TIMES = { created_at: AT, updated_at: AT }
const PURGE = ['image', 'purge', '--files', '--yes']

/** Returns a registry file with some rows. */
function registryOf(rows: readonly { type: string }[]): string {
  const types = ['account', 'backup_storage', 'backup_object', 'image', 'label']
  const counts = Object.fromEntries(types.map((type) => [type, rows.filter((row) => row.type === type).length]))
  const lines = types.flatMap((type) => rows.filter((row) => row.type === type))
  const header = { type: 'registry', version: 1, exported_at: AT }
  return [header, ...lines, { type: 'end', counts }].map((line) => `${JSON.stringify(line)}\n`).join('')
}

const storageRow = (uuid: string, base_uri: string) => ({
  ...{ type: 'backup_storage', uuid, display_name: uuid, storage_type: 'local', description: 'trusted image folder' },
  ...{ base_uri, deleted_at: null, node_id: null, ...TIMES },
})

const objectRow = (uuid: string, storage: string, object_key: string, size: number, checksum: string, more = {}) => ({
  ...{ type: 'backup_object', account_id: 'a-shpoolxx', uuid, display_name: uuid, service_type: 'std' },
  ...{ backup_storage_id: storage, size, allocation_size: size, container_format: 'none', status: 1, object_key },
  ...{ state: 'deleted', checksum, description: null, progress: 100, deleted_at: AT, purged_at: null, ...TIMES },
  ...{ source_volume_id: '', ...more },
})

const imageRow = (uuid: string, backup_object_id: string) => ({
  ...{ type: 'image', account_id: 'a-shpoolxx', uuid, boot_dev_type: 2, arch: 'x86_64', description: null, ...TIMES },
  ...{ is_public: 0, state: 'available', features: '--- {}\n', file_format: 'raw', root_device: null, is_cacheable: 0 },
  ...{ instance_model_name: '', parent_image_id: null, service_type: 'std', display_name: uuid, backup_object_id },
  ...{ deleted_at: null, volumes: '--- []\n', vifs: '--- []\n', os_type: 'linux' },
})

const labelRow = (resource_uuid: string, name: string, string_value: string) => ({
  ...{ type: 'label', resource_uuid, name, value_type: 1, string_value, blob_value: null, ...TIMES },
})

describe.each(ENGINES)('an imported hostile registry on %s', (engine) => {
  const folder = newFolder()
  const at = (...names: string[]) => join(folder.path, ...names)
  /** In a system folder; created by root only. */
  const inSystem = `/run/vdc-manage-test-${engine}-${process.pid}`
  const isRoot = process.getuid?.() === 0
  const env = { XDG_STATE_HOME: at('state') }
  const bytes = 'precious'.repeat(20)
  let database: TestDatabase
  const run = (...args: string[]): Promise<Run> => vdcManage(args, { database, env })
  const warnings = ({ stderr }: Run) => stderr.split('\n').filter((line) => line.startsWith('Warning: '))

  const precious = () => ({
    outside: existsSync(at('outside/secret')),
    evil: readdirSync(at('srv/images-evil')).sort(),
    images: readdirSync(at('srv/images')).sort(),
    below: readdirSync(at('srv/images/below')).sort(),
    system: !isRoot || existsSync(inSystem),
  })

  beforeAll(async () => {
    database = await newDatabase(engine)
    for (const name of ['state', 'outside', 'srv/images/below', 'srv/images-evil'])
      mkdirSync(at(name), { recursive: true })
    for (const name of [
      'outside/secret',
      'outside/read',
      'srv/images-evil/read.raw',
      'srv/images-evil/a.raw',
      'srv/images/other.raw',
      'srv/images/below/b.raw',
      'srv/images/.hidden',
    ])
      writeFileSync(at(name), bytes)
    if (isRoot) writeFileSync(inSystem, bytes)
    symlinkSync(at('outside'), at('srv/images/way-out'))
    symlinkSync(at('outside/secret'), at('srv/images/link.raw'))
    symlinkSync(at('outside/read'), at('srv/images/read.raw'))
    await makeImage(at('srv/images/mine.qcow2'))
    const added = await run(
      'image',
      'add',
      'local',
      at('srv/images/mine.qcow2'),
      '--account-id',
      'a-shpoolxx',
      '--uuid',
      'mine',
    )
    expect(added).toMatchObject({ code: 0, stdout: 'wmi-mine\n', stderr: '' })

    const size = bytes.length
    const md5 = hashOf(at('outside/secret'), 'md5')
    const key = (path: string) => path.slice(1)
    const doomed = [
      objectRow('bo-root', 'bkst-root', key(at('outside/secret')), size, md5),
      objectRow('bo-etc', 'bkst-etc', 'hostname', size, md5),
      objectRow('bo-system', 'bkst-run', inSystem.slice('/run/'.length), size, md5),
      objectRow('bo-dots', 'bkst-dots', 'secret', size, md5),
      objectRow('bo-up', 'bkst-images', '../../outside/secret', size, md5),
      objectRow('bo-outside', 'bkst-outside', 'secret', size, md5),
      objectRow('bo-evil', 'bkst-evil', 'a.raw', size, md5),
      objectRow('bo-prefix', 'bkst-prefix', '-evil/a.raw', size, md5),
      objectRow('bo-way', 'bkst-images', 'way-out/secret', size, md5),
      objectRow('bo-link', 'bkst-images', 'link.raw', size, md5),
      objectRow('bo-below', 'bkst-images', 'below/b.raw', size, md5),
      objectRow('bo-hidden', 'bkst-images', '.hidden', size, md5),
      objectRow('bo-md5', 'bkst-images', 'other.raw', size, '0'.repeat(32)),
      objectRow('bo-size', 'bkst-images', './other.raw', size + 1, md5),
      objectRow('bo-none', 'bkst-images', './/other.raw', size, ''),
      // Used by an image of this host.
      objectRow('bo-mine', 'bkst-images', 'mine.qcow2', size, md5),
    ]
    const alive = { state: 'available', deleted_at: null }
    const read = [
      objectRow('bo-read', 'bkst-root', key(at('srv/images-evil/read.raw')), size, md5, alive),
      objectRow('bo-climb', 'bkst-images', '../../outside/read', size, md5, alive),
      objectRow('bo-follow', 'bkst-images', 'read.raw', size, md5, alive),
      objectRow('bo-absent', 'bkst-root', key(at('outside/absent')), size, md5, alive),
      objectRow('bo-conf', 'bkst-etc', 'passwd', size, md5, alive),
    ]
    const dump = registryOf([
      storageRow('bkst-root', 'file:///'),
      storageRow('bkst-etc', 'file:///etc/'),
      storageRow('bkst-run', 'file:///run/'),
      storageRow('bkst-outside', `file://${at('outside')}/`),
      storageRow('bkst-dots', `file://${at('srv/images')}/../../outside/`),
      storageRow('bkst-images', `file://${at('srv/images')}/`),
      storageRow('bkst-prefix', `file://${at('srv/images')}`),
      storageRow('bkst-evil', `file://${at('srv/images-evil')}/`),
      ...doomed,
      ...read,
      ...read.map(({ uuid }) => imageRow(uuid.replace('bo-', 'wmi-'), uuid)),
      labelRow('bkst-outside', 'vdc-manage.trusted', '1'),
      labelRow('bo-outside', 'image-folder', at('outside')),
    ])
    expect(await vdcManage(['registry', 'import'], { database, env, input: dump })).toMatchObject({ code: 0 })
  })
  afterAll(async () => {
    await database.remove()
    folder.remove()
    rmSync(inSystem, { force: true })
  })

  test('a purge finds nothing, because all rows were imported just now', async () => {
    const before = precious()
    const none = 'Nothing to purge with --older-than 90d\n'
    expect(await run(...PURGE)).toMatchObject({ code: 0, stdout: '', stderr: none })
    expect(precious()).toEqual(before)
  })

  test('a purge of any age removes nothing, and says why for each file', async () => {
    const before = { files: precious(), rows: await allRows(database) }
    for (const more of [['--dry-run'], []]) {
      const purge = await run(...PURGE, '--older-than', '0d', ...more)
      expect(purge).toMatchObject({ code: 9, stderr: expect.stringContaining('Error: 15 files could not be removed') })
      const trust = (name: string) =>
        `was not removed: ${at(name)} is not an image folder of this host; to add it: vdc-manage backupstorage trust ${at(name)}`
      const expected: Record<string, string> = {
        root: trust('outside'),
        etc: 'was not removed: /etc is a system folder, which never holds images',
        system: 'was not removed: /run is a system folder, which never holds images',
        dots: "was not removed: its path contains '..'",
        up: "was not removed: its path contains '..'",
        outside: trust('outside'),
        evil: trust('srv/images-evil'),
        prefix: trust('srv/images-evil'),
        way: `was not removed: a link in its path leads out of ${at('srv/images')}`,
        link: 'was not removed: it is a link',
        below: trust('srv/images/below'),
        hidden: `was not removed: ${at('srv/images')} is an image folder of this host only for files whose names do not begin with a dot; to include all files: vdc-manage backupstorage trust ${at('srv/images')}`,
        md5: `was not removed: its MD5 is ${hashOf(at('srv/images/other.raw'), 'md5')}, but its row says ${'0'.repeat(32)}`,
        size: `was not removed: it has ${bytes.length} bytes, but its row says ${bytes.length + 1}`,
        none: 'was not removed: its row has no checksum to compare it with',
      }
      const told = warnings(purge)
      for (const [id, why] of Object.entries(expected))
        expect(told).toContainEqual(expect.stringContaining(` of bo-${id} ${why}`))
      expect(told).toHaveLength(Object.keys(expected).length)
      expect({ files: precious(), rows: await allRows(database) }).toEqual(before)
    }
  })

  test('verify reads none of the files, and does not reveal whether they exist', async () => {
    const verify = await run('image', 'verify', '--all')
    expect(verify).toMatchObject({ code: 9, stderr: '6 images: 1 ok, 0 differ, 5 not checked\n' })
    const lines = verify.stdout.split('\n').sort()
    const trust = (name: string) =>
      `was not read: ${at(name)} is not an image folder of this host; to add it: vdc-manage backupstorage trust ${at(name)}`
    expect(lines.slice(1)).toEqual([
      `wmi-absent: not checked: the file ${at('outside/absent')} ${trust('outside')}`,
      `wmi-climb: not checked: the file ${at('srv/images')}/../../outside/read was not read: its path contains '..'`,
      'wmi-conf: not checked: the file /etc/passwd was not read: /etc is a system folder, which never holds images',
      `wmi-follow: not checked: the file ${at('srv/images/read.raw')} ${trust('outside')}`,
      'wmi-mine: ok',
      `wmi-read: not checked: the file ${at('srv/images-evil/read.raw')} ${trust('srv/images-evil')}`,
    ])
  })

  test('orphans does not search a system folder', async () => {
    const orphans = await run('image', 'orphans', '--storage-id', 'bkst-root')
    expect(orphans).toMatchObject({
      code: 9,
      stderr: expect.stringContaining('The folder / of storage bkst-root was not checked: it is a system folder'),
    })
    expect(orphans.stdout).not.toContain('unknown_file')
  })

  test('a purge removes only what this host registered', async () => {
    const object = (await database.query("SELECT backup_object_id AS id FROM images WHERE uuid = 'mine'"))[0]?.id
    await run('image', 'del', 'wmi-mine')
    await run('backupobject', 'del', String(object))
    const before = precious()
    const purge = await run('image', 'purge', 'wmi-mine', '--files', '--yes', '--older-than', '0d')
    expect(purge).toMatchObject({ code: 0, stderr: '', stdout: expect.stringContaining(at('srv/images/mine.qcow2')) })
    expect(precious()).toEqual({ ...before, images: before.images.filter((name) => name !== 'mine.qcow2') })
  })

  test('a purge removes files in a folder that an operator trusts', async () => {
    expect(await run('backupstorage', 'trust', at('outside'))).toMatchObject({ code: 0, stdout: '', stderr: '' })
    const purge = await run(...PURGE, '--older-than', '0d')
    expect(purge.stdout).toContain(at('outside/secret'))
    expect(precious()).toMatchObject({ outside: false, evil: ['a.raw', 'read.raw'], below: ['b.raw'], system: true })
  })
})
