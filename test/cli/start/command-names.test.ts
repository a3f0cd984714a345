import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { allRows, newDatabase, type TestDatabase } from '../../support/databases/databases.ts'
import { newWakame } from '../../support/databases/wakame.ts'
import { ROOT, vdcManage } from '../../support/process/cli.ts'
import { ADD, newDatabaseWithObject, runScript } from '../../support/process/scripts.ts'

/* Command names as the original accepts them: abbreviated, with help after them, and commands of the original alone. */

/** What is typed, and the command that it runs. */
const SHORT: [typed: string, command: string][] = [
  ['image sh', 'image show'],
  ['ima show', 'image show'],
  ['im li', 'image list'],
  ['im m', 'image modify'],
  ['im f', 'image features'],
  ['im d', 'image del'],
  ['im a l', 'image add local'],
  ['image add v', 'image add volume'],
  ['im a u', 'image add url'],
  ['im e', 'image export'],
  ['backupo show', 'backupobject show'],
  ['backups l', 'backupstorage list'],
  ['a l', 'account list'],
  ['db s', 'db status'],
  ['reg e', 'registry export'],
  ['do', 'doctor'],
  ['com', 'completion'],
]
/** What is typed, the ambiguous name, and its candidates. */
const AMBIGUOUS: [typed: string, slip: string, candidates: string][] = [
  ['im l', 'im l', 'label, list'],
  ['image p wmi-x', 'image p', 'prepare, protect, purge'],
  ['image un wmi-x', 'image un', 'undelete, unprotect'],
  ['image h', 'image h', 'history, help'],
  ['image ins x', 'image ins', 'inspect, install'],
  ['i show', 'i', 'image, instance, instanceuser'],
  ['backup show', 'backup', 'backupobject, backupstorage'],
  ['h', 'h', 'help, host'],
  ['re list', 're', 'registry, resourcegroup'],
].map(([typed = '', slip = '', names = '']) => {
  const topic = slip.includes(' ') ? 'image ' : ''
  return [typed, slip.replace('im ', 'image '), names.replace(/\w+/g, (name) => topic + name)]
})

describe('an abbreviated command', () => {
  test.each(SHORT)('%s runs %s', async (typed, command) => {
    const whole = await vdcManage([...command.split(' '), '--help'])
    expect(whole.code).toBe(0)
    expect(await vdcManage([...typed.split(' '), '--help'])).toEqual(whole)
    expect(await vdcManage(['help', ...typed.split(' ')])).toEqual(whole)
    const [last = '', ...before] = typed.split(' ').reverse()
    if (before.length > 0) expect(await vdcManage([...before.reverse(), 'help', last])).toEqual(whole)
  })

  test.each(AMBIGUOUS)('%s is refused with its candidates', async (typed, slip, candidates) => {
    expect(await vdcManage(typed.split(' '))).toEqual({
      code: 2,
      signal: undefined,
      stdout: '',
      stderr: `Error: '${slip}' is ambiguous\nHint: Use one of: ${candidates}\n`,
    })
  })

  test.each([
    ['image pu --older-than 0d --yes', 'image pu', 'image purge'],
    ['image purg', 'image purg', 'image purge'],
    ['db mig', 'db mig', 'db migrate'],
  ])('%s does not run', async (typed, slip, command) => {
    expect(await vdcManage(typed.split(' '))).toMatchObject({
      code: 2,
      stdout: '',
      stderr: `Error: '${slip}' is short for ${command}, which must be written in full\nHint: Run: vdc-manage ${command}\n`,
    })
  })

  test('cannot abbreviate an alias or be empty', async () => {
    for (const typed of [
      ['image', 'r', 'wmi-x'],
      ['image', 'dele', 'wmi-x'],
      ['', 'list'],
      ['image', ''],
    ])
      expect(await vdcManage(typed)).toMatchObject({
        code: 2,
        stderr: expect.stringMatching(/^Error: There is no command/),
      })
  })

  test('runs in the shell, and leaves arguments unchanged', async () => {
    const database = await newDatabaseWithObject('sqlite')
    const lines = [
      `im a l ${ADD.split(' ').slice(3).join(' ')} --uuid li`,
      'im mod li --description l',
      'im sh li',
      'im d li',
    ]
    const run = await runScript(database, lines, ['-e'])
    expect(run).toMatchObject({ code: 0, stderr: '' })
    expect(run.stdout).toMatch(/^wmi-li\n(?:.*\n)*description: +l\n/)
    expect((await allRows(database)).images).toMatchObject([{ uuid: 'li', state: 'deleted' }])
    await database.remove()
  })

  test('can be followed by completion', async () => {
    const complete = async (...words: string[]) => (await vdcManage(['complete', 'zsh', '--', ...words])).stdout
    expect(await complete('im', 'fea')).toMatch(/^words\nfeatures\t/)
    expect(await complete('im', 'a', 'loc')).toMatch(/^words\nlocal\t/)
    expect(await complete('im', 'mod', 'x', '--is-p')).toMatch(/^words\n--is-public\t/)
    expect(await complete('image', 'help', 'feat')).toMatch(/^words\nfeatures\t/)
    expect(await complete('image', 'p', '')).toBe('words\n')
    // The value of a boolean is not an argument.
    expect(await complete('image', 'convert', '--compress', 'false', '')).toBe('files\n')
    expect(await complete('image', 'convert', '--compress', 'false', 'a', 'b', '')).toBe('words\n')
  })
})

