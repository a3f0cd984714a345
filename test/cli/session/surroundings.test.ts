import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newDatabase, type TestDatabase } from '../../support/databases/databases.ts'
import { makeImage, newFolder } from '../../support/files/images.ts'
import { PROGRAM, runLines, shell, vdcManage } from '../../support/process/cli.ts'
import { NOBODY } from '../../support/process/root-home.ts'
import { startTerminal } from '../../support/process/tmux.ts'

/*
 * Unusual stdin, stdout and terminals: no wrong exit code, no lost ID, no broken table.
 */

/** Too long for any terminal of the tests. */
const LONG = 'Ubuntu 10.04 64bit '.repeat(6).trim()

let database: TestDatabase
const folder = newFolder()
let path: string
beforeAll(async () => {
  database = await newDatabase('sqlite')
  path = await makeImage(join(folder.path, 'disk.qcow2'))
  await runLines(
    [1, 2, 3].map(
      (n) => `image add local ${path} --account-id a-shpoolxx --uuid wmi-s${n} --display-name "日本語 ${n} 🚀"`,
    ),
    { database },
  )
})
afterAll(async () => {
  await database.remove()
  folder.remove()
})

const add = (more = '') => `vdc-manage image add local ${path} --account-id a-shpoolxx ${more}`
const newest = async () => (await database.query('SELECT uuid FROM images ORDER BY id DESC LIMIT 1'))[0]?.uuid
const count = async () => Number((await database.query('SELECT COUNT(*) AS n FROM images'))[0]?.n)

describe('closed stdout', () => {
  test.each([[''], ['--json'], ['--format csv']])('still names the ID of the stored image: %s', async (more) => {
    const before = await count()
    const run = await shell(`${add(more)} >&-`, { database })
    expect(await count()).toBe(before + 1)
    expect(run.code).toBe(1)
    expect(run.stderr).toBe(`Stored: wmi-${await newest()}\nError: Cannot write to stdout: it is closed\n`)
  })

  test.each([
    ['image list'],
    ['image list --quiet'],
    ['image list --format ndjson'],
    ['image show wmi-s1'],
    ['image show wmi-s1 --json'],
    ['image list --help'],
    ['--version'],
    ['completion bash'],
    ['registry export'],
  ])('is an error for commands that only read: %s', async (line) => {
    expect(await shell(`vdc-manage ${line} >&-`, { database })).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^Error: Cannot write to stdout: (?:it is closed|its reader has closed it)\n$/),
    })
  })

  test('does not matter to commands without output, and /dev/null to none', async () => {
    expect(await shell('vdc-manage image modify wmi-s1 --description x >&-', { database })).toMatchObject({
      code: 0,
      stderr: '',
    })
    expect(await shell(`${add()} >/dev/null`, { database })).toMatchObject({ code: 0, stderr: '' })
    expect(await shell('vdc-manage image list <>/dev/null >&0', { database })).toMatchObject({ code: 0, stderr: '' })
  })

  test.runIf(process.geteuid?.() === 0)('is not confused with a /dev/null that only root may write to', async () => {
    const device = join(folder.path, 'null')
    writeFileSync(device, '', { mode: 0o644 })
    const line = `mount --bind ${device} /dev/null; setpriv --reuid ${NOBODY} --clear-groups ${PROGRAM} --version`
    expect(await shell(`unshare -m sh -c '${line}'`)).toMatchObject({ code: 0, stderr: '' })
  })

  test('together with closed stdin and stderr keeps the exit code', async () => {
    expect(await shell(`${add()} <&- >&- 2>&-`, { database })).toMatchObject({ code: 1 })
    expect(await shell('vdc-manage image show wmi-none <&- >&- 2>&-', { database })).toMatchObject({ code: 4 })
    expect(await shell('vdc-manage image list 2>&-', { database })).toMatchObject({ code: 0 })
  })
})

describe('full stdout', () => {
  test.each([['table'], ['json'], ['ndjson'], ['csv'], ['yaml'], ['value']])(
    'is an error for a list and for a single object as %s',
    async (format) => {
      for (const line of [`image list --format ${format}`, `image show wmi-s1 --format ${format}`]) {
        expect(await shell(`vdc-manage ${line} >/dev/full`, { database })).toMatchObject({
          code: 1,
          stderr: expect.stringContaining('Error: Cannot write to stdout: ENOSPC'),
        })
      }
    },
  )

  test('still names the ID of the stored image, in any format', async () => {
    for (const more of ['', '--json', '--format ndjson', '--format csv', '-c id']) {
      const run = await shell(`${add(more)} >/dev/full`, { database })
      expect(run.code).toBe(1)
      expect(run.stderr).toContain(`Stored: wmi-${await newest()}\n`)
    }
  })
})

