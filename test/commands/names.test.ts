import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { allRows, ENGINES, type TestDatabase } from '../support/databases/databases.ts'
import { startProxy, type Verdict } from '../support/databases/mysql-proxy.ts'
import { newFolder } from '../support/files/images.ts'
import { runLines, vdcManage, vdcManageJson } from '../support/process/cli.ts'
import { ADD, newDatabaseWithObject, OBJECT } from '../support/process/scripts.ts'
import { startTerminal } from '../support/process/tmux.ts'
import { expectRefused } from '../support/refusals.ts'

/* Display names in place of IDs (docs/decisions/0029). */

const ODD = `it's "odd" 10.04; $(id) — ü`
const folder = newFolder()
afterAll(() => folder.remove())

/** Creates a database with images, whose uuids are not their names. */
async function filled(engine: (typeof ENGINES)[number]): Promise<TestDatabase> {
  const database = await newDatabaseWithObject(engine)
  const image = (uuid: string, name: string) =>
    `${ADD} --uuid ${uuid} --display-name "${name.replace(/["$]/g, '\\$&')}"`
  await runLines(
    [
      'backupstorage modify bkst-one --display-name "Store one"',
      `backupobject modify ${OBJECT} --display-name "Disk of lucid"`,
      image('dash', 'debian-12'),
      image('plain', 'lucid'),
      image('odd', ODD),
      image('twin1', 'twin'),
      image('twin2', 'twin'),
      image('lucid1', 'x'),
      // Their names are IDs, of another image and of none.
      image('first', 'lucid1'),
      image('second', 'wmi-other'),
      image('gone', 'old'),
      image('goneodd', 'old-1'),
      image('purged', 'y'),
      'image del wmi-gone wmi-goneodd wmi-purged',
      'image purge wmi-purged --older-than 0d --yes',
      image('third', 'purged'),
    ],
    { database },
  )
  return database
}

