import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse as parseYaml } from 'yaml'
import { ACCOUNT_COLUMNS } from '../../src/cli/answer/columns/account.ts'
import { HISTORY_COLUMNS } from '../../src/cli/answer/columns/history.ts'
import { ORPHAN_COLUMNS } from '../../src/cli/answer/columns/orphan.ts'
import { PURGED_COLUMNS } from '../../src/cli/answer/columns/purged.ts'
import type { Column } from '../../src/cli/answer/columns.ts'
import { renderTable } from '../../src/cli/answer/table.ts'
import { newDatabase, type TestDatabase } from '../support/databases/databases.ts'
import { makeImage, newFolder } from '../support/files/images.ts'
import { ROOT, runLines, shell, vdcManage, vdcManageJson } from '../support/process/cli.ts'
import { startTerminal } from '../support/process/tmux.ts'

/** Hostile input: clears the screen, reverses the text direction, and breaks lines, cells and quotes. */
const HOSTILE = 'a"b,c\t\u001b[2J\u202Edesrever\u2066\u009b31m\\\nnext; yes'
const ESCAPED = 'a"b,c\\t\\u001b[2J\\u202edesrever\\u2066\\u009b31m\\\\nnext; yes'
const WIDE = '日本語の名前'
const EMOJI = '🚀👩‍🚀🫠 go'

let database: TestDatabase
beforeAll(async () => {
  database = await newDatabase('sqlite')
  const add = (id: string, name: string, description: string | null) =>
    database.query(
      `INSERT INTO backup_storages (uuid, display_name, storage_type, description, base_uri, created_at, updated_at)
       VALUES (?, ?, 'local', ?, 'file:///srv/', '2026-11-24 09:30:00', '2026-11-24 09:30:00')`,
      [id, name, description],
    )
  await add('hostile', HOSTILE, HOSTILE)
  await add('wide', WIDE, 'yes')
  await add('emoji', EMOJI, null)
})
afterAll(() => database.remove())

test('a field without a value is shown in one way, whether it is NULL or empty', async () => {
  await database.query("UPDATE backup_storages SET node_id = '' WHERE uuid = 'emoji'")
  const { stdout } = await vdcManage(['backupstorage', 'show', 'bkst-emoji'], { database, reject: true })
  expect(stdout).toMatch(/^description: +-$/m)
  expect(stdout).toMatch(/^node_id: +-$/m)
  await database.query("UPDATE backup_storages SET node_id = NULL WHERE uuid = 'emoji'")
})

const list = (...args: string[]) => vdcManage(['backupstorage', 'list', ...args], { database, reject: true })

