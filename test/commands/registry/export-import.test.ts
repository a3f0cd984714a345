import { readFileSync, writeFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { parseDatabaseUri } from '../../../src/config/config.ts'
import type { VdcError } from '../../../src/core/errors.ts'
import { openRegistry } from '../../../src/registry/open.ts'
import { importRegistry } from '../../../src/registry/transfer/import.ts'
import { allRows, ENGINES, type Engine, newDatabase, type TestDatabase } from '../../support/databases/databases.ts'
import { contentsOf, insert, LONG_AGO, newWakame } from '../../support/databases/wakame.ts'
import { newFolder } from '../../support/files/images.ts'
import { environment, PROGRAM, runLines, shell, vdcManage } from '../../support/process/cli.ts'
import { processesWith } from '../../support/process/processes.ts'
import { expectRefused as expectCommandRefused } from '../../support/refusals.ts'

const LONG = 'Ubuntu 10.04 64bit. '.repeat(15)
/** Harmful to a terminal: C1 and bidirectional controls, which JSON does not escape. */
const UPSETTING = 'red \u009b31m, turned \u202eround'
const DEPTH = '{"a":'.repeat(1000)

/** Fills a registry with objects of every type, in every state. */
async function fill(database: TestDatabase): Promise<void> {
  const object = (id: string, more = '') =>
    `backupobject add --uuid ${id} --display-name ${id} --storage-id bkst-s --object-key ${id}.raw --size 512 --checksum ${'0'.repeat(32)} ${more}`
  await runLines(
    [
      'account add --uuid a-one --description "日本語 <b>"',
      'account add --uuid a-gone',
      'account del a-gone',
      'backupstorage add --uuid bkst-s --display-name s --base-uri file:///srv/s/ --storage-type local',
      'backupstorage add --uuid bkst-gone --display-name g --base-uri http://dav.example/ --storage-type webdav --node-id n1',
      'backupstorage del bkst-gone',
      object('bo-o', `--description "${LONG}"`),
      object('bo-big', '--size 9223372036854775807 --allocation-size 9007199254740993').replace('--size 512', ''),
      object('bo-half', '--state creating --progress 12.5'),
      object('bo-gone'),
      'backupobject del bo-gone',
      'image add local bo-o --uuid wmi-parent --account-id a-one --is-public',
      'image add local bo-o --uuid wmi-child --account-id a-one --parent-image-id wmi-parent --root-device label:root',
      'image add volume bo-big --uuid wmi-gone --account-id a-shpoolxx --description "émoji later"',
      'image features wmi-parent --virtio --acpi',
      `image label wmi-child os=lucid empty= long=${'ü'.repeat(200)}`,
      'image protect wmi-parent',
      'image del wmi-gone',
      'image add local bo-o --uuid wmi-purged --account-id a-one',
      'image del wmi-purged',
      'image purge wmi-purged --older-than 0s --yes',
    ],
    { database },
  )
  await database.query("UPDATE images SET description = ? WHERE uuid = 'child'", [UPSETTING])
}

/** Returns an export with its variable times replaced. */
async function exported(database: TestDatabase): Promise<string[]> {
  const run = await vdcManage(['registry', 'export'], { database, reject: true })
  expect(run.stderr).toBe('')
  expect(run.stdout).not.toMatch(/[\u0080-\u009f\u202e]/)
  return run.stdout
    .replace(/"exported_at":"[^"]*"/, '"exported_at":"NOW"')
    .split('\n')
    .map((line) =>
      /"uuid":"a-(00000000|shpoolxx)"/.test(line) ? line.replaceAll(/"[\d-]+T[\d:]+Z"/g, '"THEN"') : line,
    )
}

async function importInto(database: TestDatabase, input: string, args: string[] = []) {
  return vdcManage(['registry', 'import', ...args], { database, input })
}

const NOTHING = { code: 0, stdout: '' }

test('exports from SQLite to MariaDB and back lose nothing, and a second import changes nothing', async () => {
  const databases = await Promise.all((['sqlite', 'mariadb', 'sqlite'] as Engine[]).map(newDatabase))
  const [first, second, third] = databases as [TestDatabase, TestDatabase, TestDatabase]
  await fill(first)
  const original = await exported(first)
  expect(original.at(-2)).toBe(
    '{"type":"end","counts":{"account":4,"backup_storage":2,"backup_object":4,"image":3,"label":4,"purged_image":1}}',
  )
  const purgedAt = async (database: TestDatabase) =>
    database.query("SELECT vchar_value, created_at FROM histories WHERE uuid = 'wmi-purged' AND attr = 'purged_at'")
  for (const [from, to] of [
    [first, second],
    [second, third],
  ] as const) {
    const { stdout } = await vdcManage(['registry', 'export'], { database: from })
    const run = await vdcManage(['registry', 'import'], { database: to, input: stdout, process: true })
    expect(run).toMatchObject({
      ...NOTHING,
      stderr:
        'Imported: 2 accounts, 2 backup storages, 4 backup objects, 3 images, 4 labels, 1 purged image; 2 entries were already there\n',
    })
    expect(await exported(to)).toEqual(original)
    const before = await allRows(to)
    const begun = before.histories.filter((row) => row.uuid !== 'wmi-purged')
    // For the deleted image, its creation and then its deletion.
    expect(begun).toHaveLength(3 * 23 + 3 + 4 * 20)
    expect(new Set(begun.map((row) => row.created_at)).size).toBe(1)
    expect(before.histories).toHaveLength(begun.length + 1)
    expect(await purgedAt(to)).toEqual(await purgedAt(first))
    // A claim on the ID of each storage, which prevents duplicates.
    expect(before.resource_labels.filter((row) => row.name === 'vdc-manage.claim')).toHaveLength(2)

    const again = await importInto(to, stdout, ['--json', '-'])
    expect(again.code).toBe(0)
    expect(JSON.parse(again.stdout)).toMatchObject({
      image: { added: 0, unchanged: 3 },
      label: { added: 0, unchanged: 4 },
      purged_image: { added: 0, unchanged: 1 },
    })
    expect(await allRows(to)).toEqual(before)
  }
  await Promise.all(databases.map((database) => database.remove()))
})

test('the state before a deletion is exported; without it, undelete refuses to guess', async () => {
  const databases = await Promise.all((['sqlite', 'mariadb', 'sqlite'] as Engine[]).map(newDatabase))
  const [first, second, third] = databases as [TestDatabase, TestDatabase, TestDatabase]
  await fill(first)
  await runLines(
    [
      'image add local bo-o --uuid wmi-slow --account-id a-one --state pending',
      'image add local bo-o --uuid wmi-odd --account-id a-one --state creating',
      'image del wmi-slow wmi-odd',
    ],
    { database: first },
  )
  // The Ruby programs can set only one of the two.
  await first.query("UPDATE images SET state = 'creating' WHERE uuid = 'odd'")
  const state = async (database: TestDatabase, id: string) =>
    (await database.query('SELECT state FROM images WHERE uuid = ?', [id.slice(4)]))[0]?.state
  let file = ''
  for (const [from, to] of [
    [first, second],
    [second, third],
  ] as const) {
    file = (await vdcManage(['registry', 'export'], { database: from, reject: true })).stdout
    expect(file).toMatch(/"uuid":"wmi-slow".*,"state_before_deletion":"pending"\}\n/)
    expect(file.match(/state_before_deletion/g)).toHaveLength(3)
    expect(await importInto(to, file)).toMatchObject(NOTHING)
    const before = await allRows(to)
    expect(await importInto(to, file)).toMatchObject(NOTHING)
    expect(await allRows(to)).toEqual(before)
  }
  expect(await vdcManage(['image', 'undelete', 'slow', 'odd', 'gone'], { database: third })).toMatchObject(NOTHING)
  expect(await Promise.all(['wmi-slow', 'wmi-odd', 'wmi-gone'].map((id) => state(third, id)))).toEqual([
    'pending',
    'creating',
    'available',
  ])

  for (const engine of ENGINES) {
    const old = await newDatabase(engine)
    expect(await importInto(old, file.replaceAll(/,"state_before_deletion":"\w+"/g, ''))).toMatchObject(NOTHING)
    await expectCommandRefused(old, ['image', 'undelete', 'wmi-slow'], {
      exit: 5,
      message: 'The history of wmi-slow does not record its state before the deletion',
      hint: 'vdc-manage image undelete wmi-slow --state available',
    })
    const undelete = ['image', 'undelete', 'wmi-slow', '--state', 'pending']
    expect(await vdcManage(undelete, { database: old })).toMatchObject(NOTHING)
    expect(await state(old, 'wmi-slow')).toBe('pending')
    expect(await vdcManage(['image', 'undelete', 'wmi-odd'], { database: old })).toMatchObject(NOTHING)
    expect(await state(old, 'wmi-odd')).toBe('creating')
    await old.remove()
  }
  await Promise.all(databases.map((database) => database.remove()))
})

