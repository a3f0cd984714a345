import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { objectsInVolumes, wantedInVolumes } from '../../../src/registry/image/volumes.ts'
import { ENGINES, newDatabase, type TestDatabase } from '../../support/databases/databases.ts'
import { LONG_AGO } from '../../support/databases/wakame.ts'
import { newFolder, rawDisk } from '../../support/files/images.ts'
import { runLines, vdcManage, vdcManageJson } from '../../support/process/cli.ts'
import { expectRefused } from '../../support/refusals.ts'

/** As the web API writes volumes (dcmgr.md, "What else refers to backup objects"). */
const volumesOf = (...ids: string[]) => `---\n${ids.map((id) => `- :backup_object_id: ${id}\n`).join('')}`
/** Invalid YAML: a flow sequence without an end. */
const BROKEN = '--- [{:backup_object_id: bo-torn'

describe('backup objects in volumes', () => {
  test.each<[string, string[]]>([
    [volumesOf('bo-x', 'bo-y', 'bo-x'), ['bo-x', 'bo-y']],
    ['--- []\n', []],
    ['', []],
    ['--- [{":backup_object_id": "\\x62o-x"}]\n', ['bo-x']],
    ['---\n- &a\n  :backup_object_id: bo-x\n- *a\n', ['bo-x']],
    ['---\n- :size: 1\n  :note: a copy of bo-x\n', []],
    ['---\n- :a:\n    :b: [bo-deep]\n', ['bo-deep']],
    [BROKEN, ['bo-torn']],
    ['--- [bo-a, { nobo-b, bo-c', ['bo-a', 'bo-c']],
  ])('%j', async (text, ids) => {
    expect((await objectsInVolumes(text)).sort()).toEqual(ids)
    expect((await wantedInVolumes(text, new Set(['bo-x', 'bo-torn']))).sort()).toEqual(
      ids.filter((id) => ['bo-x', 'bo-torn'].includes(id)),
    )
  })
})

