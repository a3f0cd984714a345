import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { allRows, newDatabase, type TestDatabase } from '../../support/databases/databases.ts'
import { makeImage, newFolder } from '../../support/files/images.ts'
import { type RunOptions, vdcManage } from '../../support/process/cli.ts'
import { expectRefused } from '../../support/refusals.ts'

/*
 * The list of image folders belongs to this host, not to the registry, so one engine is enough.
 */

const isRoot = process.getuid?.() === 0
const folder = newFolder()
const at = (...names: string[]) => join(folder.path, ...names)
let database: TestDatabase
let state: string
let count = 0

beforeAll(async () => {
  database = await newDatabase('sqlite')
  mkdirSync(at('images', 'below'), { recursive: true })
  symlinkSync(at('images'), at('link'))
  symlinkSync('/etc', at('etc'))
  await makeImage(at('images', 'disk.qcow2'))
  await vdcManage([...storage('file:///srv/s/'), '--uuid', 'srv'], { database })
})
beforeEach(() => {
  state = at(`state${++count}`)
  mkdirSync(state)
})
afterAll(async () => {
  await database.remove()
  folder.remove()
})

const run = (args: string[], more: RunOptions = {}) =>
  vdcManage(args, { database, env: { XDG_STATE_HOME: state }, ...more })
const trust = (...args: string[]) => run(['backupstorage', 'trust', ...args])
const list = () => join(state, 'vdc-manage', 'image-folders')

async function trusted(): Promise<string[]> {
  const { stdout, stderr, code } = await trust('--format', 'value', '-c', 'path,below')
  expect({ stderr, code }).toEqual({ stderr: '', code: 0 })
  return stdout.split('\n').slice(0, -1)
}

const storage = (uri: string, type = 'local') => [
  ...['backupstorage', 'add', '--display-name', 's', '--base-uri', uri, '--storage-type', type],
]
const register = (path: string) => ['image', 'add', 'local', path, '--account-id', 'a-shpoolxx']

describe('backupstorage trust', () => {
  test('adds folders with symlinks resolved, lists them and removes them', async () => {
    expect(await trusted()).toEqual([])
    expect(existsSync(join(state, 'vdc-manage'))).toBe(false)
    expect(await trust(at('link'))).toMatchObject({ code: 0, stdout: '', stderr: '' })
    expect(statSync(join(state, 'vdc-manage')).mode & 0o777).toBe(0o700)
    expect(statSync(list()).mode & 0o777).toBe(0o600)
    // A folder below a trusted one is trusted too.
    const again = await trust(at('images', 'below'), '--json')
    expect(JSON.parse(again.stdout)).toMatchObject({ path: at('images'), below: true })
    expect(await trusted()).toEqual([`${at('images')}\ttrue`])
    expect(readFileSync(list(), 'utf8').match(/\n/g)).toHaveLength(1)
    expect(await trust('--remove', at('link'))).toMatchObject({ code: 0, stdout: '', stderr: '' })
    expect(await trusted()).toEqual([])
    expect((await trust(at('images'))).code).toBe(0)
    expect(await trusted()).toEqual([`${at('images')}\ttrue`])
  })

  test('refuses system folders, symlinks to them, and paths that are not folders', async () => {
    const messages = {
      '/': '/ is a system folder, which never holds images',
      '/etc': '/etc is a system folder, which never holds images',
      '/usr/share': '/usr/share is a system folder, which never holds images',
      '/home': '/home is a system folder, which never holds images',
      [at('etc')]: '/etc is a system folder, which never holds images',
      '/nonexistent': 'The folder /nonexistent does not exist on this host',
      [at('images', 'disk.qcow2')]: `The folder ${at('images', 'disk.qcow2')} is not a folder`,
    }
    const all = await trust(...Object.keys(messages))
    expect(all).toMatchObject({ code: 9, stdout: '' })
    const told = all.stderr.split('\n').filter((line) => line.startsWith('Error: '))
    expect(told).toEqual(Object.values(messages).map((message) => `Error: ${message}`))
    expect(await trust('/')).toMatchObject({
      code: 3,
      stderr: 'Error: / is a system folder, which never holds images\nHint: Name the folder that contains the images\n',
    })
    expect(existsSync(list())).toBe(false)
  })

  test('refuses to remove a folder that is not in the list, or none', async () => {
    expect(await trust('--remove', at('images'))).toMatchObject({
      code: 3,
      stderr: `Error: ${at('images')} is not in the list of image folders\nHint: List the image folders with: vdc-manage backupstorage trust\n`,
    })
    expect(await trust('--remove')).toMatchObject({ code: 2, stderr: expect.stringContaining('No folder given') })
  })
})

