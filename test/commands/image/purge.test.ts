import { createHash } from 'node:crypto'
import { existsSync, linkSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { execa } from 'execa'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import { parseDatabaseUri } from '../../../src/config/config.ts'
import { openRegistry } from '../../../src/registry/open.ts'
import { findGoingImages } from '../../../src/registry/purge/images.ts'
import { planPurge, purge as purgeAll } from '../../../src/registry/purge/purge.ts'
import {
  allRows,
  ENGINES,
  newDatabase,
  type TestDatabase,
  untilNobodyIsConnected,
  untilWaiting,
} from '../../support/databases/databases.ts'
import { startProxy, type Verdict } from '../../support/databases/mysql-proxy.ts'
import { changesBetween } from '../../support/databases/row-changes.ts'
import { contentsOf, insert, LONG_AGO, newWakame } from '../../support/databases/wakame.ts'
import { makeImage, newFolder } from '../../support/files/images.ts'
import { environment, PROGRAM, type Run, runLines, vdcManage, vdcManageJson } from '../../support/process/cli.ts'
import { startTerminal } from '../../support/process/tmux.ts'
import { newWatcher } from '../../support/process/watcher.ts'
import { expectRefused, type Refusal } from '../../support/refusals.ts'

/** Contents of every test file, and their MD5. */
const BYTES = 'x'.repeat(100)
const MD5 = createHash('md5').update(BYTES).digest('hex')
const ALL = ['image', 'purge', '--yes']
const DRY = 'Dry run: nothing was written\n'

const storageLine = (id: string, folder: string) =>
  `backupstorage add --uuid bkst-${id} --display-name ${id} --base-uri file://${folder} --storage-type local`
const objectLine = (id: string, storage = 's', key = `${id}.raw`) =>
  `backupobject add --uuid bo-${id} --display-name ${id} --storage-id bkst-${storage} --object-key ${key} --size 100 --checksum ${MD5}`
const imageLine = (id: string, object = 'o', more = '') =>
  `image add local bo-${object} --uuid wmi-${id} --account-id a-shpoolxx ${more}`

/** Moves all deletions to a time long ago. */
async function longAgo(database: TestDatabase): Promise<void> {
  for (const table of ['images', 'backup_objects']) {
    await database.query(`UPDATE ${table} SET deleted_at = '${LONG_AGO}' WHERE deleted_at IS NOT NULL`)
  }
}

async function uuidsOf(database: TestDatabase): Promise<string[]> {
  return (await database.query('SELECT uuid FROM images ORDER BY uuid')).map((row) => String(row.uuid))
}

describe.each(ENGINES)('image purge on %s', (engine) => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await newDatabase(engine)
    await runLines(
      [
        storageLine('s', '/srv/s/'),
        objectLine('o'),
        ...['alive', 'old', 'older', 'guarded', 'parent', 'bare', 'recent'].map((id) => imageLine(id)),
        imageLine('child', 'o', '--parent-image-id wmi-parent'),
        'image label wmi-old os=lucid',
        'image protect wmi-guarded',
        'image del wmi-old wmi-older wmi-parent wmi-bare',
        'image del wmi-guarded --force',
      ],
      { database },
    )
    await longAgo(database)
    await runLines(['image del wmi-recent'], { database })
    for (const uuid of ['wmi-old', 'wmi-alive', 'wmi-OLD']) {
      await database.query('INSERT INTO tag_mappings (tag_id, uuid) VALUES (1, ?)', [uuid])
    }
    await database.query(
      "INSERT INTO resource_labels (resource_uuid, name, value_type, string_value, created_at, updated_at) VALUES ('wmi-OLD', 'mine', 1, 'x', '2020-01-01 00:00:00', '2020-01-01 00:00:00')",
    )
    await database.query("DELETE FROM histories WHERE uuid = 'wmi-bare'")
  })
  afterAll(() => database.remove())

  test.each([
    [
      'an image that is not deleted',
      ['wmi-alive'],
      { exit: 5, message: 'Image wmi-alive is not deleted', hint: 'image del wmi-alive' },
    ],
    [
      'a recently deleted image',
      ['wmi-recent'],
      { exit: 5, message: /^Error: Image wmi-recent was deleted at \S+, which is not before \S+$/ },
    ],
    [
      'a protected image',
      ['wmi-guarded'],
      { exit: 5, message: 'wmi-guarded cannot be purged: it is protected', hint: 'unprotect wmi-guarded' },
    ],
    [
      'the parent of an image',
      ['wmi-parent'],
      { exit: 5, message: 'it is the parent of an image that is not deleted' },
    ],
    ['an unknown image', ['wmi-nope'], { exit: 4, message: 'Image wmi-nope does not exist' }],
    ['several IDs if one cannot be purged', ['wmi-old', 'wmi-alive'], { exit: 5, message: 'wmi-alive is not deleted' }],
    [
      'an invalid age',
      ['--older-than', 'yesterday'],
      { exit: 3, message: "--older-than 'yesterday' is not a valid time", hint: /^Use a time such as .* 7d or 2w$/ },
    ],
    ['an age before all time', ['--older-than', '999999w'], { exit: 3, message: "'999999w' is not a valid time" }],
    [
      'a time in the future',
      ['--older-than', '2199-01-01'],
      { exit: 3, message: '--older-than 2199-01-01 is in the future', hint: '0d' },
    ],
    ['30 February', ['--older-than', '2026-02-30'], { exit: 3, message: 'is not a valid time' }],
  ] as [string, string[], Refusal][])('refuses %s', async (_, words, refusal) => {
    await expectRefused(database, [...ALL, ...words], refusal)
  })

  test('takes more IDs than a statement can have values', async () => {
    const registry = await openRegistry(parseDatabaseUri(database.uri, 'the test'))
    const uuids = [...Array.from({ length: 70_000 }, (_, n) => `none${n}`), 'old', 'alive']
    expect(await findGoingImages(registry, { before: '2026-01-01 00:00:00', uuids })).toMatchObject({
      count: 1,
      first: [{ id: 'wmi-old', name: 'o' }],
    })
    await registry.close()
  })

  test('requires --yes without a terminal', async () => {
    const before = await allRows(database)
    const run = await vdcManage(['image', 'purge'], { database })
    expect(run).toMatchObject({ code: 2, stdout: '' })
    expect(run.stderr).toMatch(
      /^(?:Warning: .*\n)*Error: Cannot ask for confirmation without a terminal: Remove 3 images for good\?\nHint: To confirm, add --yes\n$/,
    )
    const script = await vdcManage(['-e'], { database, input: 'image purge\n' })
    expect(script).toMatchObject({ code: 2, stdout: '' })
    expect(script.stderr).toContain(
      'Cannot ask for confirmation in the shell: Remove 3 images for good?\nHint: To confirm, add --yes\n',
    )
    expect(await allRows(database)).toEqual(before)
  })

  test('lists what it would remove at a terminal and asks; any answer but yes is no', async () => {
    const deleted = { state: 'deleted', deleted_at: LONG_AGO }
    for (let n = 1; n <= 21; n++) {
      const name = n === 1 ? '日本\u001b[2J' : 'many'
      await insert(database, 'images', { uuid: `many${n}`, display_name: name, ...deleted })
    }
    await insert(database, 'backup_objects', { uuid: 'file', object_key: 'file.raw', ...deleted })
    const before = await allRows(database)
    const home = newFolder()
    const terminal = await startTerminal('vdc-manage image purge --files; echo "exit $?"; vdc-manage image purge old', {
      database,
      home: home.path,
    })
    const shown = await terminal.until(/for good\? \[y\/N\]/)
    expect(shown.slice(shown.indexOf('  wmi-')).split('\n')).toEqual([
      ...['old', 'older', 'bare'].map((id) => `  ${`wmi-${id}`.padEnd(10)}  o`),
      '  wmi-many1   日本\\u001b[2J',
      ...Array.from({ length: 16 }, (_, n) => `  ${`wmi-many${n + 2}`.padEnd(10)}  many`),
      '  … and 4 more images',
      '  bo-file  /srv/s/file.raw',
      'Remove 24 images and 1 file for good? [y/N]',
    ])
    await terminal.type('n')
    await terminal.press('Enter')
    const again = await terminal.until(/Error: Not confirmed: nothing was removed\nexit 130\n[\s\S]*\[y\/N\]/)
    expect(again).toMatch(/exit 130\n(?:Warning: .*\n)* {2}wmi-old {2}o\nRemove 1 image for good\? \[y\/N\]$/)
    await terminal.press('C-c')
    expect(await terminal.exitCode()).toBe(130)
    await terminal.close()
    home.remove()
    expect(await allRows(database)).toEqual(before)
    await database.query("DELETE FROM images WHERE uuid LIKE 'many%'")
    await database.query("DELETE FROM backup_objects WHERE uuid = 'file'")
  })

  test('removes images with their labels and tags, and keeps history and IDs', async () => {
    const before = await allRows(database)
    const run = await vdcManage(ALL, { database })
    expect(run.code).toBe(0)
    expect(run.stdout).toMatch(/^ID +KIND +SIZE +PATH\n/)
    expect(run.stdout.match(/^wmi-\S+ +image +- +-$/gm)).toHaveLength(3)
    expect(run.stderr.split('\n').sort()).toEqual([
      '',
      'Warning: 1 deleted image is kept: it is protected',
      'Warning: 1 deleted image is kept: it is the parent of an image that is not deleted',
    ])
    const after = await allRows(database)
    expect(await uuidsOf(database)).toEqual(['alive', 'child', 'guarded', 'parent', 'recent'])
    expect(after.tag_mappings.map((row) => row.uuid).sort()).toEqual(['wmi-OLD', 'wmi-alive'])
    const gone = before.resource_labels.filter(({ id }) => !after.resource_labels.some((row) => row.id === id))
    expect(gone).toMatchObject([{ resource_uuid: 'wmi-old', name: 'os' }])
    expect(after.histories.slice(0, before.histories.length)).toEqual(before.histories)
    expect(after.histories.slice(before.histories.length)).toMatchObject(
      ['wmi-old', 'wmi-older', 'wmi-bare'].map((uuid) => ({
        uuid,
        attr: 'purged_at',
        vchar_value: expect.any(String),
      })),
    )
    for (const table of ['accounts', 'backup_objects', 'backup_storages'] as const)
      expect(after[table]).toEqual(before[table])

    const history = await vdcManageJson(['image', 'history', 'wmi-old'], { database })
    expect(history).toHaveLength(23 + 3 + 1)
    expect(history.at(-1)).toMatchObject({ attr: 'purged_at' })
    for (const words of [
      ['show', 'old'],
      ['undelete', 'wmi-old'],
      ['del', 'wmi-old'],
      ['history', 'wmi-old', '--at', '2100-01-01'],
    ]) {
      await expectRefused(database, ['image', ...words], {
        exit: 4,
        message: 'Image wmi-old does not exist',
        hint: 'It was purged. Show its history with: vdc-manage image history wmi-old',
      })
    }
    for (const uuid of ['old', 'bare']) {
      await expectRefused(database, imageLine(uuid).split(' ').filter(Boolean), {
        exit: 5,
        message: `The image ID wmi-${uuid} is already taken`,
      })
    }
    const { stdout } = await vdcManage(['registry', 'export'], { database })
    const image = stdout.split('\n').find((line) => line.includes('"wmi-alive"')) as string
    const lines = [stdout.split('\n')[0], image.replace('wmi-alive', 'wmi-old')]
    const counts = { account: 0, backup_storage: 0, backup_object: 0, image: 1, label: 0 }
    const input = [...lines, JSON.stringify({ type: 'end', counts })].join('\n')
    expect(await vdcManage(['registry', 'import'], { database, input })).toMatchObject({
      code: 5,
      stderr: expect.stringContaining('Conflict: wmi-old: was purged here; its ID is never reused'),
    })
  })

  test('finds nothing when run again, and warns about a given ID that is purged', async () => {
    const before = await allRows(database)
    const again = await vdcManage(ALL, { database })
    expect(again).toMatchObject({
      code: 0,
      stdout: '',
      stderr: expect.stringContaining('Nothing to purge with --older-than '),
    })
    expect(await vdcManage([...ALL, 'wmi-older', '--json'], { database })).toMatchObject({
      code: 0,
      stdout: '[]\n',
      stderr: 'Warning: wmi-older is already purged\nNothing to purge\n',
    })
    expect(await allRows(database)).toEqual(before)
  })

  test('removes only the given IDs of the given age, also after unprotecting them', async () => {
    await runLines([imageLine('x'), imageLine('y'), 'image del wmi-x wmi-y', 'image unprotect wmi-guarded'], {
      database,
    })
    // Noon is not before 2026-01-01, but before 2026-01-02.
    await database.query("UPDATE images SET deleted_at = '2026-01-01 12:00:00' WHERE uuid IN ('x', 'y')")
    const purged = await vdcManageJson([...ALL, 'wmi-x', 'guarded', '--older-than', '1h'], { database })
    expect(purged).toEqual(['wmi-guarded', 'wmi-x'].map((id) => ({ id, kind: 'image', path: null, bytes: null })))
    expect((await vdcManage([...ALL, '--older-than', '2026-01-01'], { database })).stderr).toContain('Nothing to purge')
    expect((await vdcManage([...ALL, '--older-than', '2026-01-02'], { database })).stdout).toContain('wmi-y')
  })

  test('--older-than 0d includes images deleted in the same second', async () => {
    const lines = [imageLine('z'), 'image del wmi-z', 'image purge wmi-z --older-than 0d --yes']
    expect((await runLines(lines, { database })).join('\n')).toMatch(/^wmi-z +image/m)
  })

  test('removes images completely or not at all if killed', async () => {
    const target = await newDatabase(engine)
    const ids = Array.from({ length: 1500 }, (_, n) => `k${n}`)
    const at = `'${LONG_AGO}', '${LONG_AGO}', '${LONG_AGO}'`
    await target.query(
      `INSERT INTO images (account_id, uuid, created_at, updated_at, deleted_at, arch, file_format, instance_model_name, service_type, display_name, state, volumes, vifs) VALUES ${ids.map((id) => `('a-many', '${id}', ${at}, 'x86', 'raw', '', 'std', 'x', 'deleted', '', '')`).join()}`,
    )
    await target.query(
      `INSERT INTO resource_labels (resource_uuid, name, value_type, string_value, created_at, updated_at) VALUES ${ids.map((id) => `('wmi-${id}', 'os', 1, 'x', '${LONG_AGO}', '${LONG_AGO}')`).join()}`,
    )
    const expectWhole = async () => {
      const rows = await allRows(target)
      const there = rows.images.map((row) => `wmi-${row.uuid}`)
      expect(rows.resource_labels.map((row) => row.resource_uuid).sort()).toEqual([...there].sort())
      const purged = rows.histories.map((row) => String(row.uuid))
      expect(purged.filter((id) => there.includes(id))).toEqual([])
      expect(purged.length + there.length).toBe(ids.length)
      return there.length
    }
    const countOf = async () => Number((await target.query('SELECT COUNT(*) AS n FROM images'))[0]?.n)
    for (const [signal, most] of [
      ['SIGKILL', 1499],
      ['SIGINT', 1000],
      ['SIGKILL', 600],
    ] as const) {
      // A purge that has removed none may not listen to signals yet.
      const limit = Math.min(most, (await countOf()) - 1)
      const running = execa(PROGRAM, ALL, { env: environment({ database: target }), extendEnv: false, reject: false })
      const ended = running.then(() => true)
      while ((await countOf()) > limit && !(await Promise.race([ended, sleep(2)]))) {}
      running.kill(signal)
      const { exitCode, signal: by } = await running
      // At its very end it does not listen to signals any more.
      if (signal === 'SIGINT') expect([0, 130, 'SIGINT']).toContain(exitCode ?? by)
      if (engine === 'mariadb') await untilNobodyIsConnected(target)
      await expectWhole()
    }
    expect((await vdcManage(ALL, { database: target })).code).toBe(0)
    expect(await expectWhole()).toBe(0)
    await target.remove()
  })
})