describe('formats', () => {
  test('json and ndjson hold the same values, without control characters', async () => {
    const rows = JSON.parse((await list('--json')).stdout)
    expect(rows).toMatchObject([
      { id: 'bkst-hostile', display_name: HOSTILE, description: HOSTILE, node_id: null },
      { display_name: WIDE },
      { display_name: EMOJI, description: null },
    ])
    expect((await list('--format', 'json')).stdout).toBe((await list('--json')).stdout)
    const { stdout } = await list('--format=ndjson')
    expect(
      stdout
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line)),
    ).toEqual(rows)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the test looks for them
    expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/)
  })

  test('yaml holds the same values, also for YAML 1.1 parsers', async () => {
    const rows = JSON.parse((await list('--json')).stdout)
    const { stdout } = await list('--format', 'yaml')
    expect(parseYaml(stdout)).toEqual(rows)
    expect(parseYaml(stdout, { version: '1.1' })).toEqual(rows)
    expect(stdout).toContain('description: "yes"')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the test looks for them
    expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/)
  })

  test('yaml quotes strings that YAML 1.1 gives a type', async () => {
    const id = (await shell("vdc-manage account add --description '='", { database })).stdout.trim()
    const show = async () => (await vdcManage(['account', 'show', id, '--format', 'yaml'], { database })).stdout
    expect(await show()).toContain('description: "="\n')
    await vdcManage(['account', 'modify', id, '--description', '<<'], { database, reject: true })
    expect(await show()).toContain('description: "<<"\n')
  })

  test('csv quotes as in RFC 4180 and is otherwise byte-exact', async () => {
    const { stdout } = await list('--format', 'csv', '-c', 'id,display_name,description')
    expect(stdout).toBe(
      [
        'id,display_name,description\n',
        `bkst-hostile,"${HOSTILE.replace('"', '""')}","${HOSTILE.replace('"', '""')}"\n`,
        `bkst-wide,${WIDE},yes\n`,
        `bkst-emoji,${EMOJI},\n`,
      ].join(''),
    )
    expect((await list('--format', 'csv', '-c', 'id', '--no-header')).stdout).toBe(
      'bkst-hostile\nbkst-wide\nbkst-emoji\n',
    )
  })

  test('csv prefixes cells that a spreadsheet would run with a quote; value and json do not', async () => {
    const own = await newDatabase('sqlite')
    const texts = [
      '=1+1',
      '+1',
      '-1',
      '@A1',
      '\t=1',
      '\r=1',
      '＝1',
      '＋1',
      '－1',
      '＠A1',
      "'=1",
      'a;=1',
      'a\t=1',
      '-',
      'a-1',
    ]
    await runLines(
      [
        'backupstorage add --uuid bkst-one --display-name one --base-uri file:///srv/images/ --storage-type local',
        ...texts.map(
          (_, at) =>
            `backupobject add --uuid bo-n${10 + at} --display-name x --storage-id bkst-one --object-key ${at}.raw --size 5 --checksum ${'0'.repeat(32)}`,
        ),
      ],
      { database: own },
    )
    for (const [at, text] of texts.entries())
      await own.query('UPDATE backup_objects SET display_name = ?, size = -5 WHERE uuid = ?', [text, `n${10 + at}`])
    const answer = async (format: string) =>
      (
        await vdcManage(['backupobject', 'list', '--sort', 'id', '-c', 'display_name,size', '--format', format], {
          database: own,
          reject: true,
        })
      ).stdout
    const cells = [
      "'=1+1",
      "'+1",
      "'-1",
      "'@A1",
      '"\'\t=1"',
      '"\'\r=1"',
      "'＝1",
      "'＋1",
      "'－1",
      "'＠A1",
      "'=1",
      '"a;=1"',
      '"a\t=1"',
      "'-",
      'a-1',
    ]
    // Negative numbers are not formulas.
    expect(await answer('csv')).toBe(`display_name,size\n${cells.map((cell) => `${cell},-5\n`).join('')}`)
    expect(JSON.parse(await answer('json')).map((row: { display_name: string }) => row.display_name)).toEqual(texts)
    const values = texts.map((text) => text.replace('\t', '\\t').replace('\r', '\\r'))
    expect(await answer('value')).toBe(values.map((value) => `${value}\t-5\n`).join(''))
    await own.remove()
  })

  test('value prints one row per line with tab-separated cells, whatever they hold', async () => {
    const { stdout } = await list('--format', 'value', '--columns', 'id,description,node_id')
    const escaped = HOSTILE.replace('\\', '\\\\').replace('\n', '\\n').replace('\t', '\\t')
    expect(stdout).toBe(`bkst-hostile\t${escaped}\t\nbkst-wide\tyes\t\nbkst-emoji\t\t\n`)
  })

  test('table escapes control characters, and is neither truncated nor coloured in a pipe', async () => {
    const { stdout, stderr } = await list()
    const [header = '', ...rows] = stdout.split('\n')
    expect(header.split(/ {2,}/)).toEqual(['ID', 'NAME', 'TYPE', 'STATE', 'NODE', 'BASE URI'])
    expect(rows[0]).toBe(`bkst-hostile  ${ESCAPED}  local  available  -     file:///srv/`)
    expect(stderr).toBe('')
    const bare = (await list('--no-header')).stdout.split('\n')
    expect(bare).toHaveLength(rows.length)
    expect(bare[0]).toMatch(/^bkst-hostile /)
  })

  test('table is printed in full to a terminal of unknown width', async () => {
    const { stdout } = await shell('script -qec "vdc-manage backupstorage list --no-color" /dev/null < /dev/null', {
      database,
    })
    expect(stdout.replaceAll('\r', '')).toBe((await list()).stdout)
  })

  test('an empty list is valid in every format', async () => {
    const empty = await newDatabase('sqlite')
    const stdout = async (...args: string[]) =>
      (await vdcManage(['backupobject', 'list', ...args], { database: empty, reject: true })).stdout
    expect(await stdout('--json')).toBe('[]\n')
    expect(await stdout('--format', 'yaml')).toBe('[]\n')
    expect(await stdout('--format', 'ndjson')).toBe('')
    expect(await stdout('--format', 'value')).toBe('')
    expect(await stdout('--format', 'csv')).toMatch(/^id,account_id,.*\n$/)
    expect(await stdout('--format', 'csv', '--no-header')).toBe('')
    expect(await stdout()).toMatch(/^ID +NAME .*\n$/)
    await empty.remove()
  })

  test('all formats keep all digits of a 19-digit number', async () => {
    const largest = '9223372036854775807'
    const args = `--display-name big --object-key big.raw --size ${largest} --checksum ${'0'.repeat(32)} --storage-id bkst-wide`
    const id = (await shell(`vdc-manage backupobject add ${args}`, { database })).stdout.trim()
    for (const [format, expected] of [
      ['json', `"size": ${largest}`],
      ['ndjson', `"size":${largest}`],
      ['yaml', `size: ${largest}`],
      ['csv', largest],
      ['value', largest],
    ] as const) {
      const show = await vdcManage(['backupobject', 'show', id, '--format', format], { database, reject: true })
      expect(show.stdout).toContain(expected)
    }
  })

  test('add, modify and del print the whole object with --format, and the usual output without', async () => {
    const run = (...args: string[]) => vdcManage(['account', ...args], { database, reject: true })
    const made = JSON.parse((await run('add', '--description', 'x', '--format', 'ndjson')).stdout)
    expect(made).toMatchObject({ id: expect.stringMatching(/^a-[a-z0-9]{8}$/), description: 'x' })
    expect((await run('modify', made.id, '--description', 'y')).stdout).toBe('')
    expect((await run('modify', made.id, '--disable', '--format', 'value', '-c', 'id,enabled')).stdout).toBe(
      `${made.id}\tfalse\n`,
    )
    expect((await run('del', made.id, '-c', 'description')).stdout).toBe('description: y\n')
  })
})