describe.each(ENGINES)('an image with volumes on %s', (engine) => {
  const folder = newFolder()
  const at = (name: string) => join(folder.path, 'srv', name)
  let database: TestDatabase
  const ids = ['boot', 'data', 'more', 'torn', 'free']
  const run = (line: string) => vdcManage(line.split(' '), { database })

  beforeAll(async () => {
    database = await newDatabase(engine)
    mkdirSync(join(folder.path, 'srv'))
    for (const [n, id] of ids.entries())
      writeFileSync(at(`${id}.raw`), Buffer.concat([rawDisk(65_536), Buffer.alloc(512, n)]))
    await runLines(
      [
        `backupstorage add --uuid bkst-s --display-name s --base-uri file://${folder.path}/srv/ --storage-type local`,
        'account add --uuid a-one',
        ...ids.map((id) => `backupobject add --from-file ${at(`${id}.raw`)} --uuid bo-${id}`),
        ...['disks', 'torn', 'plain'].map((id) => `image add local bo-boot --uuid wmi-${id} --account-id a-one`),
      ],
      { database },
    )
    await database.query("UPDATE images SET volumes = ? WHERE uuid = 'disks'", [
      volumesOf('bo-data', 'bo-more', 'bo-boot'),
    ])
    await database.query("UPDATE images SET volumes = ? WHERE uuid = 'torn'", [BROKEN])
  })
  afterAll(async () => {
    await database.remove()
    folder.remove()
  })

  test.each([
    ['data', 'wmi-disks'],
    ['torn', 'wmi-torn'],
  ])('prevents the deletion of bo-%s', async (object, image) => {
    await expectRefused(database, ['backupobject', 'del', `bo-${object}`], {
      exit: 5,
      message: `Backup object bo-${object} is used by images: ${image}`,
      hint: '--force',
    })
  })

  test('is named once if it uses an object in two ways', async () => {
    await expectRefused(database, ['backupobject', 'del', 'bo-boot'], {
      exit: 5,
      message: /is used by images: wmi-disks, wmi-torn, wmi-plain$/,
    })
  })

  test('counts the files of its volumes for its account, once each', async () => {
    expect(await vdcManageJson(['account', 'show', 'a-one'], { database })).toMatchObject({
      image_count: 3,
      image_bytes: 4 * 66_048,
    })
  })

  test('is verified with the files of its volumes, and each difference names its volume', async () => {
    const verify = async () => (await vdcManage(['image', 'verify', '--all'], { database })).stdout
    expect((await verify()).split('\n').sort().slice(1)).toEqual(['wmi-disks: ok', 'wmi-plain: ok', 'wmi-torn: ok'])
    rmSync(at('more.raw'))
    writeFileSync(at('torn.raw'), 'other')
    const lines = (await verify()).split('\n').sort().slice(1)
    expect(lines).toEqual([
      `wmi-disks: differs: its volume bo-more: the file ${at('more.raw')} does not exist`,
      'wmi-plain: ok',
      expect.stringMatching(
        /^wmi-torn: differs: its volume bo-torn: the size of the file is 5, but 66048 is registered; its volume/,
      ),
    ])
    const named = await vdcManage(['image', 'verify', 'wmi-disks', 'disks', 'wmi-plain'], { database })
    expect(named).toMatchObject({ code: 8, stderr: '2 images: 1 ok, 1 differs, 0 not checked\n' })
    const gone = volumesOf('bo-nosuch')
    await database.query("UPDATE images SET volumes = ? WHERE uuid = 'plain'", [gone])
    expect((await run('image verify wmi-plain')).stdout).toBe(
      'wmi-plain: differs: its backup object bo-nosuch is not registered\n',
    )
    await database.query("UPDATE images SET volumes = ? WHERE uuid = 'plain'", ['--- []\n'])
  })

  test('is listed by orphans if the file of a volume is missing', async () => {
    const orphans = await vdcManageJson(['image', 'orphans'], { database })
    expect(orphans).toMatchObject([{ kind: 'missing_file', id: 'bo-more', images: ['wmi-disks'] }])
    writeFileSync(at('more.raw'), Buffer.concat([rawDisk(65_536), Buffer.alloc(512, 2)]))
    writeFileSync(at('torn.raw'), Buffer.concat([rawDisk(65_536), Buffer.alloc(512, 3)]))
  })

  test('keeps the files of its volumes from a purge, even while it is deleted', async () => {
    for (const id of ids.filter((id) => id !== 'boot')) await run(`backupobject del bo-${id} --force`)
    await run('image del wmi-disks wmi-torn')
    await database.query(`UPDATE backup_objects SET deleted_at = '${LONG_AGO}' WHERE deleted_at IS NOT NULL`)
    const purge = async (...more: string[]) =>
      (await vdcManageJson(['image', 'purge', '--files', '--yes', ...more], { database })).map(
        ({ id }: { id: string }) => id,
      )
    expect(await purge()).toEqual(['bo-free'])
    await expectRefused(database, ['image', 'undelete', 'wmi-disks'], {
      exit: 5,
      message: `Backup object bo-data was deleted at ${LONG_AGO.replace(' ', 'T')}Z, so image wmi-disks could not boot`,
    })
    await database.query(`UPDATE images SET deleted_at = '${LONG_AGO}' WHERE deleted_at IS NOT NULL`)
    // A purge by ID removes the files of its volumes, but keeps those that other images need.
    expect(await purge('wmi-disks')).toEqual(['wmi-disks', 'bo-data', 'bo-more'])
    expect(await purge()).toEqual(['wmi-torn', 'bo-torn'])
    expect(ids.filter((id) => existsSync(at(`${id}.raw`)))).toEqual(['boot'])
  })

  test('prints a warning if an import lacks the objects of its volumes', async () => {
    await database.query("UPDATE images SET volumes = ? WHERE uuid = 'plain'", [volumesOf('bo-lacking')])
    const { stdout } = await vdcManage(['registry', 'export'], { database })
    const other = await newDatabase(engine)
    expect(await vdcManage(['registry', 'import'], { database: other, input: stdout })).toMatchObject({
      code: 0,
      stderr: expect.stringContaining(
        'Warning: Images lack volumes because the backup objects of the volumes are missing: bo-lacking\n',
      ),
    })
    await other.remove()
  })
})
