import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { newDatabase, type TestDatabase } from '../support/databases/databases.ts'
import { newWakame } from '../support/databases/wakame.ts'
import { hashOf, makeImage, newFolder } from '../support/files/images.ts'
import { ROOT, runLines, vdcManage, vdcManageJson } from '../support/process/cli.ts'
import { expectRefused } from '../support/refusals.ts'
import { IS_THOROUGH } from '../support/thorough.ts'

/** Commands and options of the original, from their table. */
const ORIGINAL = readFileSync(join(ROOT, 'test/support/original-options.txt'), 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => {
    const [command = '', options = ''] = line.split(': ')
    return [command, options.split(' ')] as const
  })

const MD5 = '0123456789abcdef0123456789abcdef'

/** A value for each option that differs from the default, and how `show` prints it. */
const VALUES: Record<string, { value: string; shown?: unknown; key?: string; also?: string }> = {
  account_id: { value: 'a-00000000' },
  arch: { value: 'x86' },
  description: { value: 'for tests' },
  file_format: { value: 'qcow2' },
  root_device: { value: 'label:root' },
  state: { value: 'pending' },
  service_type: { value: 'lb' },
  display_name: { value: 'a name' },
  instance_model_name: { value: 'small' },
  parent_image_id: { value: 'wmi-parent' },
  os_type: { value: 'windows' },
  backup_object_id: { value: 'bo-other' },
  storage_id: { value: 'bkst-other', key: 'backup_storage_id' },
  object_key: { value: 'another.raw' },
  size: { value: '4096', shown: 4096 },
  allocation_size: { value: '2048', shown: 2048 },
  checksum: { value: MD5 },
  container_format: { value: 'tgz' },
  progress: { value: '12.5', shown: 12.5, also: '--state creating' },
  node_id: { value: 'bksta.demo1' },
  base_uri: { value: 'file:///srv/other/' },
  storage_type: { value: 'webdav' },
}

/** What a command needs besides the tested option. */
const NEEDS: Record<string, Record<string, string>> = {
  'image add local': { account_id: 'a-shpoolxx' },
  'image add volume': { account_id: 'a-shpoolxx' },
  'backupobject add': {
    display_name: 'x',
    storage_id: 'bkst-first',
    object_key: 'x.raw',
    size: '1',
    checksum: 'f'.repeat(32),
  },
  'backupstorage add': { display_name: 'x', base_uri: 'file:///srv/x/', storage_type: 'local' },
}
const PREFIXES: Record<string, string> = { image: 'wmi-', backupobject: 'bo-', backupstorage: 'bkst-' }

/** Returns every way to write an option and its value. */
function spellings(option: string, value: string): string[] {
  return [option, option.replaceAll('_', '-')].flatMap((name) => [`--${name} '${value}'`, `--${name}='${value}'`])
}

/**
 * Every way to write a boolean, and whether it switches it on. `NAME` stands for its name with `_`, `DASHED` with `-`.
 */
const BOOLEANS: readonly [written: string, on: boolean][] = [
  ['--NAME', true],
  ['--DASHED', true],
  ...['true', 'TRUE', 't', 'T'].flatMap((value): [string, boolean][] => [
    [`--NAME ${value}`, true],
    [`--DASHED ${value}`, true],
    [`--NAME=${value}`, true],
    [`--DASHED=${value}`, true],
  ]),
  ...['false', 'FALSE', 'f', 'F'].flatMap((value): [string, boolean][] => [
    [`--NAME ${value}`, false],
    [`--DASHED ${value}`, false],
    [`--NAME=${value}`, false],
    [`--DASHED=${value}`, false],
  ]),
  ...['no', 'skip'].flatMap((not): [string, boolean][] => [
    [`--${not}-NAME`, false],
    [`--${not}_NAME`, false],
    [`--${not}-DASHED`, false],
  ]),
  // The last one wins.
  ['--no-DASHED --DASHED', true],
  ['--DASHED false --NAME true', true],
  ['--DASHED --NAME false', false],
]

const DATABASES: Record<string, () => Promise<TestDatabase>> = {
  SQLite: () => newDatabase('sqlite'),
  'MariaDB with a database of Wakame-vdc': () => newWakame(inject('mariadb').port),
}

const folder = newFolder()
afterAll(() => folder.remove())

