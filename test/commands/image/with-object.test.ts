import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { allRows, ENGINES, newDatabase, type TestDatabase } from '../../support/databases/databases.ts'
import { newFolder, rawDisk } from '../../support/files/images.ts'
import { runLines, vdcManage, vdcManageJson } from '../../support/process/cli.ts'
import { expectRefused } from '../../support/refusals.ts'

/** Races of a deletion with a registration, each with another delay between the two. */
const RACES = 8

describe.each(ENGINES)('image del --with-object on %s', (engine) => {
  const folder = newFolder()
  let database: TestDatabase
  const run = (line: string) => vdcManage(line.split(' '), { database })
  const states = async () =>
    Object.fromEntries(
      (await vdcManageJson(['backupobject', 'list', '--all', '-c', 'id,state'], { database })).map(
        ({ id, state }: { id: string; state: string }) => [id, state],
      ),
    )
  beforeAll(async () => {
    database = await newDatabase(engine)
    mkdirSync(join(folder.path, 'srv'))
    const ids = ['own', 'both', 'data', 'twice', 'safe', 'tags', 'left']
    for (const [n, id] of ids.entries())
      writeFileSync(join(folder.path, 'srv', `${id}.raw`), Buffer.concat([rawDisk(65_536), Buffer.alloc(512, n)]))
    await runLines(
      [
        `backupstorage add --uuid bkst-s --display-name s --base-uri file://${folder.path}/srv/ --storage-type local`,
        'account add --uuid a-one',
        ...ids.map((id) => `backupobject add --from-file ${join(folder.path, 'srv', `${id}.raw`)} --uuid bo-${id}`),
        ...['own', 'both', 'data', 'safe', 'tags', 'left'].map(
          (id) => `image add local bo-${id} --uuid wmi-${id} --account-id a-one`,
        ),
        ...['both2', 'twice', 'twice2', 'left2'].map(
          (id) => `image add local bo-${id.replace('2', '')} --uuid wmi-${id} --account-id a-one`,
        ),
        'image protect wmi-safe',
        'image del wmi-left2',
      ],
      { database },
    )
    await database.query("UPDATE images SET volumes = ? WHERE uuid = 'own'", ['---\n- :backup_object_id: bo-data\n'])
    await database.query("INSERT INTO tag_mappings (tag_id, uuid) VALUES (1, 'bo-tags')")
  })
  afterAll(async () => {
    await database.remove()
    folder.remove()
  })

  test('a dry run says what would happen, also for images that share an object', async () => {
    const before = await allRows(database)
    const changed = async (line: string) => {
      const { stdout, ...rest } = await run(`${line} -n --json -c action,table,id`)
      const rows = JSON.parse(stdout) as { action: string; table: string; id: string }[]
      return { ...rest, ids: rows.filter(({ table }) => table !== 'histories').map(({ id }) => id) }
    }
    expect(await changed('image del wmi-both wmi-both2 --with-object')).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/^Warning: Backup object bo-both is kept, because images use it: wmi-both2\n/),
      ids: ['wmi-both', 'wmi-both2', 'bo-both'],
    })
    expect(await allRows(database)).toEqual(before)
  })

  test('keeps an object that another image uses, also in its volumes, and says so', async () => {
    expect(await run('image del wmi-both --with-object')).toMatchObject({
      code: 0,
      stdout: '',
      stderr: 'Warning: Backup object bo-both is kept, because images use it: wmi-both2\n',
    })
    expect(await run('image del wmi-data --with-object')).toMatchObject({
      stderr: 'Warning: Backup object bo-data is kept, because images use it: wmi-own\n',
    })
    expect(await states()).toMatchObject({ 'bo-both': 'available', 'bo-data': 'available' })
  })

  test('a protected image keeps its object, and nothing is written', async () => {
    await expectRefused(database, ['image', 'del', 'wmi-safe', '--with-object'], {
      exit: 5,
      message: 'Image wmi-safe is protected',
      hint: 'unprotect',
    })
  })

  test('deletes the object with the last image, its tags too, and records it', async () => {
    const before = await allRows(database)
    const run = await vdcManage(['image', 'del', 'wmi-tags', '--with-object', '--json'], { database })
    expect(JSON.parse(run.stdout)).toMatchObject({ state: 'deleted', backup_object: { state: 'deleted' } })
    expect(run.stderr).toBe('')
    const after = await allRows(database)
    expect(
      after.histories.slice(before.histories.length).map(({ uuid, attr, vchar_value }) => [uuid, attr, vchar_value]),
    ).toEqual(
      ['wmi-tags', 'bo-tags'].flatMap((id) => [
        [id, 'deleted_at', expect.any(String)],
        [id, 'state', 'deleted'],
        [id, 'updated_at', expect.any(String)],
      ]),
    )
    expect(await database.query("SELECT uuid FROM tag_mappings WHERE uuid = 'bo-tags'")).toEqual([])
  })

  test('images that are deleted together do not keep their object', async () => {
    expect(await run('image del wmi-twice wmi-twice2 --with-object')).toMatchObject({ code: 0, stderr: '' })
    expect(await states()).toMatchObject({ 'bo-twice': 'deleted' })
    // A deleted image does not keep it, either.
    expect(await run('image del wmi-left --with-object')).toMatchObject({ code: 0, stderr: '' })
    expect(await states()).toMatchObject({ 'bo-left': 'deleted' })
  })

  test('undelete names the way back, and takes it', async () => {
    await expectRefused(database, ['image', 'undelete', 'wmi-twice'], {
      exit: 5,
      message: /^Error: Backup object bo-twice was deleted at \S+, so image wmi-twice could not boot$/,
      hint: 'Restore both with: vdc-manage image undelete wmi-twice --with-object',
    })
    const before = await allRows(database)
    expect(await run('image undelete wmi-twice wmi-twice2 --with-object')).toMatchObject({
      code: 0,
      stdout: '',
      stderr: '',
    })
    expect(await vdcManageJson(['image', 'show', 'wmi-twice', 'wmi-twice2'], { database })).toMatchObject(
      Array(2).fill({ state: 'available', deleted_at: null, backup_object: { state: 'available', deleted_at: null } }),
    )
    const after = await allRows(database)
    expect(after.histories.slice(before.histories.length).filter(({ uuid }) => uuid === 'bo-twice')).toMatchObject([
      { attr: 'deleted_at', vchar_value: null },
      { attr: 'state', vchar_value: 'available' },
      { attr: 'updated_at' },
    ])
  })

  test('undelete refuses an object whose file is registered again, was purged, or whose storage is deleted', async () => {
    const path = join(folder.path, 'srv/left.raw')
    const again = (await run(`image add local ${path} --account-id a-one`)).stdout.trim()
    const { backup_object_id: other } = await vdcManageJson(['image', 'show', again], { database })
    await expectRefused(database, ['image', 'undelete', 'wmi-left', '--with-object'], {
      exit: 5,
      message: `Backup object bo-left cannot be restored: ${other} is registered for its file`,
      hint: `vdc-manage image add local ${other}`,
    })
    await run(`image del ${again} --with-object`)
    await database.query("UPDATE backup_objects SET state = 'purged', purged_at = deleted_at WHERE uuid = 'left'")
    for (const more of [[], ['--with-object']])
      await expectRefused(database, ['image', 'undelete', 'wmi-left', ...more], {
        exit: 5,
        message: /^Error: Backup object bo-left was deleted at \S+, so image wmi-left could not boot$/,
        hint: 'Its file was removed',
      })
    await database.query("UPDATE backup_storages SET deleted_at = created_at WHERE uuid = 's'")
    await expectRefused(database, ['image', 'undelete', 'wmi-tags', '--with-object'], {
      exit: 5,
      message: 'Backup object bo-tags cannot be restored: its backup storage is deleted',
    })
    await database.query("UPDATE backup_storages SET deleted_at = NULL WHERE uuid = 's'")
    rmSync(path)
  })

  test('undelete restores only one of two objects of the same file', async () => {
    const path = join(folder.path, 'srv/again.raw')
    for (const id of ['first', 'second']) {
      writeFileSync(path, Buffer.concat([rawDisk(65_536), Buffer.alloc(512, id)]))
      await runLines([`image add local ${path} --uuid wmi-${id} --account-id a-one`], { database })
      expect(await run(`image del wmi-${id} --with-object`)).toMatchObject({ code: 0, stderr: '' })
    }
    const { code, stderr } = await run('image undelete wmi-second wmi-first --with-object')
    expect(code).toBe(9)
    expect(stderr).toMatch(/^Error: Backup object \S+ cannot be restored: \S+ is registered for its file\n/)
    const there = await database.query(
      "SELECT COUNT(*) AS n FROM backup_objects WHERE object_key = 'again.raw' AND deleted_at IS NULL",
    )
    expect(there).toEqual([{ n: 1 }])
    expect(await vdcManageJson(['image', 'show', 'wmi-second'], { database })).toMatchObject({ state: 'available' })
  })

  test('a registration in a race gets a living object or is refused', async () => {
    for (let race = 0; race < RACES; race++) {
      await runLines(
        [
          `backupobject add --uuid bo-r${race} --display-name r --storage-id bkst-s --object-key r${race}.raw --size 512 --checksum ${'0'.repeat(32)}`,
          `image add local bo-r${race} --uuid wmi-r${race} --account-id a-one`,
        ],
        { database },
      )
      const delay = race * 12
      const [deleted, added] = await Promise.all([
        vdcManage(['image', 'del', `wmi-r${race}`, '--with-object'], { database, process: true }),
        sleep(delay).then(() =>
          vdcManage(['image', 'add', 'local', `bo-r${race}`, '--uuid', `wmi-n${race}`, '--account-id', 'a-one'], {
            database,
            process: true,
          }),
        ),
      ])
      expect(deleted.code).toBe(0)
      const isKept = deleted.stderr.includes(`bo-r${race} is kept`)
      expect((await states())[`bo-r${race}`]).toBe(isKept ? 'available' : 'deleted')
      expect([added.code, isKept]).toEqual(added.code === 0 ? [0, true] : [5, false])
    }
  })
})
