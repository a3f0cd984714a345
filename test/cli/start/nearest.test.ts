import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { WAYS } from '../../../src/cli/suggest/other-verbs.ts'
import { newSqlite } from '../../support/databases/databases.ts'
import { newFolder } from '../../support/files/images.ts'
import { ROOT, vdcManage } from '../../support/process/cli.ts'

/* Typos get a suggestion; they are never corrected or asked about. */

/** What is typed, the name in the error, and the suggestion; undefined if there is none. */
const COMMANDS: [typed: string, slip: string, meant: string | undefined][] = [
  ['imgae lst', 'imgae lst', 'image list'],
  ['imgae', 'imgae', 'image'],
  ['image lsit', 'image lsit', 'image list'],
  ['image dd local x', 'image dd local', 'image add local'],
  ['image add lokal /x --account-id a-x', 'image add lokal', 'image add local'],
  ['image add lucid.raw --account-id a-x', 'image add lucid.raw', 'image add local lucid.raw'],
  ['image add bo-x', 'image add bo-x', 'image add local bo-x'],
  ['image add a.raw b.raw --account-id a-x', 'image add a.raw', 'image add local a.raw b.raw'],
  ['image add https://h/a.raw --into /srv', 'image add https://h/a.raw', 'image add url https://h/a.raw'],
  ['image add https://u:geheim@h/a.raw', 'image add https://…@h/a.raw', "image add url 'https://…@h/a.raw'"],
  [String.raw`image add /x/my\ disk`, 'image add /x/my disk', "image add local '/x/my disk'"],
  ['image lucid.raw', 'image lucid.raw', undefined],
  ['bo-x', 'bo-x', undefined],
  ['list image', 'list image', 'image list'],
  ['local add image x', 'local add image', 'image add local'],
  ['lst imgae', 'lst imgae', 'image list'],
  ['images list', 'images list', 'image list'],
  ['images ls', 'images ls', 'image list'],
  ['imagelist', 'imagelist', 'image list'],
  ['image create x', 'image create', 'image add'],
  ['image remove wmi-x', 'image remove', 'image del'],
  ['account delte a-x', 'account delte', 'account del'],
  ['account dle a-x', 'account dle', 'account del'],
  ['backup-object list', 'backup-object list', 'backupobject list'],
  ['backup object list', 'backup object', 'backupobject list'],
  ['storages', 'storages', 'backupstorage'],
  ['db stauts', 'db stauts', 'db status'],
  ['hlep', 'hlep', 'help'],
  ['help imgae lst', 'imgae lst', 'image list'],
  ['imgae lst --help', 'imgae lst', 'image list'],
  ['exti', 'exti', 'exit'],
  ['registry backup', 'registry backup', 'registry export'],
  ['registry dump', 'registry dump', 'registry export'],
  ['registry restore x', 'registry restore', 'registry import'],
  ['image restore wmi-x', 'image restore', 'image undelete'],
  ['image prune', 'image prune', 'image purge'],
  ['image gc', 'image gc', 'image purge'],
  ['image import x', 'image import', 'image add'],
  ['account enable a-x', 'account enable', 'account modify a-x --enable'],
  ['account disable a-x', 'account disable', 'account modify a-x --disable'],
  ['image rename', 'image rename', 'image modify ID --display-name NAME'],
  ['image mv debian-12', 'image mv', 'image modify debian-12 --display-name NAME'],
  [`image rename wmi-x 'my image'`, 'image rename', "image modify wmi-x --display-name 'my image'"],
  ['image move wmi-x', 'image move', 'image modify wmi-x --display-name NAME'],
  ['backupobject rename bo-x', 'backupobject rename', 'backupobject modify bo-x --display-name NAME'],
  ['backupstorage rename', 'backupstorage rename', 'backupstorage modify ID --display-name NAME'],
  ['account rename a-x', 'account rename', 'account modify a-x --description TEXT'],
  ['image publish wmi-x', 'image publish', 'image modify wmi-x --is-public'],
  ['image lock wmi-x', 'image lock', 'image protect wmi-x'],
  ['image untag wmi-x os', 'image untag', 'image label wmi-x os-'],
  ['image boot x.raw', 'image boot', 'image try x.raw'],
  ['image du', 'image du', 'image show ID'],
  ['image info wmi-x', 'image info', 'image show'],
  ['image create', 'image create', 'image add'],
  // registry export or image export
  ['export', 'export', undefined],
  ['import x.jsonl', 'import x.jsonl', 'registry import'],
  ['import image x', 'import image', 'image add'],
  ['migrate', 'migrate', 'db migrate'],
  ['version', 'version', '--version'],
  ['list', 'list', 'image list'],
  ['ls --all', 'ls', 'image list'],
  ['show wmi-x', 'show', 'image show'],
  ['rm wmi-x', 'rm', 'image del'],
  ['bogus', 'bogus', undefined],
  ['image bogus', 'image bogus', undefined],
  ['image x y z', 'image x', undefined],
]
const OPTIONS: [typed: string, slip: string, meant: string | undefined][] = [
  ['image list --acount-id a-x', '--acount-id', '--account-id'],
  ['image list --acount_id=a-x', '--acount_id=a-x', '--account-id'],
  ['image list -account-id a-x', '-account-id', '--account-id'],
  ['image list --acc a-x', '--acc', '--account-id'],
  ['image list --jsno', '--jsno', '--json'],
  [
    'image modify wmi-x --is-pubic --no-is-cachable',
    '--is-pubic, --no-is-cachable',
    '--is-public and --no-is-cacheable',
  ],
  ['image modify wmi-x --no-cacheable', '--no-cacheable', '--no-is-cacheable'],
  ['image modify wmi-x --model-name x', '--model-name', '--instance-model-name'],
  ['image modify wmi-x --tag a --tag b', '--tag', undefined],
  ['image list -o json', '-o', '--format'],
  ['image list --output=json', '--output=json', '--format'],
  ['image list -f json', '-f', '--format'],
  ['image del wmi-x -f', '-f', '--force or --format'],
  ['image list -j', '-j', '--json'],
  ['image list --filter x', '--filter', '--name or --label'],
  ['account list --filter x', '--filter', undefined],
  ['image list --created 7d', '--created', '--created-after or --created-before'],
  ['image list --no', '--no', undefined],
  ['image list --hlep', '--hlep', '--help'],
  ['image list --version', '--version', 'vdc-manage --version'],
  ['image del wmi-x --yes', '--yes', 'Omit --yes: this command does not ask for confirmation.'],
  ['image del wmi-x -y', '-y', 'Omit -y: this command does not ask for confirmation.'],
  ['image list --colour', '--colour', undefined],
  ['image list -z', '-z', undefined],
]

