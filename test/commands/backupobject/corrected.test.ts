import { statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ENGINES, newDatabase, type TestDatabase } from '../../support/databases/databases.ts'
import { hashOf, makeImage, newFolder } from '../../support/files/images.ts'
import { vdcManage, vdcManageJson } from '../../support/process/cli.ts'

/*
 * Correcting a row, by us or by programs that do not know our labels, makes stale what was computed from the old bytes.
 */

const DERIVED = ['vdc-manage.md5', 'vdc-manage.sha256', 'vdc-manage.virtual-size']

describe.each(ENGINES)('correcting a backup object on %s', (engine) => {
  const folder = newFolder()
  let database: TestDatabase
  let path: string
  let old: { md5: string; sha256: string; size: number }
  beforeAll(async () => {
    database = await newDatabase(engine)
  })
  afterAll(async () => {
    await database.remove()
    folder.remove()
  })

  const object = () => vdcManageJson(['backupobject', 'show', 'bo-disk'], { database })
  const image = () => vdcManageJson(['image', 'show', 'wmi-disk'], { database })
  const listed = async (...args: string[]) => vdcManageJson(['image', 'list', ...args], { database })
  const labels = async () =>
    (await database.query("SELECT name FROM resource_labels WHERE resource_uuid = 'bo-disk' ORDER BY name")).map(
      ({ name }) => name,
    )

  test('a new MD5 in the row alone makes computed values stale', async () => {
    path = await makeImage(join(folder.path, 'disk.qcow2'))
    old = { md5: hashOf(path, 'md5'), sha256: hashOf(path, 'sha256'), size: 1024 ** 3 }
    await vdcManage(['backupobject', 'add', '--from-file', path, '--uuid', 'disk'], { database })
    await vdcManage(['image', 'add', 'local', 'bo-disk', '--uuid', 'disk', '--account-id', 'a-shpoolxx'], { database })
    expect(await object()).toMatchObject({ sha256: old.sha256, labels: { 'vdc-manage.md5': old.md5 } })
    expect(await labels()).toEqual(['vdc-manage.file-format', ...DERIVED])

    // Another image replaces the file, and another program updates the row.
    await makeImage(path, { size: '2G' })
    writeFileSync(path, Buffer.alloc(512), { flag: 'a' })
    const { size } = statSync(path)
    const md5 = hashOf(path, 'md5').toUpperCase()
    await database.query(`UPDATE backup_objects SET checksum = ?, size = ?, allocation_size = ? WHERE uuid = 'disk'`, [
      md5,
      size,
      size,
    ])
    const shown = await object()
    expect(shown.sha256).toBe(null)
    expect(shown.labels).toEqual({})
    expect((await image()).virtual_size).toBe(null)
    expect(await listed('--checksum', md5)).toMatchObject([{ id: 'wmi-disk', virtual_size: null }])
    expect(await listed('--checksum', old.sha256)).toEqual([])
    expect(await vdcManage(['image', 'verify', 'wmi-disk'], { database })).toMatchObject({
      code: 0,
      stdout: 'wmi-disk: ok\n',
    })
    // The same file is the same object again.
    const again = await vdcManage(['image', 'add', 'local', path, '--uuid', 'again', '--account-id', 'a-shpoolxx'], {
      database,
    })
    expect(again).toMatchObject({ code: 0, stderr: '' })
    expect((await vdcManageJson(['image', 'show', 'wmi-again'], { database })).backup_object_id).toBe('bo-disk')
  })

  test('restoring the old MD5 makes computed values valid again', async () => {
    await database.query(`UPDATE backup_objects SET checksum = ? WHERE uuid = 'disk'`, [old.md5])
    expect(await object()).toMatchObject({ sha256: old.sha256 })
    expect(await listed('--checksum', old.sha256)).toMatchObject([
      { virtual_size: old.size },
      { virtual_size: old.size },
    ])
  })

  test('labels without a recorded MD5 are valid unless the history has another one', async () => {
    await database.query("DELETE FROM resource_labels WHERE name = 'vdc-manage.md5'")
    expect(await object()).toMatchObject({ sha256: old.sha256 })
    expect(await listed('--checksum', old.sha256)).toMatchObject([
      { virtual_size: old.size },
      { virtual_size: old.size },
    ])
    // Corrected by a program that records it in the history, and by one that does not.
    for (const record of [true, false]) {
      const other = (record ? '1' : '2').repeat(32)
      await database.query("UPDATE backup_objects SET checksum = ? WHERE uuid = 'disk'", [other])
      if (record)
        await database.query(
          "INSERT INTO histories (uuid, attr, vchar_value, created_at) VALUES ('bo-disk', 'checksum', ?, '2026-01-01 00:00:00')",
          [other],
        )
      expect(await object()).toMatchObject({ sha256: null, labels: {} })
      expect((await image()).virtual_size).toBe(null)
      expect(await listed('--checksum', other)).toMatchObject([{ virtual_size: null }, { virtual_size: null }])
      expect(await listed('--checksum', old.sha256)).toEqual([])
      expect(await listed('--sort', 'size')).toMatchObject([{ virtual_size: null }, { virtual_size: null }])
    }
    // An import starts a new history, which could not tell.
    const run = await vdcManage(['registry', 'export'], { database, reject: true })
    expect(run.stdout).toContain('"uuid":"bo-disk"')
    expect(run.stdout).not.toContain('"resource_uuid":"bo-disk"')
  })

  test('backupobject modify removes computed values for another checksum, not for the same one or a size', async () => {
    await database.query("UPDATE backup_objects SET checksum = ? WHERE uuid = 'disk'", ['0'.repeat(32)])
    const modify = (...args: string[]) => vdcManage(['backupobject', 'modify', 'bo-disk', ...args], { database })
    expect(await modify('--checksum', '0'.repeat(32), '--allocation-size', '7')).toMatchObject({ code: 0, stderr: '' })
    expect(await labels()).toEqual(['vdc-manage.file-format', ...DERIVED.slice(1)])
    expect(await modify('--checksum', '1'.repeat(32), '--dry-run')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/delete +resource_labels/),
    })
    expect(await labels()).toEqual(['vdc-manage.file-format', ...DERIVED.slice(1)])
    expect(await modify('--checksum', '1'.repeat(32))).toMatchObject({ code: 0, stderr: '' })
    expect(await labels()).toEqual(['vdc-manage.file-format'])
    expect(await object()).toMatchObject({ sha256: null, checksum: '1'.repeat(32) })
  })
})