describe.each(ENGINES)('names on %s', (engine) => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await filled(engine)
  })
  afterAll(() => database.remove())
  const idOf = async (word: string) => (await vdcManageJson(['image', 'show', word], { database })).id
  const run = (...args: string[]) => vdcManage(args, { database })

  test.each([
    ['debian-12', 'wmi-dash'],
    ['lucid', 'wmi-plain'],
    [ODD, 'wmi-odd'],
  ])('stand for the only image that has them: %s', async (name, id) => {
    expect(await idOf(name)).toBe(id)
    expect(await vdcManageJson(['image', 'history', name], { database })).toEqual(
      await vdcManageJson(['image', 'history', id], { database }),
    )
  })

  test('come after IDs, with and without prefix, and after those of purged images', async () => {
    expect(await idOf('lucid1')).toBe('wmi-lucid1')
    expect(await idOf('dash')).toBe('wmi-dash')
    await expectRefused(database, ['image', 'show', 'wmi-other'], {
      exit: 4,
      message: 'Image wmi-other does not exist',
    })
    await expectRefused(database, ['image', 'del', 'purged'], {
      exit: 4,
      message: 'Image wmi-purged does not exist',
      hint: 'It was purged',
    })
  })

  test.each(['Lucid', 'lucid ', ' lucid', 'LUCID'])('are compared by bytes: %j', async (name) => {
    await expectRefused(database, ['image', 'show', name], {
      exit: name.includes(' ') ? 3 : 4,
      message: name.includes(' ')
        ? `'${name}' is neither the ID nor the display name of an image`
        : `No image has the ID wmi-${name} or the name '${name}'`,
      hint: "Did you mean 'lucid'?",
    })
  })

  test('that look like IDs of other kinds stand for nothing', async () => {
    await runLines([`backupobject modify ${OBJECT} --display-name wmi-dash`], { database })
    try {
      await expectRefused(database, ['backupobject', 'del', 'wmi-dash', '--force'], {
        exit: 3,
        message: "'wmi-dash' is not a valid backup object ID",
      })
    } finally {
      await runLines([`backupobject modify ${OBJECT} --display-name "Disk of lucid"`], { database })
    }
  })

  test('on stdin keep the whitespace around them', async () => {
    const input = ' debian-12\n\twmi-dash \n  \n'
    const { code, stdout, stderr } = await vdcManage(['image', 'show', '-', '--quiet'], { database, input })
    expect([code, stdout]).toEqual([9, 'wmi-dash\n'])
    expect(stderr).toContain("Error: ' debian-12' is neither the ID nor the display name of an image\n")
  })

  test('that nothing has are refused, with what is similar or deleted', async () => {
    await expectRefused(database, ['image', 'del', 'debian-11'], {
      exit: 3,
      message: "'debian-11' is neither the ID nor the display name of an image",
      hint: "Did you mean 'debian-12'? An ID is wmi- followed by",
    })
    await expectRefused(database, ['image', 'del', 'bo-one'], { exit: 3, message: "'bo-one' is not a valid image ID" })
    await expectRefused(database, ['image', 'del', 'old'], {
      exit: 4,
      message: "No image has the ID wmi-old or the name 'old'",
      hint: 'Deleted, with this name: wmi-gone.',
    })
    await expectRefused(database, ['image', 'undelete', 'lucid'], {
      exit: 4,
      message: "No deleted image has the ID wmi-lucid or the name 'lucid'",
      hint: 'Not deleted, with this name: wmi-plain.',
    })
    await expectRefused(database, ['image', 'del', ''], { exit: 3, message: "'' is not a valid image ID" })
    await expectRefused(database, ['account', 'show', 'no-account'], { exit: 3, message: 'not a valid account ID' })
    expect((await run('image', 'del', '--ignore-missing', 'nothing')).code).toBe(0)
  })

  test('that several have are refused with what tells these apart', async () => {
    for (const command of ['show', 'del', 'verify', 'protect']) {
      const { stdout, code } = await run('image', command, 'twin', '--json')
      expect(code).toBe(5)
      expect(JSON.parse(stdout).error).toEqual({
        code: 'NAME_AMBIGUOUS',
        message: "2 images have the display name 'twin'",
        details: ['wmi-twin1', 'wmi-twin2'].map((id) =>
          expect.stringMatching(
            new RegExp(`^${id}: owner a-shpoolxx, available, x86_64, raw, 1024 bytes, created \\d{4}-\\S+Z$`),
          ),
        ),
        hint: 'Use the ID instead',
        exit: 5,
      })
    }
    expect(await run('image', 'modify', 'twin', 'debian-12', '--description', 'x')).toMatchObject({
      code: 9,
      stderr: expect.stringMatching(/^Error: 2 images have .*\n {2}wmi-twin1: .*\n {2}wmi-twin2: .*\nHint: .*\n$/),
    })
    expect(await vdcManageJson(['image', 'show', 'debian-12'], { database })).toMatchObject({ description: 'x' })
  })

  test('stand for one image, however it is named', async () => {
    const show = await vdcManageJson(['image', 'show', 'debian-12', 'wmi-dash', 'dash', 'lucid'], { database })
    expect(show.map(({ id }: { id: string }) => id)).toEqual(['wmi-dash', 'wmi-dash', 'wmi-dash', 'wmi-plain'])
    const two = await run('image', 'del', 'wmi-dash', 'debian-12', '--json')
    expect(two.code).toBe(9)
    expect(JSON.parse(two.stdout)).toMatchObject([
      { id: 'wmi-dash', state: 'deleted' },
      {
        id: 'debian-12',
        error: { code: 'IMAGE_DELETED', message: expect.stringContaining('Image wmi-dash is already') },
      },
    ])
    await run('image', 'undelete', 'debian-12')
    // The word could be an ID, so it is known to be a name only after the first look at the rows.
    expect(JSON.parse((await run('image', 'del', 'lucid', 'wmi-plain', '--json')).stdout)).toMatchObject([
      { id: 'wmi-plain', state: 'deleted' },
      { id: 'wmi-plain', error: { code: 'IMAGE_DELETED' } },
    ])
    await run('image', 'undelete', 'lucid')
    expect(await idOf('lucid')).toBe('wmi-plain')
  })

  test('of deleted images count in undelete and purge only', async () => {
    await runLines(
      [`${ADD} --uuid alive1 --display-name old`, 'image undelete old', 'image undelete old-1', 'image del old-1'],
      { database },
    )
    expect((await vdcManageJson(['image', 'show', 'wmi-gone'], { database })).state).toBe('available')
    await expectRefused(database, ['image', 'undelete', 'lucid'], {
      exit: 4,
      message: /wmi-lucid/,
      hint: ': wmi-plain.',
    })
    await expectRefused(database, ['image', 'purge', 'debian-12', '--yes'], {
      exit: 3,
      message: "'debian-12' is neither",
    })
    expect((await run('image', 'purge', 'old-1', '--older-than', '0d', '--yes', '--json')).stdout).toContain(
      'wmi-goneodd',
    )
    await run('image', 'del', 'wmi-gone', 'wmi-alive1')
  })

  test('stand for images, backup objects and storages in options', async () => {
    const add = ['image', 'add', 'volume', 'Disk of lucid', '--account-id', 'a-shpoolxx', '--parent-image-id', 'lucid']
    const made = await vdcManageJson(add, { database })
    expect(made).toMatchObject({ backup_object_id: OBJECT, parent_image_id: 'wmi-plain' })
    const modify = ['--parent-image-id', 'debian-12', '--backup-object-id', 'Disk of lucid', '--json']
    const modified = await vdcManageJson(['image', 'modify', made.id, ...modify], { database })
    expect(modified).toMatchObject({ parent_image_id: 'wmi-dash', backup_object_id: OBJECT })
    for (const options of [
      ['--parent', 'debian-12'],
      ['--backup-object-id', 'Disk of lucid', '--parent', 'debian-12'],
      ['--storage-id', 'Store one', '--parent', 'debian-12'],
      ['--after', 'x'],
    ])
      expect((await run('image', 'list', '--quiet', ...options)).stdout, options.join(' ')).toContain(made.id)
    expect((await run('image', 'list', '--after', 'twin')).code).toBe(5)
    await run('image', 'del', made.id)
    const object = ['--object-key', 'two.raw', '--size', '512', '--checksum', '0'.repeat(32), '--display-name', 'two-']
    await vdcManage(['backupobject', 'add', '--uuid', 'two', '--storage-id', 'Store one', ...object], {
      database,
      reject: true,
    })
    expect(await vdcManageJson(['backupobject', 'show', 'two-'], { database })).toMatchObject({
      id: 'bo-two',
      backup_storage_id: 'bkst-one',
    })
    expect((await run('backupobject', 'modify', 'two-', '--storage-id', 'No store')).stderr).toContain(
      "'No store' is neither the ID nor the display name of a backup storage",
    )
    expect((await run('backupobject', 'del', 'two-')).code).toBe(0)
    expect((await run('image', 'orphans', '--storage-id', 'Store one')).code).not.toBe(3)
  })

  test('stand for backup storages', async () => {
    await runLines(
      ['backupstorage add --uuid b --display-name "Store two" --base-uri file:///srv/b/ --storage-type local'],
      {
        database,
      },
    )
    expect((await vdcManageJson(['backupstorage', 'show', 'Store two'], { database })).id).toBe('bkst-b')
    expect((await run('backupstorage', 'modify', 'Store two', '--display-name', 'store')).code).toBe(0)
    expect((await run('backupstorage', 'del', 'store')).code).toBe(0)
    await expectRefused(database, ['backupstorage', 'del', 'store'], {
      exit: 4,
      message: "No backup storage has the ID bkst-store or the name 'store'",
      hint: 'this name: bkst-b.',
    })
    await expectRefused(database, ['backupstorage', 'del', 'Store one'], {
      exit: 5,
      message: 'Backup storage bkst-one contains',
    })
  })

  test('take labels', async () => {
    expect((await run('image', 'label', 'debian-12', ODD, 'os=debian')).code).toBe(0)
    expect((await vdcManageJson(['image', 'list', '--label', 'os=debian'], { database })).length).toBe(2)
    expect((await run('image', 'label', 'debian-12', 'tested', 'os=')).stderr).toContain('tested= sets a label without')
  })

  test('stand for images in commands that take files, unless a file has the name', async () => {
    for (const command of ['check', 'try']) {
      expect((await run('image', command, 'debian-12')).stderr).toMatch(/of image wmi-dash|srv\/images\/one\.raw/)
      expect((await run('image', command, 'twin')).stderr).toContain("2 images have the display name 'twin'")
      expect((await run('image', command, './debian-12')).stderr).toContain('./debian-12 does not exist')
      writeFileSync(join(folder.path, 'debian-12'), '')
      const file = await vdcManage(['image', command, 'debian-12'], { database, cwd: folder.path })
      expect(file.stderr).toMatch(/The file \S*\/debian-12 is empty/)
    }
  })
})