test('closed stdin changes nothing', async () => {
  const before = await count()
  const run = await shell(`id=$(${add()} <&-) && vdc-manage image show "$id" -c id --format value <&-`, { database })
  expect(run).toEqual({ code: 0, signal: undefined, stdout: `wmi-${await newest()}\n`, stderr: '' })
  expect(await count()).toBe(before + 1)
  expect(await shell('vdc-manage image list --quiet <&- | head -n 1', { database })).toMatchObject({
    stdout: 'wmi-s1\n',
    code: 0,
  })
})

test('without a terminal, nothing is prompted for, coloured or truncated', async () => {
  const run = await shell('setsid -w vdc-manage image list --sort name --limit 3', { database, env: { COLUMNS: '40' } })
  expect(run).toMatchObject({ code: 0, stderr: '' })
  expect(run.stdout.split('\n')[0]).toMatch(
    /^ID +NAME +ACCOUNT +ARCH +FORMAT +VIRTUAL SIZE +STATE +VISIBILITY +CREATED$/,
  )
  await shell(`vdc-manage image del "$(${add()})"`, { database })
  const purge = await shell('setsid -w vdc-manage image purge --older-than 0s </dev/null', { database })
  expect(purge).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('--yes') })
})

test.each([[{ LANG: 'C', LC_ALL: 'C' }], [{ TERM: 'dumb' }], [{ LANG: 'C', LC_ALL: 'C', TERM: 'dumb' }]])(
  '%j does not change the output',
  async (env) => {
    const usual = await vdcManage(['image', 'list'], { database })
    expect(await vdcManage(['image', 'list'], { database, env })).toEqual(usual)
    expect(await vdcManage(['image', 'show', 'wmi-s1', '--json'], { database, env })).toEqual(
      await vdcManage(['image', 'show', 'wmi-s1', '--json'], { database }),
    )
  },
)

test.each([[40], [80]])(
  'at %d columns, no line of a table is wider than the terminal, and IDs are complete',
  async (width) => {
    const terminal = await startTerminal('sh', { database, home: folder.path, width, env: { PS1: '$ ' } })
    // Some shells show the superuser another prompt.
    await terminal.until(/^[$#]$/m)
    await terminal.type('vdc-manage image list --limit 3; echo "exit $?"')
    await terminal.press('Enter')
    const lines = (await terminal.until(/exit \d/)).split('\n')
    const rows = lines.filter((line) => line.startsWith('wmi-'))
    expect(rows).toHaveLength(3)
    for (const [at, row] of rows.entries()) expect(row).toMatch(new RegExp(`^wmi-s${at + 1} +日本語 ${at + 1} 🚀`))
    // Japanese characters and emoji take two cells each, so the next column starts below its header.
    const cells = (text: string) =>
      [...text].reduce((sum, character) => sum + ((character.codePointAt(0) as number) > 0xff ? 2 : 1), 0)
    const header = lines.find((line) => line.startsWith('ID ')) as string
    const next = header.split(/ {2,}/)[2]
    if (next !== undefined) {
      const at = header.indexOf(next)
      for (const row of rows) expect(cells(row.slice(0, row.search(/(?<=🚀 +)\S/)))).toBe(at)
    }
    for (const line of [header, ...rows]) expect(cells(line)).toBeLessThanOrEqual(width)
    expect(lines.join(' ')).toMatch(new RegExp(`Not shown in ${width} columns: .*\\. Choose columns with --columns`))
    expect(lines.findLast((text) => text.startsWith('exit '))).toBe('exit 0')

    // A dry run is wrapped between words, and prints each value in full.
    const before = await database.query('SELECT * FROM images')
    await terminal.clear()
    await terminal.type(`vdc-manage image modify wmi-s2 --description "${LONG}" --is-public -n; echo "exit $?"`)
    await terminal.press('Enter')
    const dry = await terminal.until(/exit \d/)
    const sentences = [
      `Would set description of image wmi-s2 (日本語 2 🚀) to '${LONG}'`,
      'Would set is_public of image wmi-s2 (日本語 2 🚀) to yes',
      'Dry run: nothing was written',
      'exit 0',
    ]
    expect(dry.slice(dry.indexOf('\nWould ') + 1).replaceAll(/\s+/g, ' ')).toContain(sentences.join(' '))
    expect(await database.query('SELECT * FROM images')).toEqual(before)

    // Paths are printed in full, even if other columns are dropped.
    const stray = join(folder.path, 'incoming', `${'stray-'.repeat(10)}.raw`)
    mkdirSync(dirname(stray), { recursive: true })
    writeFileSync(stray, '')
    await terminal.clear()
    await terminal.type('vdc-manage image orphans; echo "exit $?"')
    await terminal.press('Enter')
    const orphans = await terminal.until(/exit \d/)
    expect(orphans).toContain(`\nKIND          PATH\n`)
    expect(orphans).toContain(`\nunknown_file  ${stray}\n`)
    expect(orphans.replaceAll('\n', ' ')).toContain(`Not shown in ${width} columns: ID, SIZE, IMAGES.`)
    await terminal.close()
  },
)