test('an export can be piped into an import, and a lost reader is an error', async () => {
  const from = await newDatabase('sqlite')
  const to = await newDatabase('mariadb')
  await fill(from)
  const line = `vdc-manage registry export | VDC_MANAGE_DATABASE_URI=${to.uri} vdc-manage registry import`
  expect(await shell(line, { database: from })).toMatchObject(NOTHING)
  expect(await exported(to)).toEqual(await exported(from))
  // The reader has ended before the export begins.
  const cut = await shell('exec 5> >(:); wait $!; vdc-manage registry export >&5; echo $?', { database: from })
  expect(cut).toMatchObject({
    stdout: '1\n',
    stderr: expect.stringContaining('Cannot write to stdout: its reader has closed it'),
  })
  await from.remove()
  await to.remove()
})

describe.each(ENGINES)('registry import on %s', (engine) => {
  let database: TestDatabase
  let whole: string[]
  const folder = newFolder()
  beforeAll(async () => {
    const source = await newDatabase('sqlite')
    await fill(source)
    whole = (await vdcManage(['registry', 'export'], { database: source })).stdout.split('\n').slice(0, -1)
    await source.remove()
    database = await newDatabase(engine)
    await importInto(database, `${whole.join('\n')}\n`)
  })
  afterAll(async () => {
    await database.remove()
    folder.remove()
  })

  async function expectRefused(
    input: string | Uint8Array,
    refusal: { code: number; message: string | RegExp },
    args: string[] = [],
  ) {
    const before = await allRows(database)
    const run = await vdcManage(['registry', 'import', ...args], { database, input })
    expect(run).toMatchObject({ code: refusal.code, stdout: '', signal: undefined })
    if (typeof refusal.message === 'string') expect(run.stderr).toContain(refusal.message)
    else expect(run.stderr).toMatch(refusal.message)
    expect(await allRows(database)).toEqual(before)
  }

  /** Returns the file of another registry with one line changed. All IDs are new. */
  const other = (change: (value: Record<string, unknown>) => object | string, number: number) =>
    whole
      .map((line) => line.replaceAll(/"(bkst|bo|wmi|a)-(?!00000000|shpoolxx)(\w+)"/g, '"$1-other_$2"'))
      .map((line, index) => {
        if (index !== number - 1) return line
        const changed = change(JSON.parse(line))
        return typeof changed === 'string' ? changed : JSON.stringify(changed)
      })
      .join('\n')
  const lineOf = (type: string) => whole.findIndex((line) => line.startsWith(`{"type":"${type}"`)) + 1

  test('keeps the ID of an image that was purged elsewhere taken', async () => {
    await expectCommandRefused(
      database,
      ['image', 'add', 'local', 'bo-o', '--uuid', 'wmi-purged', '--account-id', 'a-one'],
      { exit: 5, message: 'The image ID wmi-purged is already taken', hint: 'IDs are never reused' },
    )
    const run = await vdcManage(['image', 'history', 'wmi-purged', '--format', 'value', '-c', 'attr'], { database })
    expect(run).toMatchObject({ code: 0, stdout: 'purged_at\n' })
  })

  test('lists all conflicts, and imports nothing', async () => {
    const lines = whole.map((line) => JSON.parse(line))
    for (const line of lines) {
      if (line.uuid === 'a-one') line.description = 'other'
      if (line.uuid === 'bkst-s') line.base_uri = 'file:///other/'
      if (line.uuid === 'bo-big') Object.assign(line, { size: '9223372036854775806', state: 'pending' })
      if (line.uuid === 'wmi-child') line.uuid = 'wmi-CHILD'
      if (line.uuid === 'wmi-gone') Object.assign(line, { uuid: 'wmi-new' })
      if (line.uuid === 'wmi-parent') line.uuid = 'wmi-purged'
      else if (line.uuid === 'wmi-purged') line.uuid = 'wmi-gone'
      if (line.name === 'os') line.string_value = 'natty'
      if (line.uuid === 'a-shpoolxx') line.description = 'not compared'
    }
    const input = lines.map((line) => JSON.stringify(line)).join('\n')
    const before = await allRows(database)
    const run = await importInto(database, input)
    expect(run).toMatchObject({ code: 5, stdout: '' })
    expect(run.stderr.split('\n')).toEqual([
      'Conflict: a-one: description',
      'Conflict: bkst-s: base_uri',
      'Conflict: bo-big: size, state',
      'Conflict: wmi-purged: was purged here; its ID is never reused',
      'Conflict: wmi-CHILD: uuid',
      'Conflict: wmi-child: label:os',
      'Conflict: wmi-gone: was purged in the exported registry, but still exists here',
      'Error: Nothing was imported: 7 entries differ from this registry',
      expect.stringMatching(/^Hint: .* To keep those of this registry, remove their lines from the export, /),
      '',
    ])
    const json = await importInto(database, input, ['--json'])
    expect(json.code).toBe(5)
    expect(JSON.parse(json.stdout)).toMatchObject({
      conflicts: [
        { id: 'a-one', fields: ['description'] },
        {},
        {},
        { id: 'wmi-purged', fields: ['purged_at'], why: 'was purged here; its ID is never reused' },
        {},
        {},
        { id: 'wmi-gone', fields: ['purged_at'] },
      ],
      error: { code: 'IMPORT_CONFLICT', exit: 5 },
    })
    // --columns and cell formats do not hide the error.
    expect(await importInto(database, input, ['--json', '-c', 'image'])).toEqual(json)
    for (const format of ['csv', 'table']) expect(await importInto(database, input, ['--format', format])).toEqual(run)
    expect(await allRows(database)).toEqual(before)
    // The way out that the hint names.
    const differing: string[] = run.stderr.match(/(?<=^Conflict: )\S+(?=:)/gm) ?? []
    const kept = lines.slice(0, -1).filter((line) => !differing.includes(line.uuid ?? line.resource_uuid))
    const end = lines.at(-1)
    const counts = Object.keys(end.counts).map((type) => [type, kept.filter((line) => line.type === type).length])
    const rest = [...kept, { ...end, counts: Object.fromEntries(counts) }].map((line) => JSON.stringify(line))
    expect(await importInto(database, rest.join('\n'))).toMatchObject({ code: 0 })
  })

  test('names a file that is not a registry file', async () => {
    const { path, remove } = newFolder()
    const file = join(path, 'note.txt')
    for (const [text, says] of [
      ['hello\n', 'line 1 is not a registry header\nHint: Create a registry file with: vdc-manage registry export\n'],
      ['', 'the registry file is empty\nHint: '],
    ] as const) {
      writeFileSync(file, text)
      const run = await vdcManage(['registry', 'import', file], { database })
      expect(run).toMatchObject({ code: 3, stdout: '' })
      expect(run.stderr.startsWith(`Error: ${file}: ${says}`)).toBe(true)
    }
    remove()
  })

  test('refuses a file that is truncated anywhere', async () => {
    const text = `${other((value) => value, 1)}\n`
    const bytes = Buffer.from(text)
    await expectRefused('', { code: 3, message: 'Error: The registry file is empty' })
    for (const part of [0.2, 0.5, 0.9]) {
      await expectRefused(bytes.subarray(0, bytes.length * part), {
        code: 3,
        message: /is truncated|is not a JSON object|is not UTF-8/,
      })
    }
    await expectRefused(text.split('\n').slice(0, -2).join('\n'), { code: 3, message: 'its last line is missing' })
    const lacking = text.split('\n').filter((_, index) => index !== lineOf('image') - 1)
    await expectRefused(lacking.join('\n'), { code: 3, message: 'counts 3 lines of type image, but the file has 2' })
    await expectRefused(`${text}${text}`, { code: 3, message: 'comes after the end of the registry' })
  })

  const hostile: [
    name: string,
    type: string,
    change: (value: Record<string, unknown>) => object | string,
    message: string,
  ][] = [
    [
      'another version',
      'registry',
      (value) => ({ ...value, version: 2 }),
      'has registry version 2; only version 1 is supported',
    ],
    ['no header', 'registry', () => whole[1] as string, 'Line 1 is not a registry header'],
    ['invalid JSON', 'image', () => '{"type":"image"', 'is not a JSON object'],
    ['an array', 'image', () => '[]', 'is not a JSON object'],
    ['an empty line', 'image', () => '', 'is not a JSON object'],
    ['deep nesting', 'image', () => `{"type":"image","uuid":${DEPTH}0${'}'.repeat(1000)}}`, 'must be an ID'],
    [
      'a purge of an object',
      'purged_image',
      (value) => ({ ...value, uuid: 'bo-x' }),
      'uuid must be an ID such as wmi-',
    ],
    ['a purge without a time', 'purged_image', (value) => ({ ...value, purged_at: null }), 'purged_at must be a time'],
    ['an unknown type', 'image', (value) => ({ ...value, type: 'history' }), 'has an unknown type'],
    ['types out of order', 'label', () => whole[1] as string, 'must come before the lines of type image'],
    ['an extra column', 'image', (value) => ({ ...value, id: 1 }), 'is refused: it has unknown keys: id'],
    [
      'a prototype',
      'image',
      (value) => JSON.stringify(value).replace('{', '{"__proto__":{"x":1},'),
      'has unknown keys: __proto__',
    ],
    ['a missing column', 'image', ({ display_name: _, ...value }) => value, 'display_name must be text'],
    ['an invalid ID', 'image', (value) => ({ ...value, uuid: 'wmi-a; DROP' }), 'uuid must be an ID such as wmi-'],
    ['an ID of another kind', 'image', (value) => ({ ...value, uuid: 'bo-x' }), 'uuid must be an ID such as wmi-'],
    ['a long ID', 'image', (value) => ({ ...value, uuid: `wmi-${'a'.repeat(252)}` }), 'uuid must be an ID'],
    [
      'a long name',
      'image',
      (value) => ({ ...value, display_name: 'x'.repeat(256) }),
      'display_name must not be longer than 255',
    ],
    [
      'a long description',
      'image',
      (value) => ({ ...value, description: 'ü'.repeat(32768) }),
      'longer than 65535 bytes',
    ],
    ['a NUL', 'image', (value) => ({ ...value, display_name: 'a\u0000b' }), 'display_name must be valid Unicode text'],
    [
      'half a surrogate pair',
      'image',
      (value) => JSON.stringify(value).replace('"linux"', '"\\ud800"'),
      'os_type must be valid Unicode text',
    ],
    [
      'an invalid time',
      'image',
      (value) => ({ ...value, created_at: '2026-02-30T00:00:00Z' }),
      'created_at must be a time',
    ],
    ['invalid YAML', 'image', (value) => ({ ...value, features: '--- [\n' }), 'features hold YAML that cannot be read'],
    [
      'a rounded number',
      'backup_object',
      (value) => JSON.stringify(value).replace(':512', ':9007199254740993'),
      'size must be a whole number',
    ],
    [
      'a number that is too large',
      'backup_object',
      (value) => ({ ...value, size: '9223372036854775808' }),
      'size must be a whole number',
    ],
    ['a negative number', 'backup_object', (value) => ({ ...value, size: -1 }), 'size must be a whole number'],
    [
      'an invalid state before the deletion',
      'image',
      (value) => ({ ...value, state_before_deletion: null }),
      'state_before_deletion must be text',
    ],
    ['an invalid flag', 'image', (value) => ({ ...value, is_public: 2 }), 'is_public must be 0 or 1'],
    [
      'an unknown storage',
      'backup_object',
      (value) => ({ ...value, backup_storage_id: 'bkst-nope' }),
      'its backup storage bkst-nope is neither in the file nor in the registry',
    ],
    ['a claim', 'label', (value) => ({ ...value, name: 'vdc-manage.claim' }), 'is created with its backup storage'],
    [
      'a label of an instance',
      'label',
      (value) => ({ ...value, resource_uuid: 'i-demo' }),
      'resource_uuid must be an ID that begins with',
    ],
  ]
  test('refuses hostile lines by their number, and writes nothing', async () => {
    const registry = await openRegistry(parseDatabaseUri(database.uri, 'the test'))
    const before = await allRows(database)
    for (const [name, type, change, message] of hostile) {
      const outcome = importRegistry(registry, Readable.from([Buffer.from(other(change, lineOf(type)))]))
      const error: VdcError = await outcome.then(
        () => Promise.reject(new Error(`${name} is imported`)),
        (thrown) => thrown,
      )
      expect({ name, message: error.message, exit: error.exit }).toEqual({
        name,
        message: expect.stringContaining(message),
        exit: 3,
      })
      expect(error.message).toMatch(/^Line \d+ /)
    }
    expect(await allRows(database)).toEqual(before)
    await registry.close()
  })

  test.each([
    ['a byte order mark', (text: string) => `\ufeff${text}`],
    ['trailing empty lines', (text: string) => `${text}\n\n  \n`],
    ['CRLF line endings', (text: string) => text.replaceAll('\n', '\r\n')],
    ['all of these', (text: string) => `\ufeff${text.replaceAll('\n', '\r\n')}\r\n\r\n`],
    ['no trailing newline', (text: string) => text.trimEnd()],
  ])('accepts a file with %s', async (_, edit) => {
    const before = await allRows(database)
    const run = await importInto(database, edit(`${whole.join('\n')}\n`), ['--json'])
    expect(run).toMatchObject({ code: 0, stderr: expect.stringMatching(/^Imported: /) })
    expect(JSON.parse(run.stdout)).toMatchObject({ image: { added: 0, unchanged: 3 } })
    expect(await allRows(database)).toEqual(before)
  })

  test('refuses a byte order mark elsewhere, and text that is not UTF-8, with a hint', async () => {
    const text = `${other((value) => value, 1)}\n`
    await expectRefused(text.replace('\n', '\n\ufeff'), { code: 3, message: 'Line 2 is not a JSON object' })
    const hint = /Line 1 is not UTF-8\nHint: The file is UTF-16\. Convert it with: iconv -f UTF-16 -t UTF-8\n/
    await expectRefused(Buffer.from(`\ufeff${text}`, 'utf16le'), { code: 3, message: hint })
  })

  test('refuses files without lines, missing files, and stdin in the shell', async () => {
    await expectRefused('x'.repeat(5 * 1024 * 1024), { code: 3, message: 'Line 1 is too long' })
    await expectRefused(Buffer.from([0xff, 0xfe, 0x0a]), { code: 3, message: 'Line 1 is not UTF-8' })
    await expectRefused('', { code: 3, message: 'does not exist' }, [join(folder.path, 'none')])
    await expectRefused('', { code: 3, message: 'is a folder' }, [folder.path])
    const file = join(folder.path, 'file')
    writeFileSync(file, '')
    await expectRefused('', { code: 3, message: 'a part of its path is not a folder' }, [join(file, 'x')])
    await expectRefused('', { code: 3, message: 'its name is too long' }, [join(folder.path, 'x'.repeat(300))])
    const run = await vdcManage(['-e'], { database, input: 'registry import\n' })
    expect(run).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('No file given, and registry import cannot read stdin in the shell'),
    })
  })

  test('waits for the writer of a named pipe, ends at Ctrl-C, and refuses a pipe with --tx bulk', async () => {
    const pipe = join(folder.path, 'pipe')
    await execa('mkfifo', [pipe])
    const waiting = vdcManage(['registry', 'import', pipe], { database })
    await sleep(500)
    await writeFile(pipe, `${whole.join('\n')}\n`)
    expect(await waiting).toMatchObject({ ...NOTHING, stderr: expect.stringContaining('Imported: nothing new; ') })
    const interrupted = execa(PROGRAM, ['registry', 'import', pipe], {
      env: environment({ database }),
      extendEnv: false,
      reject: false,
    })
    // cat reads the pipe for it.
    await expect.poll(() => processesWith(`cat\0--\0${pipe}`)).not.toEqual([])
    interrupted.kill('SIGINT')
    expect(await interrupted).toMatchObject({ exitCode: 130, stderr: 'Error: Interrupted' })
    const run = await vdcManage(['--tx', 'bulk'], { database, input: `registry import ${pipe}\n` })
    expect(run).toMatchObject({
      code: 9,
      stderr: expect.stringContaining('Error: A pipe cannot be imported with --tx bulk'),
    })
  })

  test('accepts references to missing objects, as Wakame-vdc does, with a warning', async () => {
    const path = join(folder.path, 'missing.ndjson')
    const image = lineOf('image')
    writeFileSync(
      path,
      other((value) => ({ ...value, account_id: 'a-nowhere', backup_object_id: 'bo-nowhere' }), image),
    )
    const run = await vdcManage(['registry', 'import', path], { database })
    expect(run).toMatchObject({ code: 0, stdout: '' })
    expect(run.stderr.split('\n').slice(0, 2).sort()).toEqual([
      'Warning: Accounts own images or backup objects but do not exist: a-nowhere',
      'Warning: Images cannot boot because their backup objects are missing: bo-nowhere',
    ])
  })

  test('names the conflict of labels that MySQL treats as the same', async () => {
    const lines = whole
      .map((line) => JSON.parse(line))
      .filter(({ type }) => ['registry', 'label', 'end'].includes(type))
    const os = lines.find(({ name }) => name === 'os')
    const input = [
      lines[0],
      { ...os, name: 'new' },
      { ...os, name: 'OS' },
      { type: 'end', counts: { account: 0, backup_storage: 0, backup_object: 0, image: 0, label: 2 } },
    ]
      .map((line) => JSON.stringify(line))
      .join('\n')
    const dry = await vdcManage(['registry', 'import', '--dry-run'], { database, input })
    const run = await importInto(database, input)
    expect(dry.stderr).toBe(run.stderr)
    const says = "Conflict: wmi-child: its label 'OS' counts as the same name as its label 'os'\n"
    expect(run).toMatchObject({ code: 5, stderr: expect.stringContaining(says) })
    if (engine === 'mariadb') {
      const accents = input.replace('"new"', '"\u00e9"').replace('"OS"', '"e"')
      const { code, stderr } = await importInto(database, accents)
      expect({ code, stderr }).toEqual({
        code: 5,
        stderr: expect.stringContaining(
          "Conflict: wmi-child: its label 'e' counts as the same name as its label 'é'\n",
        ),
      })
    }
  })

  test('does not block others while it waits for input, and two at once behave as one after the other', async () => {
    const target = await newDatabase(engine)
    const file = join(folder.path, 'whole.ndjson')
    // MySQL rounds it to 100.
    writeFileSync(file, `${whole.join('\n')}\n`.replace('"progress":12.5', '"progress":99.99999999999999'))
    const run = await shell(
      `{ head -n 3 ${file}; until [ -e ${folder.path}/added ]; do sleep 0.05; done; tail -n +4 ${file}; } | vdc-manage registry import &
       sleep 0.5; vdc-manage account add --uuid meanwhile && touch ${folder.path}/added; wait $!`,
      { database: target },
    )
    expect(run).toMatchObject({ code: 0, stdout: 'a-meanwhile\n' })
    const other = await newDatabase(engine)
    const both = await Promise.all(
      [file, '-'].map((source) =>
        vdcManage(['registry', 'import', source], { database: other, input: source === '-' ? readFileSync(file) : '' }),
      ),
    )
    expect(both).toMatchObject([NOTHING, NOTHING])
    expect((await exported(other)).at(-2)).toBe(whole.at(-1))
    await target.remove()
    await other.remove()
  })

  test('leaves nothing if killed, and is complete when run again', async () => {
    const target = await newDatabase(engine)
    const images = Array.from({ length: 3000 }, (_, n) => ({
      ...JSON.parse(whole[lineOf('image') - 1] as string),
      uuid: `wmi-k${n}`,
    }))
    const counts = { account: 0, backup_storage: 0, backup_object: 0, image: images.length, label: 0 }
    const path = join(folder.path, 'many.ndjson')
    writeFileSync(
      path,
      [JSON.parse(whole[0] as string), ...images, { type: 'end', counts }]
        .map((line) => JSON.stringify(line))
        .join('\n'),
    )
    const before = await allRows(target)
    const start = () =>
      execa(PROGRAM, ['registry', 'import', path], {
        env: environment({ database: target }),
        extendEnv: false,
        reject: false,
      })
    for (const [signal, moment] of [
      ['SIGKILL', 350],
      ['SIGKILL', 600],
      ['SIGTERM', 500],
      ['SIGINT', 500],
    ] as const) {
      const running = start()
      await sleep(moment)
      running.kill(signal)
      const { exitCode, signal: ended } = await running
      if (exitCode === 0) break
      // During start-up, the signal itself ends the process.
      if (signal === 'SIGTERM') expect([143, 'SIGTERM']).toContain(exitCode ?? ended)
      if (signal === 'SIGINT') expect([130, 'SIGINT']).toContain(exitCode ?? ended)
      // The signal may come after the commit.
      const rows = await allRows(target)
      if (rows.images.length === before.images.length + images.length) break
      expect(rows).toEqual(before)
    }
    expect((await start()).exitCode).toBe(0)
    expect((await allRows(target)).histories).toHaveLength(3000 * 23)
    await target.remove()
  })
})