test('more than ten images of a name are not all listed', async () => {
  const database = await newDatabaseWithObject('sqlite')
  await runLines(
    Array.from({ length: 12 }, () => `${ADD} --display-name twin`),
    { database },
  )
  const { error } = JSON.parse((await vdcManage(['image', 'show', 'twin', '--json'], { database })).stdout)
  expect(error.message).toBe("12 images have the display name 'twin'")
  expect(error.details).toHaveLength(11)
  expect(error.details.at(-1)).toBe('and 2 more')
  await database.remove()
})

test('the path of a file that does not exist creates no registry', async () => {
  const home = join(folder.path, 'home')
  const env = { HOME: home, VDC_MANAGE_DATA_DIR: home }
  const run = await vdcManage(['image', 'check', 'lucid.raw'], { env })
  expect(run).toMatchObject({ code: 3, stderr: expect.stringContaining('The file lucid.raw does not exist') })
  expect(run.stderr).not.toMatch(/registry/)
})

describe('statements', () => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await filled('mariadb')
  })
  afterAll(() => database.remove())

  /** Runs a command through a proxy that calls `act` with each statement. */
  async function through(args: string[], act: (sql: string) => Promise<Verdict> | Verdict, input?: string) {
    const proxy = await startProxy(inject('mariadb').port, (_, sql) => act(sql))
    const uri = database.uri.replace(/:\d+\//, `:${proxy.port}/`)
    const run = await vdcManage(args, { database: { uri }, ...(input === undefined ? {} : { input }) })
    await proxy.close()
    return run
  }
  const isLookUp = (sql: string) => /`display_name` AS BINARY\) in|display_name.* in \(/i.test(sql)

  test('IDs that exist need none for names', async () => {
    let lookUps = 0
    const counting = (sql: string) => {
      if (/display_name/.test(sql)) lookUps++
      return 'pass' as const
    }
    await through(['image', 'show', 'dash', 'wmi-plain', 'lucid1'], counting)
    await through(['image', 'protect', 'dash'], counting)
    await through(['image', 'unprotect', 'wmi-dash'], counting)
    await through(['image', 'history', 'dash'], counting)
    await through(['image', 'show', 'wmi-none'], counting)
    await through(['backupstorage', 'show', 'one'], counting)
    await through(['image', 'list', '--quiet', '--after', 'dash'], counting)
    expect(lookUps).toBe(0)
  })

  test('a thousand names need one scan', async () => {
    const [first = {}] = await database.query("SELECT * FROM images WHERE uuid = 'dash'")
    const columns = Object.keys(first).filter((column) => column !== 'id')
    const rows = Array.from({ length: 1000 }, (_, at) =>
      columns.map((column) => {
        if (column === 'uuid') return `many${at}`
        // Half of them could be IDs.
        return column === 'display_name' ? `name${at % 2 === 0 ? '' : '-'}${at}` : (first[column] ?? null)
      }),
    )
    for (let start = 0; start < rows.length; start += 100) {
      const some = rows.slice(start, start + 100)
      const marks = some.map(() => `(${columns.map(() => '?').join(', ')})`).join(', ')
      await database.query(`INSERT INTO images (${columns.join(', ')}) VALUES ${marks}`, some.flat())
    }
    const input = rows.map((row) => `${row[columns.indexOf('display_name')]}\n`).join('')
    for (const more of [[], ['--dry-run']]) {
      let lookUps = 0
      const run = await through(
        ['image', 'label', '-', 'many=', ...more],
        (sql) => {
          if (isLookUp(sql)) lookUps++
          return 'pass'
        },
        input,
      )
      expect(run).toMatchObject({ code: 0 })
      // stdin may arrive in two pieces.
      expect(lookUps).toBeGreaterThan(0)
      expect(lookUps).toBeLessThanOrEqual(2)
    }
    expect(await database.query("SELECT COUNT(*) AS n FROM resource_labels WHERE name = 'many'")).toEqual([{ n: 1000 }])
  })

  test('after the look-up, the ID counts, and the state of the image', async () => {
    let isFound = false
    const renaming = async (sql: string) => {
      if (isFound) await database.query("UPDATE images SET display_name = 'renamed' WHERE uuid = 'dash'")
      isFound = isLookUp(sql)
      return 'pass' as const
    }
    expect(await through(['image', 'label', 'debian-12', 'race='], renaming)).toMatchObject({ code: 0, stderr: '' })
    expect((await vdcManageJson(['image', 'show', 'renamed'], { database })).labels).toEqual({ race: '' })
    const deleting = async (sql: string) => {
      if (isFound)
        await database.query("UPDATE images SET deleted_at = updated_at, state = 'deleted' WHERE uuid = 'odd'")
      isFound = isLookUp(sql)
      return 'pass' as const
    }
    const before = await allRows(database)
    expect(await through(['image', 'modify', ODD, '--description', 'x'], deleting)).toMatchObject({
      code: 5,
      stderr: expect.stringContaining('Image wmi-odd is deleted'),
    })
    expect((await allRows(database)).histories).toEqual(before.histories)
  })
})

test.each([80, 40])('at a terminal of %d columns, the images of a name are one below the other', async (width) => {
  const database = await newDatabaseWithObject('sqlite')
  await runLines([`${ADD} --uuid one1`, `${ADD} --uuid two2`], { database })
  await database.query("UPDATE images SET display_name = 'a\u001b[31mb'")
  const line = 'vdc-manage image show "$(printf "a\\\\033[31mb")"'
  const terminal = await startTerminal(line, { database, home: folder.path, width })
  const shown = await terminal.until(/exit code 5/)
  const ids = shown.split('\n').filter((text) => /^ {2}wmi-(?:one1|two2): owner/.test(text))
  expect(ids).toHaveLength(2)
  expect(shown).toContain('\\u001b[31mb')
  for (const text of shown.split('\n')) expect(text.length).toBeLessThanOrEqual(width)
  await terminal.close()
  await database.remove()
})