// Scripts of the original run only on the last one.
describe.each(Object.entries(DATABASES).slice(IS_THOROUGH ? 0 : -1))('options of the original on %s', (_, create) => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await create()
    await run([
      ...['first', 'other'].flatMap((name) => [
        `backupstorage add --uuid ${name} --display-name ${name} --base-uri file:///srv/${name}/ --storage-type local`,
        `backupobject add --uuid ${name} --display-name ${name} --storage-id ${name} --object-key k.raw --size 512 --checksum ${MD5}`,
      ]),
      'image add local bo-first --uuid parent --account-id a-shpoolxx',
    ])
  })
  afterAll(() => database.remove())

  const run = (lines: string[]) => runLines(lines, { database })

  let made = 0
  /** Returns the line that adds an object without the tested option, and its ID. */
  function making(command: string, without = ''): { line: string; id: string } {
    const noun = command.split(' ')[0] as string
    const adding = command.includes(' add') ? command : noun === 'image' ? 'image add local' : `${noun} add`
    const id = `${PREFIXES[noun]}n${++made}`
    const needs = Object.entries({ ...NEEDS[adding], uuid: id }).filter(([option]) => option !== without)
    const words = needs.map(([option, value]) => `--${option} '${value}'`).join(' ')
    return { line: `${adding} ${noun === 'image' ? 'bo-first ' : ''}${words}`, id }
  }

  /** Shows several objects of one kind. */
  async function show(command: string, ids: string[]): Promise<Record<string, unknown>[]> {
    return vdcManageJson([command.split(' ')[0] as string, 'show', ...ids], { database })
  }

  test('are all in the table', () => {
    expect(ORIGINAL.map(([command, options]) => `${command} ${options.length}`)).toEqual([
      'image add local 14',
      'image add volume 13',
      'image modify 15',
      'image features 2',
      'backupobject add 13',
      'backupobject modify 13',
      'backupstorage add 6',
      'backupstorage modify 6',
    ])
  })

  const cases = ORIGINAL.flatMap(([command, options]) => options.map((option) => [command, option] as const))
  test.each(cases.filter(([, option]) => !option.endsWith('?') && option !== 'uuid'))(
    '%s --%s works in every spelling',
    async (command, option) => {
      const { value, shown = value, key = option, also = '' } = VALUES[option] as (typeof VALUES)[string]
      const lines: string[] = []
      const ids: string[] = []
      for (const spelt of spellings(option, value)) {
        const { line, id } = making(command, command.includes(' add') ? option : '')
        lines.push(command.includes(' add') ? `${line} ${spelt} ${also}` : line)
        if (!command.includes(' add')) lines.push(`${command} ${id} ${spelt} ${also}`)
        ids.push(id)
      }
      expect(await run(lines)).toEqual(ids)
      expect((await show(command, ids)).map((thing) => thing[key])).toEqual(ids.map(() => shown))
    },
  )

  /** Returns whether a boolean is on in the output of `show`. */
  const isOn = (thing: Record<string, unknown>, option: string) =>
    thing[option] ?? (thing.features as Record<string, boolean>)[option] ?? false

  test.each(cases.filter(([, option]) => option.endsWith('?')))(
    '%s --%s works in every spelling, on and off',
    async (command, marked) => {
      const option = marked.slice(0, -1)
      const lines: string[] = []
      const ids: string[] = []
      for (const [at, [written, on]] of BOOLEANS.entries()) {
        const { line, id } = making(command)
        const spelt = written.replaceAll('NAME', option).replaceAll('DASHED', option.replaceAll('_', '-'))
        if (command.includes(' add')) lines.push(`${line} ${spelt}`)
        else {
          // Switched on first if it is to be switched off. Every other line has its ID after the option.
          lines.push(line, ...(on ? [] : [`${command} ${id} --${option}`]))
          lines.push(at % 2 === 0 ? `${command} ${id} ${spelt}` : `${command} ${spelt} ${id}`)
        }
        ids.push(id)
      }
      expect(await run(lines)).toEqual(ids)
      const shown = await show(command, ids)
      expect(shown.map((thing, at) => [BOOLEANS[at]?.[0], isOn(thing, option)])).toEqual(
        BOOLEANS.map(([written, on]) => [written, on]),
      )
    },
  )

  test.each([
    ['--is-public=maybe', 3, "--is-public must be true or false; not 'maybe'"],
    ['--is-public=', 3, "--is-public must be true or false; not ''"],
    ['--is_public no', 2, "--is-public must be true or false; not 'no'"],
    ['--is-public False', 2, "--is-public must be true or false; not 'False'"],
    ...['0', '1', 'n', 'Y'].map((word): [string, number, string] => [
      `--is-public ${word}`,
      2,
      `--is-public must be true or false; not '${word}'`,
    ]),
    ['--no-is-public true', 2, "--no-is-public takes no value, but is followed by 'true'"],
    ['--skip_is_public=false', 2, "--skip-is-public takes no value, but has the value 'false'"],
  ])('image modify %s is refused', async (words, exit, message) => {
    const { line, id } = making('image modify')
    await run([line])
    for (const args of [`${id} ${words}`, `${words} ${id}`])
      await expectRefused(database, ['image', 'modify', ...args.split(' ')], { exit, message })
  })

  test('an image named true is an ID before options and after --', async () => {
    const id = 'wmi-true'
    await run([`${making('image modify').line.replace(/--uuid '[^']*'/, '')} --uuid true`])
    const isPublic = async () => isOn(await vdcManageJson(['image', 'show', id], { database }), 'is_public')
    await run(['image modify true --is-public true'])
    expect(await isPublic()).toBe(true)
    await run(['image modify --is-public false -- true'])
    expect(await isPublic()).toBe(false)
    await expectRefused(database, ['image', 'modify', '--is-public', 'true'], {
      exit: 2,
      message: 'Missing argument: ID',
    })
  })

  test.each(['image', 'backupobject', 'backupstorage'])(
    '%s show without an ID prints the list, and both can be abbreviated',
    async (noun) => {
      const { line, id } = making(`${noun} modify`)
      await run([line])
      const answerTo = async (words: string) => (await vdcManage(words.split(' '), { database })).stdout
      const short = { image: 'im', backupobject: 'backupo', backupstorage: 'backups' }[noun]
      const list = await answerTo(`${noun} list --limit 3`)
      expect(list).toMatch(/^ID /)
      for (const words of [`${noun} show`, `${noun} sh`, `${short} show`, `${short} sh`, `${short} li`]) {
        expect({ words, list: await answerTo(`${words} --limit 3`) }).toEqual({ words, list })
      }
      const details = await answerTo(`${noun} show ${id}`)
      expect(details).toContain(id)
      for (const words of [`${noun} sh`, `${short} s`]) expect(await answerTo(`${words} ${id}`)).toBe(details)
    },
  )

  test('backupobject add without --display-name uses the file name, as in older releases', async () => {
    const needs = Object.entries({
      ...NEEDS['backupobject add'],
      object_key: 'old/lucid-5.raw.gz',
      uuid: 'bo-nameless',
    })
    const words = needs.filter(([option]) => option !== 'display_name').map(([option, value]) => `--${option}=${value}`)
    expect(await run([`backupobject add ${words.join(' ')}`])).toEqual(['bo-nameless'])
    expect(await vdcManageJson(['backupobject', 'show', 'bo-nameless'], { database })).toMatchObject({
      display_name: 'lucid-5',
      object_key: 'old/lucid-5.raw.gz',
    })
  })

  test('image add local --md5sum of release 11.12 is the expected MD5 of the file', async () => {
    const path = await makeImage(join(folder.path, `md5-${made++}.qcow2`))
    const md5 = hashOf(path, 'md5')
    const add = ['image', 'add', 'local', path, '--account_id', 'a-shpoolxx']
    for (const [words, exit, message] of [
      [['--md5sum', MD5], 3, `has the wrong MD5: expected ${MD5}, got ${md5}`],
      [['--md5sum', `sha256:${hashOf(path, 'sha256')}`], 3, '--md5sum must be an MD5 checksum: 32 hexadecimal digits'],
      [[`--md5sum=${hashOf(path, 'sha256')}`], 3, '--md5sum must be an MD5 checksum'],
      [['--md5sum', md5, '--checksum', md5], 2, '--checksum and --md5sum cannot be used together'],
    ] as const)
      await expectRefused(database, [...add, ...words], { exit, message })
    await expectRefused(database, ['image', 'add', 'local', 'bo-first', ...add.slice(4), '--md5sum', md5], {
      exit: 3,
      message: '--md5sum applies only to files, and bo-first is a backup object',
    })
    expect(await run([`${add.join(' ')} --uuid md5a --md5sum ${md5.toUpperCase()}`])).toEqual(['wmi-md5a'])
    expect(await vdcManageJson(['image', 'show', 'wmi-md5a'], { database })).toMatchObject({
      backup_object: { checksum: md5 },
    })
  })

  test.each(cases.filter(([, option]) => option === 'uuid'))(
    '%s --%s is the ID, with or without prefix',
    async (command) => {
      const noun = command.split(' ')[0] as string
      const ids = [`${PREFIXES[noun]}u${++made}`, `${PREFIXES[noun]}u${++made}`] as const
      const trimmed = ids[1].replace(PREFIXES[noun] as string, '')
      const lines = [making(command, 'uuid').line, making(command, 'uuid').line].map(
        (line, at) => `${line} --uuid ${[ids[0], trimmed][at]}`,
      )
      expect(await run(lines)).toEqual([...ids])
      if (command.includes(' add')) return
      // Objects keep their ID: their own is accepted, another is refused.
      await run(ids.map((id) => `${command} ${id} --uuid ${id}`))
      const refused = await vdcManage([...command.split(' '), ids[0], '--uuid', 'another'], { database })
      expect(refused).toMatchObject({ code: 3, stdout: '' })
      expect(refused.stderr).toContain(`The ID of ${ids[0]} cannot be changed`)
      expect(await vdcManage([noun, 'show', `${PREFIXES[noun]}another`], { database })).toMatchObject({ code: 4 })
    },
  )
})