describe.each(ENGINES)('image purge --files on %s', (engine) => {
  let database: TestDatabase
  let folder: ReturnType<typeof newFolder>
  const at = (...names: string[]) => join(folder.path, ...names)
  const put = (...names: string[]) => writeFileSync(at(...names), BYTES)
  beforeEach(async () => {
    database = await newDatabase(engine)
    folder = newFolder()
    for (const name of ['srv/in', 'out']) mkdirSync(at(name), { recursive: true })
    await runLines([storageLine('s', `${at('srv')}/`), storageLine('in', `${at('srv/in')}/`)], { database })
  })
  afterEach(async () => {
    await database.remove()
    folder.remove()
  })
  const purge = async (
    ...words: string[]
  ): Promise<{ run: Run; files: { id: string; path: string; bytes: number }[] }> => {
    const run = await vdcManage([...ALL, '--files', '--json', ...words], { database })
    const rows: { kind: string; id: string; path: string; bytes: number }[] = JSON.parse(run.stdout)
    return {
      run,
      files: rows.filter(({ kind }) => kind === 'file').map(({ id, path, bytes }) => ({ id, path, bytes })),
    }
  }

  test('removes unused files, and records it in the history of the object', async () => {
    for (const name of ['gone.raw', 'used.raw', 'alive.raw', 'recent.raw', 'in/only.raw']) put('srv', name)
    const objects = ['gone', 'used', 'alive', 'recent', 'lost']
    await runLines(
      [
        ...objects.map((id) => objectLine(id)),
        objectLine('only', 'in'),
        objectLine('lost2', 'in'),
        imageLine('old', 'gone'),
        imageLine('user', 'used'),
        'image del wmi-old',
        'backupobject del bo-gone bo-used bo-lost bo-only bo-lost2 --force',
      ],
      { database },
    )
    await longAgo(database)
    await runLines(['backupobject del bo-recent'], { database })
    const asked = await vdcManage(['image', 'purge', '--files'], { database })
    expect(asked.stderr).toContain('Remove 1 image and 4 files (200 B) for good?')
    const before = await allRows(database)
    // Missing files only mark their object as purged, so that a killed purge can continue. A folder does not count as
    // unmounted after its last file was removed just now.
    const stderr = [
      `Warning: The file ${at('srv/lost.raw')} of bo-lost is already gone\n`,
      `Warning: The file ${at('srv/in/lost2.raw')} of bo-lost2 is already gone\n`,
    ].join('')
    const dry = await purge('--dry-run', '-c', 'action,path')
    expect(dry.run).toMatchObject({ code: 0, stderr: stderr + DRY })
    expect(JSON.parse(dry.run.stdout).filter(({ action }: { action: string }) => action === 'remove')).toEqual([
      { action: 'remove', path: at('srv/gone.raw') },
      { action: 'remove', path: at('srv/in/only.raw') },
    ])
    const table = await vdcManage([...ALL, '--files'], { database })
    expect(table).toMatchObject({ code: 0, stderr })
    expect(table.stdout.match(/^\S+ +file .*$/gm)).toEqual([
      expect.stringMatching(new RegExp(`^bo-gone +file +100 B +${at('srv/gone.raw')}$`)),
      expect.stringMatching(new RegExp(`^bo-only +file +100 B +${at('srv/in/only.raw')}$`)),
    ])
    expect(readdirSync(at('srv')).sort()).toEqual(['alive.raw', 'in', 'recent.raw', 'used.raw'])
    const after = await allRows(database)
    const purged = after.backup_objects.filter(({ state }) => state === 'purged')
    expect(purged.map(({ uuid }) => uuid)).toEqual(['gone', 'lost', 'only', 'lost2'])
    const [row] = purged
    const now = String(row?.purged_at)
    expect(row).toMatchObject({ state: 'purged', deleted_at: LONG_AGO, updated_at: now })
    expect(after.histories.slice(before.histories.length).filter(({ uuid }) => uuid === 'bo-gone')).toMatchObject([
      { attr: 'state', vchar_value: 'purged', created_at: now },
      { attr: 'purged_at', vchar_value: now },
      { attr: 'updated_at', vchar_value: now },
    ])
    expect((await purge()).files).toEqual([])
    // The last purged image releases its file.
    await runLines(['image del wmi-user'], { database })
    await longAgo(database)
    expect((await purge('wmi-user')).files).toEqual([{ id: 'bo-used', path: at('srv/used.raw'), bytes: 100 }])
  })

  test('keeps a file that another object uses, through any storage or symlink', async () => {
    const deleted = ['same', 'outer', 'inner', 'linked', 'alias']
    for (const name of ['same.raw', 'in/outer.raw', 'in/inner.raw', 'linked.raw', 'in/alias.raw']) put('srv', name)
    symlinkSync(at('srv/linked.raw'), at('srv/link.raw'))
    symlinkSync(at('srv/in'), at('other'))
    await runLines(
      [
        storageLine('other', `${at('other')}/`),
        objectLine('same'),
        objectLine('same2', 's', 'same.raw'),
        objectLine('outer', 's', 'in/outer.raw'),
        objectLine('outer2', 'in', 'outer.raw'),
        objectLine('inner', 'in'),
        objectLine('inner2', 's', 'in/inner.raw'),
        objectLine('linked'),
        objectLine('linked2', 's', 'link.raw'),
        objectLine('alias', 'in'),
        objectLine('alias2', 'other', 'alias.raw'),
        `backupobject del ${deleted.map((id) => `bo-${id}`).join(' ')}`,
      ],
      { database },
    )
    await longAgo(database)
    const { run, files } = await purge()
    expect(run).toMatchObject({ code: 0 })
    expect(files).toEqual([])
    expect(readdirSync(at('srv'))).toHaveLength(4)
    expect(readdirSync(at('srv/in')).sort()).toEqual(['alias.raw', 'inner.raw', 'outer.raw'])
    // Without the objects that use them, they are removed, once each.
    await runLines([`backupobject del ${deleted.map((id) => `bo-${id}2`).join(' ')}`], { database })
    await longAgo(database)
    const second = await purge()
    expect(second.files.map(({ bytes }) => bytes)).toEqual([100, 100, 100, 100, 100])
    expect(readdirSync(at('srv/in'))).toEqual([])
  })

  test('keeps a file that another object reaches directly, and this one through a symlinked folder', async () => {
    put('srv/in/file.raw')
    symlinkSync(at('srv/in'), at('srv/by-link'))
    await runLines(
      [objectLine('link', 's', 'by-link/file.raw'), objectLine('file', 's', 'in/file.raw'), 'backupobject del bo-link'],
      { database },
    )
    await longAgo(database)
    expect(await purge('--dry-run')).toMatchObject({ files: [] })
    expect(await purge()).toMatchObject({ run: { code: 0 }, files: [] })
    expect(existsSync(at('srv/in/file.raw'))).toBe(true)
  })

  test('keeps a file of another object that was deleted recently, is in use, or is in a storage of another type', async () => {
    const ids = ['late', 'forced', 'ifs']
    for (const id of ids) put('srv', `${id}.raw`)
    await runLines(
      [
        `backupstorage add --uuid bkst-ifs --display-name ifs --base-uri file://${at('srv')}/ --storage-type ifs`,
        ...ids.map((id) => objectLine(id)),
        objectLine('late2', 's', 'late.raw'),
        objectLine('forced2', 's', 'forced.raw'),
        objectLine('ifs2', 'ifs', 'ifs.raw'),
        imageLine('user', 'forced2'),
        'backupobject del bo-late bo-forced bo-ifs',
        'backupobject del bo-forced2 --force',
      ],
      { database },
    )
    await longAgo(database)
    await runLines(['backupobject del bo-late2'], { database })
    expect(await purge()).toMatchObject({ run: { code: 0 }, files: [] })
    expect(readdirSync(at('srv')).sort()).toEqual(['forced.raw', 'ifs.raw', 'in', 'late.raw'])
    // Once nothing keeps them, they are removed with the first of two objects, and both are purged.
    await runLines(['image del wmi-user'], { database })
    await longAgo(database)
    const { run, files } = await purge()
    expect(run).toMatchObject({ code: 0, stderr: '' })
    expect(files.map(({ id, bytes }) => [id, bytes])).toEqual([
      ['bo-late', 100],
      ['bo-forced', 100],
    ])
    const purged = await database.query("SELECT uuid FROM backup_objects WHERE state = 'purged' ORDER BY id")
    expect(purged.map(({ uuid }) => uuid)).toEqual(['late', 'forced', 'late2', 'forced2'])
  })

  test('keeps a file that is reached through ./ or a symlink by an object in use or recently deleted', async () => {
    const ids = ['dot', 'late', 'both']
    for (const id of ids) put('srv', `${id}.raw`)
    symlinkSync(at('srv/late.raw'), at('srv/in/link.raw'))
    await runLines(
      [
        ...ids.map((id) => objectLine(id)),
        objectLine('dot2', 's', './dot.raw'),
        objectLine('late2', 'in', 'link.raw'),
        objectLine('both2', 's', './/both.raw'),
        imageLine('user', 'dot2'),
        'backupobject del bo-dot bo-late bo-both bo-both2',
        'backupobject del bo-dot2 --force',
      ],
      { database },
    )
    await longAgo(database)
    await runLines(['backupobject del bo-late2'], { database })
    // The unused file is removed, and printed once.
    const { run, files } = await purge()
    expect(run).toMatchObject({ code: 0, stderr: '' })
    expect(files).toEqual([{ id: 'bo-both', path: at('srv/both.raw'), bytes: 100 }])
    expect(readdirSync(at('srv')).sort()).toEqual(['dot.raw', 'in', 'late.raw'])
    const states = await database.query("SELECT uuid FROM backup_objects WHERE state = 'purged' ORDER BY uuid")
    expect(states.map(({ uuid }) => uuid)).toEqual(['both', 'both2'])
  })

  test('keeps a file that an object starts to reach through a symlink or ./ meanwhile', async () => {
    const ids = ['first', 'added', 'modified', 'storage', 'last']
    for (const id of ids) put('srv', `${id}.raw`)
    symlinkSync(at('srv/added.raw'), at('srv/link.raw'))
    await runLines(
      [
        ...ids.map((id) => objectLine(id)),
        objectLine('modified2', 's', 'elsewhere.raw'),
        storageLine('away', `${at('out')}/`),
        objectLine('storage2', 'away', './storage.raw'),
        `backupobject del ${ids.map((id) => `bo-${id}`).join(' ')}`,
      ],
      { database },
    )
    await longAgo(database)
    const registry = await openRegistry(parseDatabaseUri(database.uri, 'the test'))
    const plan = await planPurge(registry, { files: true })
    const outcome = { notRemoved: 0, bytes: 0 }
    const purged: string[] = []
    for await (const { id } of purgeAll(registry, plan, outcome, newWatcher())) {
      purged.push(id)
      if (id !== 'bo-first') continue
      await runLines(
        [
          objectLine('added2', 's', 'link.raw'),
          'backupobject modify bo-modified2 --object-key ./modified.raw',
          `backupstorage modify bkst-away --base-uri file://${at('srv')}/`,
        ],
        { database },
      )
      // Other programs may write rows without history.
      await database.query("DELETE FROM histories WHERE uuid = 'bo-added2'")
    }
    await registry.close()
    expect({ purged, outcome }).toEqual({ purged: ['bo-first', 'bo-last'], outcome: { notRemoved: 0, bytes: 200 } })
    expect(readdirSync(at('srv')).sort()).toEqual(['added.raw', 'in', 'link.raw', 'modified.raw', 'storage.raw'])
  })

  test('--older-than 0d includes objects deleted in the same second', async () => {
    put('srv/now.raw')
    const lines = [
      objectLine('now'),
      imageLine('now', 'now'),
      'image del wmi-now',
      'backupobject del bo-now',
      'image purge wmi-now --files --older-than 0d --yes --format value',
    ]
    const printed = await runLines(lines, { database })
    expect(printed.slice(2)).toEqual(['wmi-now\timage\t\t', `bo-now\tfile\t${at('srv/now.raw')}\t100`])
  })

  test('does not touch anything outside the folder, or symlinks and folders in it', async () => {
    put('out', 'precious.raw')
    put('precious.raw')
    symlinkSync(at('out'), at('srv/way-out'))
    symlinkSync(at('out/precious.raw'), at('srv/link.raw'))
    mkdirSync(at('srv/folder'))
    await runLines(
      [
        objectLine('dots', 's', '../precious.raw'),
        objectLine('within', 's', 'in/../../precious.raw'),
        objectLine('way', 's', 'way-out/precious.raw'),
        objectLine('link', 's', 'link.raw'),
        objectLine('folder', 's', 'folder'),
        'backupobject del bo-dots bo-within bo-way bo-link bo-folder',
      ],
      { database },
    )
    await longAgo(database)
    const before = await allRows(database)
    const run = await vdcManage([...ALL, '--files'], { database })
    expect(run.code).toBe(9)
    const warnings = run.stderr.split('\n').filter((line) => line.startsWith('Warning'))
    expect(warnings).toEqual([
      expect.stringContaining("of bo-dots was not removed: its path contains '..'"),
      expect.stringContaining("of bo-within was not removed: its path contains '..'"),
      expect.stringMatching(/of bo-way was not removed: a link in its path leads out of \S+\/srv$/),
      expect.stringContaining('of bo-link was not removed: it is a link'),
      expect.stringContaining('of bo-folder was not removed: it is not a regular file'),
    ])
    expect(run.stderr).toContain('Error: 5 files could not be removed\n')
    expect(readdirSync(at('out'))).toEqual(['precious.raw'])
    expect(existsSync(at('precious.raw'))).toBe(true)
    expect(await allRows(database)).toEqual(before)
  })

  test('does not count files of a missing or unmounted folder as gone, and keeps files of a deleted storage', async () => {
    for (const name of ['away', 'mount', 'srv/below']) mkdirSync(at(name))
    put('srv/kept.raw')
    symlinkSync(at('nowhere'), at('srv/lead'))
    await runLines(
      [
        storageLine('away', `${at('away')}/`),
        storageLine('mount', `${at('mount')}/`),
        storageLine('kept', `${at('srv')}/`),
        objectLine('away', 'away'),
        objectLine('mount', 'mount'),
        objectLine('kept', 'kept'),
        objectLine('below', 's', 'below/below.raw'),
        objectLine('deep', 's', 'below/no/folder.raw'),
        objectLine('lead', 's', 'lead/lead.raw'),
        'backupobject del bo-away bo-mount bo-kept bo-below bo-deep bo-lead',
        'backupstorage del bkst-kept',
      ],
      { database },
    )
    await longAgo(database)
    rmSync(at('away'), { recursive: true })
    const before = await allRows(database)
    const stderr = [
      `Warning: The file ${at('away/away.raw')} of bo-away was not removed: the folder ${at('away')} does not exist on this host\n`,
      `Warning: The file ${at('mount/mount.raw')} of bo-mount was not removed: the folder ${at('mount')} is empty: is it mounted?\n`,
      `Warning: The file ${at('srv/below/below.raw')} of bo-below was not removed: the folder ${at('srv/below')} is empty: is it mounted?\n`,
      `Warning: The file ${at('srv/below/no/folder.raw')} of bo-deep was not removed: the folder ${at('srv/below')} is empty: is it mounted?\n`,
      `Warning: The file ${at('srv/lead/lead.raw')} of bo-lead was not removed: the folder ${at('srv/lead')} does not exist on this host\n`,
    ].join('')
    const error = (count: string) => `Error: ${count} could not be removed\n`
    expect((await purge('--dry-run')).run).toMatchObject({
      code: 9,
      stderr: stderr + error('5 files') + 'Dry run: nothing would change\n',
    })
    expect(await purge()).toMatchObject({ run: { code: 9, stderr: stderr + error('5 files') }, files: [] })
    expect(existsSync(at('srv/kept.raw'))).toBe(true)
    expect(await allRows(database)).toEqual(before)
    // Once mounted, the file is removed.
    put('mount/mount.raw')
    put('srv/below/below.raw')
    rmSync(at('srv/lead'))
    mkdirSync(at('away'))
    put('away/other.raw')
    symlinkSync(at('out'), at('srv/below/no'))
    put('out/folder.raw')
    expect(await purge()).toMatchObject({
      run: { code: 9, stderr: expect.stringContaining(error('1 file')) },
      files: [
        { id: 'bo-mount', bytes: 100 },
        { id: 'bo-below', bytes: 100 },
      ],
    })
  })

  test('removes all files and marks all objects when killed and run again', async () => {
    put('first')
    const ids: string[] = []
    let purged = 0
    let halfDone = 0
    // On a busy machine a purge may have removed all files before it is killed.
    for (let attempt = 0; halfDone === 0 && attempt < 20; attempt++) {
      const more = Array.from({ length: 60 }, (_, n) => `f${attempt}x${n}`)
      ids.push(...more)
      for (const id of more) linkSync(at('first'), at('srv', `${id}.raw`))
      const deletion = `backupobject del ${more.map((id) => `bo-${id}`).join(' ')}`
      await runLines([...more.map((id) => objectLine(id)), deletion], { database })
      await longAgo(database)
      const before = purged
      for (const most of [60, 45, 25]) {
        const running = execa(PROGRAM, [...ALL, '--files'], {
          env: environment({ database }),
          extendEnv: false,
          reject: false,
        })
        const ended = running.then(() => true)
        while (readdirSync(at('srv')).length > most && !(await Promise.race([ended, sleep(1)]))) {}
        running.kill('SIGKILL')
        await running
        const rows = await database.query("SELECT uuid FROM backup_objects WHERE state = 'purged'")
        for (const { uuid } of rows) expect(existsSync(at('srv', `${uuid}.raw`))).toBe(false)
        purged = rows.length
        if (purged > before && purged < ids.length) halfDone++
      }
    }
    expect(halfDone).toBeGreaterThan(0)
    expect((await vdcManage([...ALL, '--files'], { database })).code).toBe(0)
    expect(readdirSync(at('srv'))).toEqual(['in'])
    const [row] = await database.query(
      "SELECT COUNT(*) AS n FROM histories WHERE attr = 'state' AND vchar_value = 'purged'",
    )
    expect(Number(row?.n)).toBe(ids.length)
  })

  test('is refused with --tx bulk', async () => {
    const run = await vdcManage(['--tx', 'bulk', '-e'], { database, input: 'image purge --files --yes\n' })
    expect(run).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(
        'Cannot remove files within --tx bulk, because their removal cannot be rolled back',
      ),
    })
  })
})