test('help of a topic is the same in every spelling', async () => {
  const topic = await vdcManage(['image', '--help'])
  expect(topic).toMatchObject({ code: 0, stderr: '' })
  expect(await vdcManage(['image', 'help'])).toEqual(topic)
  expect(await vdcManage(['im', 'hel'])).toEqual(topic)
  const adding = await vdcManage(['image', 'add', '--help'])
  for (const typed of ['image help add', 'help image add', 'image add help', 'help im ad'])
    expect(await vdcManage(typed.split(' '))).toEqual(adding)
})

const NOUNS = [
  ...['group', 'host', 'instance', 'instanceuser', 'keypair', 'macrange', 'network', 'quota', 'resourcegroup'],
  ...['securitygroup', 'spec', 'storage', 'tag', 'user', 'vlan'],
]

test('commands of the original are named as such', async () => {
  const run = await runScript(
    await newDatabase('sqlite'),
    NOUNS.flatMap((noun) => [`${noun} add x --force`, `help ${noun}`]),
  )
  expect(run).toMatchObject({ code: 9, stdout: '' })
  const told = run.stderr.split(/^Line \d+ failed: .*\n/m).slice(0, -1)
  const meant: Record<string, string> = { storage: ' Did you mean backupstorage?', user: ' Did you mean account?' }
  expect(told).toEqual(
    NOUNS.flatMap((noun) =>
      Array(2).fill(
        `Error: '${noun}' is a command of Wakame-vdc's own vdc-manage\nHint: Use that program; this one manages accounts, images, backup objects and backup storages.${meant[noun] ?? ''}\n`,
      ),
    ),
  )
  expect(await vdcManage(['host', 'add', 'hva.x', '--json'])).toMatchObject({ code: 2, stderr: '' })
})

describe.each(
  Object.entries<() => Promise<TestDatabase>>({
    SQLite: () => newDatabase('sqlite'),
    'MariaDB with a database of Wakame-vdc': () => newWakame(inject('mariadb').port),
  }),
)('a script that sets up an installation on %s', (_, create) => {
  const script = readFileSync(join(ROOT, 'test/support/installation.txt'), 'utf8')
    .split('\n')
    .filter((line) => !/\s*#/.test(line))
    .join('\n')
  let database: TestDatabase
  beforeAll(async () => {
    database = await create()
  })
  afterAll(() => database.remove())

  test('with -e stops at the first command of the original', async () => {
    const run = await vdcManage(['-e'], { database, input: script })
    expect(run).toMatchObject({ code: 2, stdout: '' })
    expect(run.stderr).toMatch(
      /^Error: 'host' is a command of Wakame-vdc's own vdc-manage\n.*\nLine 1 failed: +host add /,
    )
    expect((await allRows(database)).backup_storages).toEqual([])
  })

  test('without -e prints our three IDs and exits with 9', async () => {
    const run = await vdcManage([], { database, input: script })
    expect(run).toMatchObject({ code: 9, stdout: 'bkst-local\nbo-lucid5d\nwmi-lucid5d\n' })
    const failed = [...run.stderr.matchAll(/^Line \d+ failed: +(\w+)/gm)].map(([, noun]) => noun)
    expect(failed).toEqual(['host', 'network', 'network', 'network', 'macrange', 'network', 'network', 'network'])
    const { backup_storages, backup_objects, images } = await allRows(database)
    expect(backup_storages).toMatchObject([{ uuid: 'local', base_uri: 'file:///var/lib/wakame-vdc/images/' }])
    expect(backup_objects).toMatchObject([{ uuid: 'lucid5d', size: 149084, container_format: 'gz' }])
    expect(images).toMatchObject([{ uuid: 'lucid5d', display_name: 'Ubuntu 10.04 (Lucid Lynx)', boot_dev_type: 2 }])
  })
})