describe('image folders', () => {
  test('include the folder of a registered file, for the files directly in it', async () => {
    expect((await run([...register(at('link', 'disk.qcow2'))])).stderr).toBe('')
    expect(await trusted()).toEqual([`${at('images')}\tfalse`])
    expect(
      (await run(['backupobject', 'add', '--from-file', await makeImage(at('images', 'below', 'b.qcow2'))])).code,
    ).toBe(0)
    expect(await trusted()).toEqual([`${at('images')}\tfalse`, `${at('images', 'below')}\tfalse`])
    // Trusting a folder includes those below it.
    await trust(at('images'))
    expect(await trusted()).toEqual([`${at('images')}\ttrue`, `${at('images', 'below')}\tfalse`])
  })

  test('do not cover hidden files until trusted by name, as verify says', async () => {
    const id = (await run(register(await makeImage(at('images', '.disk.qcow2'))))).stdout.trim()
    const why = `${at('images')} is an image folder of this host only for files whose names do not begin with a dot`
    expect((await run(['image', 'verify', id])).stdout).toContain(
      `${why}; to include all files: vdc-manage backupstorage trust ${at('images')}`,
    )
    await trust(at('images'))
    expect((await run(['image', 'verify', id])).stdout).toBe(`${id}: ok\n`)
  })

  test('include the folder of an added or changed storage, and of a prefix for its files', async () => {
    const added = await run(storage(`file://${at('link')}/`))
    expect(added).toMatchObject({ code: 0, stderr: '' })
    expect(await trusted()).toEqual([`${at('images')}\ttrue`])
    const modify = ['backupstorage', 'modify', added.stdout.trim(), '--base-uri']
    expect(await run([...modify, `file://${at('to-come')}/below/`])).toMatchObject({ code: 0, stderr: '' })
    expect((await run([...modify, `file://${at('images', 'below')}/prefix-`])).code).toBe(0)
    await run(storage('http://dav.example/images/', 'webdav'))
    expect(await trusted()).toEqual([`${at('images')}\ttrue`, `${at('to-come', 'below')}\ttrue`])
  })

  test('are not added by a failed, dry or undone registration', async () => {
    expect((await run([...register(at('images', 'disk.qcow2')), '--uuid', 'wmi-bad id'])).code).toBe(3)
    expect((await run([...register(at('images', 'disk.qcow2')), '--dry-run'])).code).toBe(0)
    expect((await run([...storage(`file://${at('images')}/`), '--dry-run'])).code).toBe(0)
    const input = `${register(at('images', 'disk.qcow2')).join(' ')}\nimage show wmi-none\n`
    expect((await run(['--tx', 'bulk', '-e'], { input })).code).not.toBe(0)
    expect(existsSync(list())).toBe(false)
    expect((await run(['--tx', 'bulk', '-e'], { input: input.replace(/image show.*\n/, '') })).code).toBe(0)
    expect(await trusted()).toEqual([`${at('images')}\tfalse`])
  })

  test.each([
    ['file:///', 'base_uri leads to the system folder /,'],
    ['file:///etc/', 'system folder /etc,'],
    ['file:///etc', 'system folder /,'],
    ['file:////usr//share/', 'system folder /usr/share,'],
    ['file:///var/lib/', 'system folder /var/lib,'],
    ['file:///home/./', 'system folder /home,'],
    ['file:///srv/../etc/', "must not contain '..'"],
    ['LINK', 'system folder /etc,'],
  ])('the base URI %s is refused for a new or changed storage', async (uri, message) => {
    const given = uri.replace('LINK', `file://${at('etc')}/`)
    const words = message.replace('base_uri', '--base-uri')
    await expectRefused(database, storage(given), { exit: 3, message: words })
    await expectRefused(database, ['backupstorage', 'modify', 'srv', '--base-uri', given], { exit: 3, message: words })
  })

  test('never include a system folder; registering a file there prints a warning', async () => {
    const system = `/var/log/vdc-manage-test-${process.pid}`
    if (!isRoot) return
    mkdirSync(system)
    try {
      const added = await run(register(await makeImage(join(system, 'disk.qcow2'))))
      expect(added).toMatchObject({ code: 0, stdout: expect.stringMatching(/^wmi-/) })
      expect(added.stderr).toBe(
        `Warning: ${system} is a system folder: image verify and image purge will leave its files alone\n`,
      )
      expect(await run(['image', 'verify', added.stdout.trim()])).toMatchObject({
        code: 9,
        stdout: expect.stringContaining(`was not read: ${system} is a system folder, which never holds images`),
      })
      await run(['image', 'del', added.stdout.trim()])
    } finally {
      rmSync(system, { recursive: true })
    }
  })
})