describe('columns', () => {
  test('are printed in the order given, including nested ones', async () => {
    expect((await list('-c', 'storage_type,id')).stdout.split('\n')[0]).toMatch(/^TYPE +ID$/)
    expect(JSON.parse((await list('--json', '-c', 'storage_type,id')).stdout)[1]).toEqual({
      storage_type: 'local',
      id: 'bkst-wide',
    })
    const own = await newDatabase('sqlite')
    const folder = newFolder()
    const path = await makeImage(join(folder.path, 'disk.qcow2'))
    const { stdout } = await vdcManage(
      [
        'image',
        'add',
        'local',
        path,
        '--account-id',
        'a-shpoolxx',
        '--format',
        'value',
        '-c',
        'backup_object.uri,backup_object.labels.vdc-manage.virtual-size,labels.toString',
      ],
      { database: own, reject: true },
    )
    await own.remove()
    expect(stdout).toBe(`file://${path}\t1073741824\t\n`)
    folder.remove()
  })

  test('--columns help lists the keys of the JSON output', async () => {
    const { stdout } = await list('--columns', 'help')
    expect(stdout.split('\n').slice(0, -1)).toEqual(
      Object.keys((await vdcManageJson(['backupstorage', 'list'], { database }))[0]),
    )
    const missingArgument = await vdcManage(['image', 'modify', '-c', 'help'], { database })
    expect(missingArgument).toMatchObject({
      code: 0,
      stderr: '',
      stdout: expect.stringContaining('backup_object.uri\n'),
    })
  })

  test('can also be named as in --sort or by their table header', async () => {
    const { stdout } = await list('-c', 'ID,Name', '--columns=created', '--format', 'csv')
    expect(stdout.split('\n')[0]).toBe('id,display_name,created_at')
  })

  test('--columns help works for every command with output, also those without options of their own', async () => {
    const { commands } = JSON.parse(readFileSync(join(ROOT, 'oclif.manifest.json'), 'utf8'))
    const ids = Object.keys(commands).filter((id) => 'columns' in commands[id].flags && id !== 'shell')
    const lines = ids.flatMap((id) => [`${id.replaceAll(':', ' ')} -c help`, 'image list --count'])
    const answers = `\n${(await runLines(lines, { database })).join('\n')}`.split('\n0')
    expect(answers).toHaveLength(ids.length + 1)
    for (const [index, id] of ids.entries()) expect(id + answers[index]).toMatch(/^[a-z:]+(\n[a-z0-9_.A-Z]+)+$/)
  })

  test.each([
    [['image', 'del', '-n'], 0, /^action\ntable\nid\n/],
    [['image', 'list', '--count'], 0, /^count\n$/],
    [['image', 'history', 'wmi-x', '--at', '2026-11-24'], 0, /^id\ndisplay_name\n/],
    [['registry', 'export'], 2, /^$/],
  ])('%j -c help lists the columns of its output', async (words, code, stdout) => {
    expect(await vdcManage([...words, '-c', 'help'], { database })).toMatchObject({
      code,
      stdout: expect.stringMatching(stdout),
    })
  })

  test.each([
    [
      ['-c', 'id,bogus'],
      3,
      'There is no column bogus\nHint: Columns (list all with --columns help): id, display_name, ',
    ],
    [
      ['-c', 'node_ids'],
      3,
      'There is no column node_ids\nHint: Did you mean node_id? Columns (list all with --columns help): id, ',
    ],
    [
      ['-c', 'nmae'],
      3,
      'There is no column nmae\nHint: Did you mean name? Columns (list all with --columns help): id, ',
    ],
    [['-c', 'id,,node_id'], 3, 'must be names'],
    [['--format', 'xml'], 3, 'must be one of: table, json, ndjson, csv, yaml, value'],
    [['--quiet', '--format', 'csv'], 2, '--quiet and --format cannot be used together'],
    [['--quiet', '-c', 'id'], 2, '--quiet and --columns cannot be used together'],
    [['--name', 'a', '--display-name', 'b'], 2, 'Option --name (also written --display-name) is given more than once'],
    [['--no-header', '--format', 'yaml'], 2, '--no-header and --format yaml cannot be used together'],
    [['--relative', '--format', 'csv'], 2, '--relative and --format csv cannot be used together'],
  ])('refuses %j', async (args, code, message) => {
    const run = await vdcManage(['backupstorage', 'list', ...args], { database })
    expect(run).toMatchObject({ code, stdout: '', stderr: expect.stringContaining(message) })
  })
})

