import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { allRows, ENGINES, newDatabase, type TestDatabase } from '../../support/databases/databases.ts'
import { LONG_AGO } from '../../support/databases/wakame.ts'
import { newFolder, rawDisk } from '../../support/files/images.ts'
import { runLines, vdcManage, vdcManageJson } from '../../support/process/cli.ts'
import { startTerminal } from '../../support/process/tmux.ts'
import { expectRefused } from '../../support/refusals.ts'

const BYTES = 'x'.repeat(2048)
const MD5 = createHash('md5').update(BYTES).digest('hex')
/** Races of a purge with a registration, each with another delay between the two. */
const RACES = 8

const objectLine = (id: string, key = `${id}.raw`, storage = 's') =>
  `backupobject add --uuid bo-${id} --display-name ${id} --storage-id bkst-${storage} --object-key ${key} --size 2048 --checksum ${MD5}`

describe.each(ENGINES)('image purge --unused on %s', (engine) => {
  const folder = newFolder()
  const home = newFolder()
  const at = (name: string) => join(folder.path, 'srv', name)
  let database: TestDatabase
  const purge = async (...more: string[]) => {
    const run = await vdcManage(['image', 'purge', '--unused', '--yes', '--json', ...more], { database })
    return { run, ids: (JSON.parse(run.stdout) as { id: string }[]).map(({ id }) => id) }
  }
  /** Makes objects look as if they had not been changed for long. */
  const age = (...uuids: string[]) =>
    Promise.all(
      uuids.map((uuid) =>
        database.query('UPDATE backup_objects SET created_at = ?, updated_at = ? WHERE uuid = ?', [
          LONG_AGO,
          LONG_AGO,
          uuid,
        ]),
      ),
    )
  beforeAll(async () => {
    database = await newDatabase(engine)
    mkdirSync(join(folder.path, 'srv'))
    const ids = ['free', 'used', 'data', 'undel', 'twin', 'young', 'moved']
    for (const id of ids) writeFileSync(at(`${id}.raw`), BYTES)
    await vdcManage(['backupstorage', 'trust', join(folder.path, 'srv')], { database })
    await runLines(
      [
        `backupstorage add --uuid bkst-s --display-name s --base-uri file://${folder.path}/srv/ --storage-type local`,
        'backupstorage add --uuid bkst-far --display-name far --base-uri http://far.example/ --storage-type webdav',
        'account add --uuid a-one',
        ...ids.map((id) => objectLine(id)),
        objectLine('twin2', 'twin.raw'),
        objectLine('far', 'far.raw', 'far'),
        ...['used', 'undel'].map((id) => `image add local bo-${id} --uuid wmi-${id} --account-id a-one`),
        'image del wmi-undel',
      ],
      { database },
    )
    await database.query("UPDATE images SET volumes = ? WHERE uuid = 'used'", ['---\n- :backup_object_id: bo-data\n'])
    await database.query("INSERT INTO tag_mappings (tag_id, uuid) VALUES (1, 'bo-free')")
    await age(...ids.filter((id) => id !== 'young'), 'twin2', 'far')
    writeFileSync(at('moved.raw'), 'other bytes')
  })
  afterAll(async () => {
    await database.remove()
    folder.remove()
    home.remove()
  })

  test('a dry run and the question tell the bytes, and what stays and why', async () => {
    const before = await allRows(database)
    const terminal = await startTerminal('vdc-manage image purge --unused -n; vdc-manage image purge --unused', {
      database,
      home: home.path,
      width: 80,
    })
    const screen = await terminal.until(/for good\? \[y\/N\]/)
    const kept = [
      'Kept: 1 file (2 KiB), used by images that stay',
      'Kept: 2 files (2 KiB), shared with other backup objects',
    ].join('\n')
    expect(screen).toContain(kept)
    expect(screen.replaceAll('\n  ', ' ')).toContain(
      `Would remove the file ${at('free.raw')} (2 KiB)\nWould free 2 KiB\n`,
    )
    expect(screen).toMatch(/Warning: The file \S+moved.raw\s+of\s+bo-moved\s+was\s+not\s+removed: /)
    expect(screen).toMatch(/Remove 2 files \(4 KiB\) for good\? \[y\/N\]$/)
    await terminal.type('n')
    await terminal.press('Enter')
    await terminal.until(/Not confirmed/)
    await terminal.close()
    expect(await allRows(database)).toEqual(before)
    expect(existsSync(at('free.raw'))).toBe(true)
    // In a pipe, only the question is told, because it is refused.
    await expectRefused(database, ['image', 'purge', '--unused'], {
      exit: 2,
      message: 'Cannot ask for confirmation without a terminal: Remove 2 files (4 KiB) for good?',
      hint: '--yes',
    })
    const dry = await vdcManage(['image', 'purge', '--unused', '-n', '--json', '-c', 'action,path'], { database })
    expect(dry.stderr).not.toContain('Kept')
    expect(JSON.parse(dry.stdout).filter(({ action }: { action: string }) => action === 'remove')).toEqual([
      { action: 'remove', path: at('free.raw') },
    ])
  })

  test('deletes and purges an object that no image uses, and keeps all others', async () => {
    const before = await allRows(database)
    const { run, ids } = await purge()
    expect(ids).toEqual(['bo-free'])
    expect(run.code).toBe(9)
    expect(readdirSync(join(folder.path, 'srv')).sort()).toEqual(
      ['used', 'data', 'undel', 'twin', 'young', 'moved'].map((id) => `${id}.raw`).sort(),
    )
    const after = await allRows(database)
    const [row] = after.backup_objects.filter(({ uuid }) => uuid === 'free')
    const now = row?.purged_at
    expect(row).toMatchObject({ state: 'purged', deleted_at: now, updated_at: now })
    expect(
      after.histories.slice(before.histories.length).map(({ uuid, attr, vchar_value }) => [uuid, attr, vchar_value]),
    ).toEqual([
      ['bo-free', 'deleted_at', now],
      ['bo-free', 'state', 'purged'],
      ['bo-free', 'purged_at', now],
      ['bo-free', 'updated_at', now],
    ])
    expect(await database.query("SELECT uuid FROM tag_mappings WHERE uuid = 'bo-free'")).toEqual([])
    const others = (rows: typeof before) => rows.backup_objects.filter(({ uuid }) => uuid !== 'free')
    expect(others(after)).toEqual(others(before))
    expect((await purge()).ids).toEqual([])
  })

  test('a deleted image keeps its object until it is purged itself', async () => {
    await database.query("UPDATE images SET deleted_at = ? WHERE uuid = 'undel'", [LONG_AGO])
    expect((await purge('--dry-run', '-c', 'id,action,path')).run.stdout).toContain(at('undel.raw'))
    expect((await purge()).ids).toEqual(['wmi-undel', 'bo-undel'])
    expect(existsSync(at('undel.raw'))).toBe(false)
    // A recently changed object stays, and is removed with a lower age.
    expect((await purge('--older-than', '0d')).ids).toEqual(['bo-young'])
    // One of two objects of a file can go once the other one is deleted.
    await runLines(['backupobject del bo-twin2'], { database })
    await database.query("UPDATE backup_objects SET deleted_at = ? WHERE uuid = 'twin2'", [LONG_AGO])
    expect((await purge()).ids).toEqual(['bo-twin'])
    expect(existsSync(at('twin.raw'))).toBe(false)
  })

  test('an object that an image used until recently stays', async () => {
    const change = (id: string) => runLines([`image modify wmi-used --backup-object-id ${id}`], { database })
    writeFileSync(at('next.raw'), BYTES)
    await runLines([objectLine('next')], { database })
    await age('next', 'used')
    await change('bo-next')
    expect((await purge()).ids).toEqual([])
    const entries = "UPDATE histories SET created_at = ? WHERE uuid = 'wmi-used' AND attr = 'backup_object_id'"
    await database.query(entries, [LONG_AGO])
    expect((await purge('--dry-run', '-c', 'path')).run.stdout).toContain(at('used.raw'))
    await change('bo-used')
    await age('next')
    expect((await purge()).ids).toEqual([])
    expect(existsSync(at('next.raw'))).toBe(true)
    await database.query(entries, [LONG_AGO])
    expect((await purge()).ids).toEqual(['bo-next'])
  })

  test('a registration of the object or the file in a race is refused, or keeps the file', async () => {
    const operand = (n: number) => (n % 4 < 2 ? `bo-r${n}` : at(`r${n}.raw`))
    for (let race = 0; race < RACES; race++) {
      writeFileSync(at(`r${race}.raw`), Buffer.concat([rawDisk(65_536), Buffer.alloc(512, race)]))
      await vdcManage(['backupobject', 'add', '--from-file', at(`r${race}.raw`), '--uuid', `bo-r${race}`], {
        database,
        reject: true,
      })
      await age(`r${race}`)
      const delay = race * 15
      const later = (first: boolean) => sleep(first ? 0 : delay)
      const [purged, added] = await Promise.all([
        later(race % 2 === 0).then(() =>
          vdcManage(['image', 'purge', '--unused', '--yes', '--json'], { database, process: true }),
        ),
        later(race % 2 !== 0).then(() =>
          vdcManage(['image', 'add', 'local', operand(race), '--uuid', `wmi-r${race}`, '--account-id', 'a-one'], {
            database,
            process: true,
          }),
        ),
      ])
      expect([0, 9]).toContain(purged.code)
      const isThere = existsSync(at(`r${race}.raw`))
      expect(added.code === 0).toBe(isThere)
      if (added.code === 0) {
        const { backup_object: object } = await vdcManageJson(['image', 'show', `wmi-r${race}`], { database })
        expect(object.state).toBe('available')
      }
      await database.query('DELETE FROM images WHERE uuid = ?', [`r${race}`])
      await database.query('DELETE FROM histories WHERE uuid = ?', [`wmi-r${race}`])
      await database.query('DELETE FROM resource_labels WHERE resource_uuid LIKE ?', [`bo-%`])
      await database.query('DELETE FROM backup_objects WHERE object_key = ?', [`r${race}.raw`])
    }
  })
})