describe('a file that is registered again during a purge, on MariaDB', () => {
  let database: TestDatabase
  const folder = newFolder()
  beforeAll(async () => {
    database = await newDatabase('mariadb')
  })
  afterAll(async () => {
    await database.remove()
    folder.remove()
  })
  const add = (path: string) => vdcManage(['image', 'add', 'local', path, '--account-id', 'a-shpoolxx'], { database })

  test('is kept if the registration comes first', async () => {
    writeFileSync(join(folder.path, 'before.raw'), BYTES)
    await runLines([storageLine('f', `${folder.path}/`), objectLine('before', 'f')], { database })
    const path = await makeImage(join(folder.path, 'first.qcow2'))
    const id = (await add(path)).stdout.trim()
    const { backup_object_id: object } = await vdcManageJson(['image', 'show', id], { database })
    await runLines([`image del ${id}`, `backupobject del bo-before ${object}`], { database })
    await longAgo(database)
    const registry = await openRegistry(parseDatabaseUri(database.uri, 'the test'))
    const purging = purgeAll(
      registry,
      await planPurge(registry, { files: true }),
      { notRemoved: 0, bytes: 0 },
      newWatcher(),
    )
    expect((await purging.next()).value).toMatchObject({ id, kind: 'image' })
    expect((await purging.next()).value).toMatchObject({ id: 'bo-before' })
    await database.query('START TRANSACTION')
    await database.query('SELECT id FROM backup_storages LOCK IN SHARE MODE')
    const next = purging.next()
    await untilWaiting(database)
    await database.query(
      `INSERT INTO backup_objects (account_id, uuid, display_name, service_type, backup_storage_id, size, allocation_size, container_format, state, object_key, checksum, created_at, updated_at, source_volume_id) SELECT account_id, 'anew', display_name, service_type, backup_storage_id, size, allocation_size, container_format, 'available', object_key, checksum, '${LONG_AGO}', '${LONG_AGO}', '' FROM backup_objects WHERE uuid = ?`,
      [object.slice('bo-'.length)],
    )
    await database.query('COMMIT')
    expect(await next).toMatchObject({ done: true })
    await registry.close()
    expect(existsSync(path)).toBe(true)
  })

  test('is kept if an import comes first', async () => {
    const path = await makeImage(join(folder.path, 'import.qcow2'))
    const id = (await add(path)).stdout.trim()
    const { backup_object_id: object } = await vdcManageJson(['image', 'show', id], { database })
    const { stdout } = await vdcManage(['registry', 'export'], { database })
    await runLines([`image del ${id}`, `backupobject del ${object}`], { database })
    await longAgo(database)
    const anew = stdout
      .split('\n')
      .filter(
        (line) => line.includes('"type":"registry"') || [id, object].some((own) => line.includes(`"uuid":"${own}"`)),
      )
      .map((line) => `${line.replaceAll(id, 'wmi-import').replaceAll(object, 'bo-import')}\n`)
    const counts = { account: 0, backup_storage: 0, backup_object: 1, image: 1, label: 0 }
    const input = `${anew.join('')}${JSON.stringify({ type: 'end', counts })}`
    const uri = new URL(database.uri)
    let isWritten = false
    let purging: Promise<Run> | undefined
    // The purge comes between the last row of the import and its commit, and waits for it.
    const proxy = await startProxy(Number(uri.port), async (_, statement): Promise<Verdict> => {
      if (/^insert into images/i.test(statement)) isWritten = true
      if (isWritten && purging === undefined && /^commit/i.test(statement)) {
        purging = vdcManage([...ALL, '--files'], { database })
        await untilWaiting(database, 1)
      }
      return 'pass'
    })
    uri.port = `${proxy.port}`
    const imported = await vdcManage(['registry', 'import'], { database: { uri: uri.toString() }, input })
    await proxy.close()
    expect(imported).toMatchObject({ code: 0, stderr: 'Imported: 1 backup object, 1 image\n' })
    expect(await purging).toMatchObject({ code: 0 })
    expect(existsSync(path)).toBe(true)
  })

  test.each([
    ['did', 'UPDATE backup_objects SET state = ?, purged_at = NOW() WHERE uuid = ?', 'purged'],
    ['did not', 'UPDATE backup_objects SET state = ? WHERE uuid = ?', 'deleted'],
  ])(
    'is set aside after an unknown commit and removed by the next purge, if the server %s commit',
    async (outcome, sql, state) => {
      const path = await makeImage(join(folder.path, `uncertain ${outcome}.qcow2`.replaceAll(' ', '-')))
      const id = (await add(path)).stdout.trim()
      const { backup_object_id: object } = await vdcManageJson(['image', 'show', id], { database })
      await runLines([`image del ${id}`, `backupobject del ${object}`], { database })
      await longAgo(database)
      await vdcManage(ALL, { database })
      const uri = new URL(database.uri)
      let isPurging = false
      const proxy = await startProxy(Number(uri.port), (_, statement) => {
        if (/^update backup_objects/i.test(statement)) isPurging = true
        return isPurging && /^commit/i.test(statement) ? 'cut' : 'pass'
      })
      uri.hostname = '127.0.0.1'
      uri.port = `${proxy.port}`
      const run = await vdcManage([...ALL, '--files'], { database: { uri: uri.toString() } })
      await proxy.close()
      expect(run).toMatchObject({ code: 6, stderr: expect.stringContaining('the change may or may not be stored') })
      expect(run.stderr).toContain(
        `The file ${path} is set aside: the next purge with --files removes it or puts it back`,
      )
      const aside = join(folder.path, `.vdc-manage-purge-${object.slice('bo-'.length)}`)
      expect([existsSync(path), existsSync(aside)]).toEqual([false, true])
      await database.query(sql, [state, object.slice('bo-'.length)])
      expect(await vdcManage([...ALL, '--files'], { database })).toMatchObject({ code: 0 })
      expect([existsSync(path), existsSync(aside)]).toEqual([false, false])
    },
  )

  test('is not registered if it was removed first', async () => {
    const path = await makeImage(join(folder.path, 'second.qcow2'))
    await database.query('START TRANSACTION')
    await database.query('SELECT id FROM backup_storages FOR UPDATE')
    const adding = add(path)
    await untilWaiting(database)
    rmSync(path)
    await database.query('COMMIT')
    expect(await adding).toMatchObject({ code: 3, stdout: '' })
    expect((await adding).stderr).toContain(`Error: The file ${path} does not exist\n`)
    expect(await database.query("SELECT uuid FROM backup_objects WHERE object_key = 'second.qcow2'")).toEqual([])
  })
})