describe('errors', () => {
  test.each([['--json'], ['--format=json'], ['--format=ndjson']])(
    'are JSON with %s, including usage errors',
    async (flag) => {
      const unknown = await vdcManage(['image', 'show', 'wmi-nothere', flag], { database })
      expect(unknown).toMatchObject({ code: 4, stderr: '' })
      expect(JSON.parse(unknown.stdout).error).toMatchObject({ code: 'IMAGE_NOT_FOUND', exit: 4 })
      const usage = await vdcManage(['image', 'show', '--bogus', ...flag.split('=')], { database })
      expect(usage).toMatchObject({ code: 2, stderr: '' })
      expect(JSON.parse(usage.stdout).error).toMatchObject({ code: 'USAGE', exit: 2 })
      // ndjson readers expect one object per line.
      if (flag.includes('ndjson')) for (const { stdout } of [unknown, usage]) expect(stdout).toMatch(/^.*\n$/)
    },
  )

  test('are printed among the results if one of several IDs fails', async () => {
    const args = ['account', 'show', 'a-shpoolxx', 'a-nothere']
    const json = await vdcManage([...args, '--json'], { database })
    expect(json).toMatchObject({ code: 9, stderr: '' })
    const failure = { id: 'a-nothere', error: { code: 'ACCOUNT_NOT_FOUND' } }
    expect(JSON.parse(json.stdout)).toMatchObject([{ id: 'a-shpoolxx' }, failure])
    const ndjson = await vdcManage([...args, '--format', 'ndjson'], { database })
    expect(ndjson).toMatchObject({ code: 9, stderr: '' })
    expect(
      ndjson.stdout
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line)),
    ).toMatchObject([{ id: 'a-shpoolxx' }, failure])
    const some = await vdcManage([...args, '--format', 'ndjson', '-c', 'enabled'], { database })
    expect(some.stdout).toMatch(/^\{"enabled":true\}\n\{"id":"a-nothere","error":\{.*\}\}\n$/)
    // An empty line separates the results, and appears nowhere else.
    const fields = await vdcManage(['account', 'show', 'a-no', 'a-shpoolxx', 'a-nor', 'a-00000000', '-c', 'id'], {
      database,
    })
    expect(fields).toMatchObject({ code: 9, stdout: 'id: a-shpoolxx\n\nid: a-00000000\n' })
    const csv = await vdcManage([...args, '--format', 'csv', '-c', 'id'], { database })
    expect(csv).toMatchObject({
      code: 9,
      stdout: 'id\na-shpoolxx\n',
      stderr: expect.stringContaining('Error: Account a-nothere does not exist'),
    })
  })
})