describe('the list of image folders', () => {
  test('ignores an incomplete line, even if another follows', async () => {
    mkdirSync(join(state, 'vdc-manage'), { mode: 0o700 })
    writeFileSync(list(), `{"add":"${at('images')}","below":true,"at":"2026-01-01T00:00:00Z"}\n{"add":"/s`, {
      mode: 0o600,
    })
    await trust('--remove', at('images'))
    expect(await trusted()).toEqual([])
    await trust(at('images', 'below'))
    expect(await trusted()).toEqual([`${at('images', 'below')}\ttrue`])
  })

  test('is not used if others can write to it, and nothing is registered', async () => {
    mkdirSync(join(state, 'vdc-manage'))
    chmodSync(join(state, 'vdc-manage'), 0o777)
    writeFileSync(list(), `{"add":"${at('images')}","below":true}\n`)
    expect(await trust()).toMatchObject({
      code: 3,
      stdout: '',
      stderr: expect.stringContaining(
        `Error: The list of image folders cannot be used: ${state}/vdc-manage can be written to by`,
      ),
    })
    expect(await trust(at('images'))).toMatchObject({
      code: 6,
      stderr: expect.stringContaining('could not be changed'),
    })
    const before = (await allRows(database)).images.length
    const added = await run(register(at('images', 'disk.qcow2')))
    expect(added).toMatchObject({
      code: 0,
      stderr: `Warning: ${at('images')} could not be added to the image folders of this host: ${state}/vdc-manage can be written to by other users; image verify and image purge will leave its files alone\n`,
    })
    expect((await allRows(database)).images).toHaveLength(before + 1)
    expect((await run(['image', 'verify', added.stdout.trim()])).stdout).toContain(
      '(the list of image folders cannot be used',
    )
  })

  test.runIf(isRoot)('is not used if it belongs to another user or is a symlink', async () => {
    mkdirSync(join(state, 'vdc-manage'), { mode: 0o700 })
    writeFileSync(at('planted'), `{"add":"${at('images')}","below":true}\n`, { mode: 0o600 })
    symlinkSync(at('planted'), list())
    expect((await trust()).code).toBe(3)
    rmSync(list())
    writeFileSync(list(), readFileSync(at('planted')), { mode: 0o600 })
    chownSync(list(), 65534, 65534)
    expect((await trust()).stderr).toContain(`${list()} belongs to another user`)
    // Root ignores an XDG_STATE_HOME that belongs to another user.
    const system = existsSync('/var/lib/vdc-manage')
    chownSync(list(), 0, 0)
    chownSync(state, 65534, 65534)
    if (!system) expect((await trust()).stdout).not.toContain(at('images'))
  })

  test.runIf(isRoot)('cannot be kept for a user without a home, so registering prints a warning', async () => {
    const { execa } = await import('execa')
    const { environment, PROGRAM } = await import('../../support/process/cli.ts')
    const home = at('nobody')
    mkdirSync(home)
    chownSync(home, 65534, 65534)
    chmodSync(folder.path, 0o755)
    const uri = `sqlite://${home}/registry.sqlite`
    const env = environment({ env: { VDC_MANAGE_DATABASE_URI: uri, XDG_STATE_HOME: '' } })
    const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups', PROGRAM]
    const disk = await makeImage(join(home, 'disk.qcow2'))
    chownSync(disk, 65534, 65534)
    const { exitCode, stderr } = await execa('setpriv', [...nobody, ...register(disk)], { env, extendEnv: false })
    expect(exitCode).toBe(0)
    expect(stderr).toMatch(/^Warning: \S+\/nobody could not be added to the image folders of this host: .*/m)
    const kept = { ...env, HOME: home }
    await execa('setpriv', [...nobody, 'backupstorage', 'trust', home], { env: kept, extendEnv: false })
    expect(existsSync(join(home, '.local/state/vdc-manage/image-folders'))).toBe(true)
  })

  test('cannot be created in /proc, where Node.js would retry forever', async () => {
    const disk = await makeImage(join(at('images'), 'anywhere.qcow2'))
    const { code, stderr } = await run(register(disk), { env: { XDG_STATE_HOME: '/proc/self/state' } })
    expect([code, stderr]).toEqual([0, expect.stringMatching(/^Warning: \S+ could not be added to the image folders/)])
  })
})