test('image purge on a database of Wakame-vdc keeps images of instances, and changes nothing else', async () => {
  const database = await newWakame(inject('mariadb').port)
  await database.query(
    'CREATE TABLE instances (id int NOT NULL AUTO_INCREMENT PRIMARY KEY, uuid varchar(255) NOT NULL, image_id int NOT NULL, terminated_at datetime) ENGINE=InnoDB CHARACTER SET utf8',
  )
  const deleted = { state: 'deleted', deleted_at: LONG_AGO }
  for (const id of [1, 2, 3]) await insert(database, 'images', { id, uuid: `i${id}`, ...deleted })
  // The original can set the state alone.
  await insert(database, 'images', { id: 4, uuid: 'i4', state: 'deleted' })
  await database.query(`INSERT INTO instances (uuid, image_id, terminated_at) VALUES ('a', 2, '${LONG_AGO}')`)
  await insert(database, 'resource_labels', { resource_uuid: 'wmi-i1', name: 'os', string_value: 'lucid' })
  await insert(database, 'resource_labels', { resource_uuid: 'i-demo', name: 'os', string_value: 'lucid' })
  await insert(database, 'tag_mappings', { tag_id: 1, uuid: 'wmi-i1' })
  const before = await contentsOf(database)
  await expectRefused(database, [...ALL, 'wmi-i2'], {
    exit: 5,
    message: 'wmi-i2 cannot be purged: it was used by an instance',
  })
  const run = await vdcManage(ALL, { database })
  expect(run).toMatchObject({
    code: 0,
    stderr:
      'Warning: 1 deleted image is kept: it was used by an instance for which the Ruby programs still show the image\n',
  })
  const after = await contentsOf(database)
  expect(after.untouchable).toEqual(before.untouchable)
  expect(changesBetween(before, after)).toMatchObject([
    {
      table: 'histories',
      added: ['wmi-i1', 'wmi-i3', 'wmi-i4'].map((uuid) => ({ uuid, attr: 'purged_at' })),
      changed: [],
    },
    { table: 'images', added: [], removed: [{ uuid: 'i1' }, { uuid: 'i3' }, { uuid: 'i4' }], changed: [] },
    { table: 'resource_labels', added: [], removed: [{ resource_uuid: 'wmi-i1' }], changed: [] },
    { table: 'tag_mappings', added: [], removed: [{ uuid: 'wmi-i1' }], changed: [] },
  ])
  await database.remove()
})
