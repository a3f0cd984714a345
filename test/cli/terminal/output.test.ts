import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newDatabase, type TestDatabase } from '../../support/databases/databases.ts'
import { makeImage, newFolder } from '../../support/files/images.ts'
import { shell, vdcManage } from '../../support/process/cli.ts'

describe('stdout, stderr and exit codes', () => {
  let database: TestDatabase
  const folder = newFolder()
  let path: string
  beforeAll(async () => {
    database = await newDatabase('sqlite')
    path = await makeImage(join(folder.path, 'disk.qcow2'))
    await vdcManage(['image', 'add', 'local', path, '--account-id', 'a-shpoolxx'], { database, reject: true })
  })
  afterAll(async () => {
    await database.remove()
    folder.remove()
  })
  const images = async () =>
    (await database.query('SELECT uuid FROM images ORDER BY id')).map((row) => `wmi-${row.uuid}`)

  test.each([[[]], [['--json']]])(
    'a full disk keeps the image, prints its ID on stderr, and exits with 1: %j',
    async (more) => {
      const line = `vdc-manage image add local ${path} --account-id a-shpoolxx ${more.join(' ')} > /dev/full`
      const run = await shell(line, { database })
      expect(run.code).toBe(1)
      expect(run.stderr).toContain(`Stored: ${(await images()).at(-1)}`)
      expect(run.stderr).toMatch(/Error: Cannot write to stdout: ENOSPC/)
    },
  )

  test('a broken pipe keeps the image, prints its ID on stderr, and exits with 1', async () => {
    const before = await images()
    const run = await shell(
      `exec 3> >(true); wait $!; vdc-manage image add local ${path} --account-id a-shpoolxx >&3`,
      { database },
    )
    const after = await images()
    expect(after).toHaveLength(before.length + 1)
    expect(run.code).toBe(1)
    expect(run.stderr).toContain(`Stored: ${after.at(-1)}`)
  })

  test('a reader that closes a list early is not an error; a full disk is', async () => {
    for (const list of ['image list', 'image list --quiet', 'image list --json', `image show ${(await images())[0]}`]) {
      expect(await shell(`set -o pipefail; vdc-manage ${list} | true`, { database })).toMatchObject({
        code: 0,
        stderr: '',
      })
      expect(await shell(`vdc-manage ${list} > /dev/full`, { database })).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('ENOSPC'),
      })
    }
    expect(await shell('set -o pipefail; vdc-manage image list --quiet | head -1', { database })).toMatchObject({
      code: 0,
      stderr: '',
    })
  })

  test('commands in a loop do not read its stdin', async () => {
    const run = await shell(
      'printf "a-00000000\\na-shpoolxx\\n" | while read -r id; do vdc-manage account show "$id" --json >/dev/null; vdc-manage image show >/dev/null; vdc-manage account show >/dev/null 2>&1; echo "$id"; done',
      { database },
    )
    expect(run).toMatchObject({ code: 0, stdout: 'a-00000000\na-shpoolxx\n' })
  })

  test('works with closed stdin and stderr', async () => {
    expect(await shell('vdc-manage account list --quiet <&- 2>&-', { database })).toMatchObject({
      code: 0,
      stdout: 'a-00000000\na-shpoolxx\n',
    })
    expect(await shell('vdc-manage image show wmi-none 2>&-', { database })).toMatchObject({ code: 4, stdout: '' })
  })

  test('a change prints nothing, or the object with --json', async () => {
    const [id] = await images()
    const run = await vdcManage(['image', 'del', id as string, '--json'], { database })
    expect(run).toMatchObject({ code: 0, stderr: '' })
    expect(JSON.parse(run.stdout)).toMatchObject({ id, state: 'deleted' })
  })

  test('errors contain no path, stack or SQL without --debug', async () => {
    const plain = await vdcManage(['image', 'show', 'wmi-none'], { database })
    expect(plain.stderr).toBe(
      'Error: Image wmi-none does not exist\nHint: List all images with: vdc-manage image list --all\n',
    )
    const debug = await vdcManage(['image', 'show', 'wmi-none', '--debug'], { database })
    expect(debug).toMatchObject({ code: 4, stdout: '' })
    expect(debug.stderr).toMatch(/^database: sqlite:\/\/\//)
    expect(debug.stderr).toMatch(/^sql: SELECT \* FROM images WHERE uuid IN \(\?\) ORDER BY id$/m)
    expect(debug.stderr).toMatch(/^ +at /m)
  })

  test.each([
    [['bogus'], "There is no command 'bogus'"],
    [['image', 'bogus'], "There is no command 'image bogus'"],
    [['image', 'add', 'bogus', 'x'], "There is no command 'image add bogus'"],
    [['image', 'bogus', '--help'], "There is no command 'image bogus'"],
    [['--bogus'], 'Option --bogus comes before the command'],
    [['-e', 'image', 'list'], 'Option -e is for the shell and cannot be used with a command'],
    [['image', '--hlep'], 'Unknown option: --hlep'],
    [['help', 'output', 'extra'], 'Unexpected argument: extra'],
    [['image', '--debug', 'list'], 'Option --debug comes before the command'],
    [['help', 'bogus'], "There is no command or help topic 'bogus'"],
    [['image', 'list', '--owned'], '--owned requires --account-id'],
    [['image', 'list', 'extra'], 'Unexpected argument: extra'],
    [['image', 'list', '--account-id'], 'Option --account-id expects a value'],
  ])('usage errors exit with 2 as text and as JSON: %j', async (args, says) => {
    const text = await vdcManage(args, { database })
    expect(text).toMatchObject({ code: 2, stdout: '' })
    expect(text.stderr).toMatch(new RegExp(`^Error: ${says}\nHint: .*\n$`))
    // With colours, as at a terminal, the text is the same.
    const json = await vdcManage([...args, '--json'], { database, env: { FORCE_COLOR: '1' } })
    expect(json).toMatchObject({ code: 2, stderr: '' })
    expect(JSON.parse(json.stdout)).toEqual({
      error: { code: 'USAGE', message: says, hint: expect.any(String), exit: 2 },
    })
  })

  test('an account as an argument of a command with --account-id gets the option as a hint', async () => {
    expect(await vdcManage(['image', 'list', 'a-shpoolxx'], { database })).toMatchObject({
      code: 2,
      stderr:
        'Error: Unexpected argument: a-shpoolxx\n' +
        'Hint: Did you mean --account-id a-shpoolxx? See: vdc-manage image list --help\n',
    })
  })

  test('an argument that must be one of several is refused with all of them', async () => {
    expect(await vdcManage(['completion', 'tcsh'])).toMatchObject({
      code: 3,
      stderr: "Error: The argument must be one of: bash, zsh, fish; not 'tcsh'\n",
    })
  })

  test('--debug and --no-color are accepted before the command too', async () => {
    const run = await vdcManage(['--no-color', '--debug', 'image', 'list'], { database })
    expect(run).toMatchObject({ code: 0, stderr: expect.stringContaining('sql: select') })
  })

  test('help that cannot be written exits with 1', async () => {
    for (const words of ['--help', 'image list --help', '--version']) {
      expect(await shell(`vdc-manage ${words} > /dev/full`, { database })).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('ENOSPC'),
      })
    }
  })

  test('an ID that starts with a dash can follow --', async () => {
    expect(await vdcManage(['image', 'show', '--', '--json'], { database })).toMatchObject({ code: 3, stdout: '' })
  })

  test('SIGTERM and SIGINT while a file is hashed exit with 143 and 130, and store nothing', async () => {
    const big = await makeImage(join(folder.path, 'big.raw'), { format: 'raw', size: '200G' })
    const before = await images()
    for (const [signal, code] of [
      ['TERM', 143],
      ['INT', 130],
    ] as const) {
      const run = await shell(
        `timeout --preserve-status -s ${signal} 0.6 vdc-manage image add local ${big} --account-id a-shpoolxx; echo $?`,
        { database },
      )
      expect(run.stdout).toBe(`${code}\n`)
      expect(run.stderr).not.toMatch(/ at /)
    }
    expect(await images()).toEqual(before)
  })
})