test('what other verbs stand for are options that exist', () => {
  const { commands } = JSON.parse(readFileSync(join(ROOT, 'oclif.manifest.json'), 'utf8'))
  for (const [, way] of Object.values(WAYS).flat()) {
    const [, command = '', option] = /^([a-z ]+?)(?= [A-Z-]|$)(?:.*? --(?:no-)?([a-z-]+))?/.exec(way) ?? []
    const known = commands[command.replaceAll(' ', ':')]
    // A command that does not exist is not suggested.
    if (known !== undefined && option !== undefined) expect(Object.keys(known.flags), way).toContain(option)
  }
})

describe('in the shell', () => {
  test('suggests the nearest command or option for each typo', async () => {
    const database = newSqlite()
    const lines = [...COMMANDS, ...OPTIONS].map(([typed]) => typed)
    const run = await vdcManage([], { database, input: `${lines.join('\n')}\n` })
    expect(run.code).toBe(9)
    const answers = run.stderr.split(/^Line \d+ failed: .*\n/m).slice(0, -1)
    expect(answers).toHaveLength(lines.length)
    const hint = (meant = '') =>
      meant === '' || meant.endsWith('.') ? `${meant} `.trimStart() : `Did you mean ${meant}? `
    const shows = (typed: string) => typed.replace(/ (?:-|wmi).*$/, '')
    expect(answers).toEqual([
      ...COMMANDS.map(([, slip, meant]) =>
        expect.stringMatching(
          new RegExp(
            `^Error: There is no command '${slip}'\nHint: ${hint(meant).replace('?', '\\?')}List the commands with: vdc-manage (?:\\w+ )*--help\n$`,
          ),
        ),
      ),
      ...OPTIONS.map(
        ([typed, slip, meant]) =>
          `Error: Unknown option: ${slip}\nHint: ${hint(meant)}See: vdc-manage ${shows(typed)} --help\n`,
      ),
    ])
    await database.remove()
  })
})

describe('in a process', () => {
  const database = newSqlite()

  test('names --recursive before a folder', async () => {
    const folder = newFolder()
    mkdirSync(join(folder.path, 'images'))
    expect(await vdcManage(['image', 'add', 'images'], { database, cwd: folder.path })).toMatchObject({
      code: 2,
      stdout: '',
      stderr:
        "Error: There is no command 'image add images'\nHint: Did you mean image add local --recursive images? List the commands with: vdc-manage image add --help\n",
    })
    folder.remove()
  })

  test('exits with 2, prints nothing on stdout, and stores nothing', async () => {
    expect(await vdcManage(['imgae', 'lst'], { database })).toEqual({
      code: 2,
      signal: undefined,
      stdout: '',
      stderr:
        "Error: There is no command 'imgae lst'\nHint: Did you mean image list? List the commands with: vdc-manage --help\n",
    })
    expect(await vdcManage(['--vesion'])).toMatchObject({
      code: 2,
      stderr:
        'Error: Unknown option: --vesion\nHint: Did you mean --version? List the commands with: vdc-manage --help\n',
    })
  })

  test('prints the suggestion in the JSON error with --json', async () => {
    const run = await vdcManage(['image', 'list', '--acount-id', 'a-x', '--json'], { database })
    expect(run).toMatchObject({ code: 2, stderr: '' })
    expect(JSON.parse(run.stdout).error).toEqual({
      code: 'USAGE',
      message: 'Unknown option: --acount-id',
      hint: 'Did you mean --account-id? See: vdc-manage image list --help',
      exit: 2,
    })
  })

  test('suggests a similar value of an option, and exits with 3', async () => {
    const args = ['image', 'add', 'local', 'x', '--account-id', 'a-x', '--arch', 'x86-64']
    expect(await vdcManage(args, { database })).toMatchObject({
      code: 3,
      stdout: '',
      stderr: "Error: --arch must be one of: x86, x86_64; not 'x86-64'\nHint: Did you mean x86_64?\n",
    })
  })
})