describe('on a terminal', () => {
  test('a table fits: drops the least important columns, truncates text, and says so', async () => {
    const folder = newFolder()
    const terminal = await startTerminal('sh', { database, home: folder.path, width: 60 })
    await terminal.type('vdc-manage backupstorage list; echo "exit $?"')
    await terminal.press('Enter')
    const at60 = await terminal.until(/exit 0/)
    expect(at60).toContain('ID            NAME                       TYPE   BASE URI')
    expect(at60).toContain('bkst-wide     日本語の名前')
    expect(at60).toContain('Not shown in 60 columns: STATE, NODE. Choose columns with\n--columns')
    expect(at60).toMatch(/bkst-hostile {2}a"b,c.*… {2}local {2}file:\/\/\/srv\//)
    await terminal.resize(40)
    await terminal.clear()
    await terminal.type('vdc-manage backupstorage list; echo "exit $?"')
    await terminal.press('Enter')
    const at40 = await terminal.until(/exit 0/)
    for (const line of at40.split('\n').filter((line) => line.startsWith('bkst-')))
      expect(line.length).toBeLessThanOrEqual(40)

    // Columns that are asked for are never left out: they are cut.
    await terminal.clear()
    await terminal.type('vdc-manage backupstorage list -c id,display_name,base_uri,created_at; echo "exit $?"')
    await terminal.press('Enter')
    const asked40 = await terminal.until(/exit 0/)
    expect(asked40).toMatch(/^ID +NAME +BASE\S* U\S* +CREA\S*\nbkst-hostile +a"b,.*… +\S+… +\S+…$/m)
    expect(asked40).not.toContain('Not shown')
    expect((asked40.match(/^bkst-hostile.*$/m) as RegExpMatchArray)[0].length).toBeLessThanOrEqual(40)

    // At a terminal, a dry run says what would happen; in a pipe or with columns, it prints one row per line.
    const modify = 'vdc-manage backupstorage modify bkst-hostile --description "" -n'
    await terminal.clear()
    await terminal.type(`${modify}; ${modify} -c id,action; ${modify} --format table | cat; echo "exit $?"`)
    await terminal.press('Enter')
    const dry = await terminal.until(/exit 0/)
    expect(dry.replaceAll(/\n +/g, ' ')).toContain(
      `\nWould clear description of backup storage bkst-hostile (${ESCAPED})\nDry run: nothing was written\n`,
    )
    expect(dry).toMatch(/^ID +ACTION\nbkst-hostile +update\nDry run: nothing was written/m)
    expect(dry).toMatch(
      /^ACTION +WHAT +ID +VALUES\n(Dry run: .*\n)?update +backup_storages +bkst-hostile +description: a/m,
    )
    await terminal.clear()
    await terminal.type(`${modify} --no-header; ${modify} --format table; echo "exit $?"`)
    await terminal.press('Enter')
    const asked = await terminal.until(/exit 0/)
    expect(asked.match(/^(ACTION|update) .*backup_storages|^ACTION .*/gm)).toEqual([
      expect.stringMatching(/^update +backup_storages/),
      expect.stringMatching(/^ACTION +WHAT/),
      expect.stringMatching(/^update +backup_storages/),
    ])
    await terminal.close()
    folder.remove()
  })
})

describe('columns kept in a narrow terminal', () => {
  const path = '/srv/wakame/pool/2026/lucid-server-cloudimg.raw'
  const time = '2026-11-24T09:30:00Z'
  const orphan = { kind: 'unknown_file', id: 'bkst-k3x9q0bz', path, size: 1536, images: [] }
  const purged = { id: 'bo-k3x9q0bz', kind: 'file', path, bytes: 1536 }
  const entry = { id: 'wmi-k3x9q0bz', created_at: time, attr: 'display_name', value: 'Ubuntu 10.04 64bit' }
  const account = { id: 'a-k3x9q0bz', enabled: true, created_at: time, deleted_at: null, description: 'Research' }
  test.each<[number, Column<never>[], object, string]>([
    [40, ORPHAN_COLUMNS, orphan, `KIND          PATH\nunknown_file  ${path}`],
    [80, ORPHAN_COLUMNS, orphan, `KIND          ID             PATH\nunknown_file  bkst-k3x9q0bz  ${path}`],
    [40, PURGED_COLUMNS, purged, `ID           PATH\nbo-k3x9q0bz  ${path}`],
    [80, PURGED_COLUMNS, purged, `ID           KIND  SIZE     PATH\nbo-k3x9q0bz  file  1.5 KiB  ${path}`],
    [40, HISTORY_COLUMNS, entry, `TIME                  ATTRIBU…  VALUE\n${time}  display…  Ubuntu …`],
    [40, ACCOUNT_COLUMNS, account, 'ID          STATE    DESCRIPTION\na-k3x9q0bz  enabled  Research'],
    [
      40,
      ACCOUNT_COLUMNS,
      { ...account, description: 'Research in Osaka and Kyoto' },
      'ID          DESCRIPTION\na-k3x9q0bz  Research in Osaka and Kyoto',
    ],
  ])('width %d: %j', async (width, columns, row, shown) => {
    const layout = { header: true, now: undefined, width, emphasize: (text: string) => text }
    expect((await renderTable(columns as Column<object>[], [row], layout)).text).toBe(shown)
  })
})

describe('colours', () => {
  const bold = '\u001b[1m'
  test.each([
    [{}, [], false],
    [{ CLICOLOR_FORCE: '1' }, [], true],
    [{ CLICOLOR_FORCE: '0' }, [], false],
    [{ CLICOLOR_FORCE: '1', NO_COLOR: '1' }, [], false],
    [{ CLICOLOR_FORCE: '1', NO_COLOR: '' }, [], true],
    [{ CLICOLOR_FORCE: '1' }, ['--no-color'], false],
    [{ FORCE_COLOR: '1' }, [], true],
    [{ FORCE_COLOR: 'true' }, [], true],
    [{ FORCE_COLOR: '0' }, [], false],
    [{ FORCE_COLOR: 'false', CLICOLOR_FORCE: '1' }, [], false],
    [{ FORCE_COLOR: '' }, [], false],
    [{ FORCE_COLOR: '1', NO_COLOR: '1' }, [], false],
    [{ FORCE_COLOR: '1' }, ['--no-color'], false],
  ])('in a pipe: %j %j', async (env, args, isColoured) => {
    for (const words of [
      ['account', 'list'],
      ['account', 'list', '--help'],
      ['account', 'list', '--bogus'],
    ]) {
      const { stdout, stderr } = await vdcManage([...words, ...args], { database, env })
      expect((stdout + stderr).includes(bold)).toBe(isColoured)
    }
  })

  test.each([
    ['', true],
    ['export NO_COLOR=1; ', false],
    ['export TERM=dumb; ', false],
    ['export CLICOLOR=0; ', false],
    ['export FORCE_COLOR=0; ', false],
    ['export TERM=dumb FORCE_COLOR=1; ', true],
  ])('at a terminal: %s', async (set, isColoured) => {
    const run = await shell(`script -qec '${set}vdc-manage account list; vdc-manage account show a-no' /dev/null`, {
      database,
      env: { TERM: 'xterm' },
    })
    expect(run.stdout.includes(bold)).toBe(isColoured)
    expect(run.stdout).toContain('a-shpoolxx')
  })
})

describe('times', () => {
  test('are ISO 8601 in UTC, or relative in tables with --relative', async () => {
    expect((await list('-c', 'created_at', '--no-header')).stdout).toContain('2026-11-24T09:30:00Z')
    expect((await list('-c', 'created_at', '--no-header', '--relative')).stdout).toMatch(
      /^(?:\d+ (?:second|minute|hour|day|week|month|year)s? ago\n)+$/,
    )
  })
})

describe('IDs on stdin', () => {
  test('- reads IDs as they arrive, so that commands can be piped into each other', async () => {
    const own = await newDatabase('sqlite')
    const line = (text: string) => shell(`set -o pipefail; ${text}`, { database: own })
    expect(
      await line(
        'for i in 1 2 3; do vdc-manage account add --uuid a-t$i; done | vdc-manage account modify - --description "made by us"',
      ),
    ).toMatchObject({ code: 0, stdout: '', stderr: '' })
    const shown = await line(
      "vdc-manage account list --quiet | grep a-t | vdc-manage account show - --json | jq -r '.[].description'",
    )
    expect(shown).toMatchObject({ code: 0, stdout: 'made by us\n'.repeat(3), stderr: '' })
    expect(await line('printf "a-t1\\r\\n\\n  a-t2" | vdc-manage account del - a-nothere')).toMatchObject({
      code: 9,
      stderr: expect.stringContaining('Account a-nothere does not exist'),
    })
    expect((await line('vdc-manage account list -q')).stdout).toBe('a-00000000\na-shpoolxx\na-t3\n')
    // Scripts get a list also for a single ID on stdin.
    expect(JSON.parse((await line('echo a-t3 | vdc-manage account show - --json')).stdout)).toMatchObject([
      { id: 'a-t3' },
    ])
    await own.remove()
  })

  test('no IDs is not an error and changes nothing', async () => {
    for (const input of ['</dev/null', '<&-']) {
      expect(await shell(`vdc-manage image del - ${input}`, { database })).toMatchObject({
        code: 0,
        stdout: '',
        stderr: 'No IDs on stdin: nothing to do\n',
      })
    }
    expect((await shell('vdc-manage image verify - </dev/null', { database })).stderr).toContain(
      'No IDs on stdin: nothing to check\n',
    )
  })

  test('refuses - if stdin is the script, or if it is given twice', async () => {
    const refused = await vdcManage(['-e'], { database, input: 'image show -\na-shpoolxx\n' })
    expect(refused).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining('- cannot read IDs from stdin, because stdin is the script'),
    })
    expect(await vdcManage(['account', 'show', '-', '-'], { database, input: 'a-shpoolxx\n' })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('- reads IDs from stdin and can be given only once'),
    })
  })
})