describe('on a database of Wakame-vdc', () => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await newWakame(inject('mariadb').port)
  })
  afterAll(() => database.remove())

  test('exports and imports its rows unchanged, and touches nothing else', async () => {
    await insert(database, 'accounts', { id: 102, uuid: 'team' })
    await insert(database, 'backup_storages', { id: 7, uuid: 'local' })
    await insert(database, 'backup_objects', { id: 1, uuid: 'lucid', backup_storage_id: 7 })
    await insert(database, 'backup_objects', { id: 2, uuid: 'stray', backup_storage_id: 99, state: 'purged' })
    await insert(database, 'images', {
      id: 1,
      uuid: 'lucid',
      backup_object_id: 'bo-lucid',
      state: 'init',
      parent_image_id: '',
    })
    await insert(database, 'resource_labels', { resource_uuid: 'i-demo', name: 'of an instance', string_value: 'x' })
    await insert(database, 'resource_labels', { resource_uuid: 'wmi-lucid', name: 'os', string_value: 'lucid' })
    // A purged image, an image whose ID Ruby used again, and an object whose row stays.
    for (const uuid of ['wmi-purged', 'wmi-LUCID', 'bo-stray']) {
      await insert(database, 'histories', { uuid, attr: 'purged_at', vchar_value: LONG_AGO })
    }
    const original = await exported(database)
    expect(original.join('\n')).not.toContain('i-demo')
    expect(original.filter((line) => line.includes('"purged_image"'))).toEqual([
      '{"type":"purged_image","uuid":"wmi-purged","purged_at":"2015-03-04T05:06:07Z"}',
      expect.stringMatching(/^{"type":"end",.*"purged_image":1}}$/),
    ])
    const { stdout } = await vdcManage(['registry', 'export'], { database })

    const copy = await newWakame(inject('mariadb').port)
    const before = await contentsOf(copy)
    expect(await importInto(copy, stdout)).toMatchObject(NOTHING)
    expect(await exported(copy)).toEqual(original)
    expect((await contentsOf(copy)).untouchable).toEqual(before.untouchable)
    // Both report all rows as unchanged.
    for (const again of [database, copy]) {
      expect(await importInto(again, stdout)).toMatchObject({
        code: 0,
        stderr: expect.stringMatching(/^Imported: nothing new; /),
      })
    }
    await copy.remove()
  })

  test('refuses an emoji by name, and writes nothing', async () => {
    const source = await newDatabase('sqlite')
    await runLines(['account add --uuid a-emoji --description "🐧 linux"'], { database: source })
    const { stdout } = await vdcManage(['registry', 'export'], { database: source })
    const before = await contentsOf(database)
    const run = await importInto(database, stdout)
    expect(run).toMatchObject({ code: 3, stdout: '' })
    expect(run.stderr).toContain('(a-emoji) is refused: description contains 🐧')
    expect(await contentsOf(database)).toEqual(before)
    await source.remove()
  })

  test('refuses a database without labels', async () => {
    const bare = await newWakame(inject('mariadb').port)
    await bare.query('DROP TABLE resource_labels')
    const { stdout } = await vdcManage(['registry', 'export'], { database })
    expect(await importInto(bare, stdout)).toMatchObject({
      code: 7,
      stderr: expect.stringContaining('resource_labels'),
    })
    expect(await bare.query('SELECT * FROM backup_storages')).toEqual([])
    expect(await vdcManage(['registry', 'export'], { database: bare })).toMatchObject({ code: 7 })
    await bare.remove()
  })
})
