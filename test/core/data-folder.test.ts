import {
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { newDatabase, newSqlite } from '../support/databases/databases.ts'
import { newFolder, rawDisk } from '../support/files/images.ts'
import { environment, PROGRAM, vdcManage } from '../support/process/cli.ts'
import { NOBODY, withRootHome } from '../support/process/root-home.ts'
import { startTerminal } from '../support/process/tmux.ts'

/* Which folders the embedded registry and the shell history may be in. */

const ACCOUNTS = 'a-00000000\na-shpoolxx\n'
const IN_HOME = '.local/share/vdc-manage'
const all = newFolder()
afterAll(() => all.remove())

/** Returns the names, owners, modes, sizes and times of everything in a folder. */
function contents(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .sort()
    .map((name) => {
      const { uid, mode, size, mtimeMs } = lstatSync(join(folder, name))
      return [name, uid, mode, size, mtimeMs].join(' ')
    })
}

describe.runIf(process.getuid?.() === 0)('root with a home folder of another user', () => {
  let count = 0
  let folder: string
  let rootHome: string
  let eve: string
  let inside: string
  const registry = () => join(rootHome, IN_HOME, 'registry.sqlite')
  beforeEach(() => {
    folder = join(all.path, `case${++count}`)
    rootHome = join(folder, 'root')
    eve = join(folder, 'eve')
    for (const path of [folder, rootHome, eve]) mkdirSync(path)
    chownSync(eve, NOBODY, NOBODY)
    inside = withRootHome(folder, rootHome)
  })

  /** Runs the program as root with the home `rootHome`. */
  async function asRoot(args: string[], env: Record<string, string>) {
    const { exitCode, stdout, stderr } = await execa(inside, [PROGRAM, ...args], {
      env: environment({ env }),
      extendEnv: false,
      reject: false,
      stdin: 'ignore',
      stripFinalNewline: false,
    })
    return { code: exitCode, stdout, stderr }
  }

  const warningOf = (why: string) => `Warning: ${why}; using the embedded registry ${registry()}\n`

  /** Expects `account list` to create a registry in root's own home, and to say why. */
  async function expectRootsOwn(env: Record<string, string>, why: string) {
    const run = await asRoot(['account', 'list', '--quiet'], env)
    expect(run).toMatchObject({ code: 0, stdout: ACCOUNTS })
    expect(run.stderr).toBe(
      `${warningOf(why)}Created the embedded registry ${registry()}; to use MySQL, set VDC_MANAGE_DATABASE_URI=mysql://user@host/wakame_dcmgr\n`,
    )
  }

  test('uses the registry in its own home, and neither reads nor writes the other one', async () => {
    const data = join(eve, IN_HOME)
    const victim = join(folder, 'victim')
    const marker = join(folder, 'marker')
    writeFileSync(victim, 'precious\n')
    mkdirSync(join(data, 'plugin/commands'), { recursive: true })
    mkdirSync(join(eve, '.config/vdc-manage'), { recursive: true })
    for (const name of ['registry.sqlite', 'shell_history']) symlinkSync(victim, join(data, name))
    // oclif would run this plugin, and wait for the FIFO below.
    const plugin = { name: 'x', type: 'link', root: join(data, 'plugin') }
    writeFileSync(join(data, 'package.json'), JSON.stringify({ name: 'x', oclif: { plugins: [plugin] } }))
    writeFileSync(
      join(data, 'plugin/package.json'),
      JSON.stringify({ name: 'x', version: '1.0.0', type: 'module', oclif: { commands: './commands' } }),
    )
    writeFileSync(
      join(data, 'plugin/commands/x.js'),
      `import { writeFileSync } from 'fs'; writeFileSync('${marker}', '')`,
    )
    await execa('mkfifo', [join(eve, '.config/vdc-manage/theme.json')])
    await execa('chown', ['-hR', `${NOBODY}:${NOBODY}`, eve])
    const before = contents(eve)

    const why = `HOME is ignored, because ${eve} belongs to uid ${NOBODY}, not to root`
    await expectRootsOwn({ HOME: eve }, why)
    expect(await asRoot(['account', 'list', '--quiet'], { HOME: eve })).toEqual({
      code: 0,
      stdout: ACCOUNTS,
      stderr: warningOf(why),
    })
    expect(lstatSync(registry()).uid).toBe(0)
    const doctor = await asRoot(['doctor', '--json'], { HOME: eve })
    expect(JSON.parse(doctor.stdout).checks).toContainEqual({
      name: 'configuration',
      result: 'warning',
      message: `the embedded registry sqlite://${registry()}; ${why}`,
      hint: 'To use another database, set VDC_MANAGE_DATABASE_URI',
    })
    expect(await asRoot(['complete', 'zsh', '--', 'account', 'show', 'a-sh'], { HOME: eve })).toEqual({
      code: 0,
      stdout: expect.stringMatching(/^words\na-shpoolxx\t/),
      stderr: '',
    })
    const database = newSqlite()
    const terminal = await startTerminal(`${inside} vdc-manage`, { database, home: eve })
    await terminal.type('account list --quiet')
    await terminal.press('Enter')
    await terminal.until(/^a-shpoolxx$/m)
    await terminal.press('C-d')
    expect(await terminal.exitCode()).toBe(0)
    expect(await terminal.screen()).not.toContain('ignored')
    await terminal.close()
    await database.remove()
    expect(readFileSync(join(rootHome, IN_HOME, 'shell_history'), 'utf8')).toBe('account list --quiet\n')

    expect(contents(eve)).toEqual(before)
    expect(readFileSync(victim, 'utf8')).toBe('precious\n')
    expect(existsSync(marker)).toBe(false)
  })

  test.each<[string, (path: (name: string) => string) => { env: Record<string, string>; why: string }]>([
    [
      'XDG_DATA_HOME if it belongs to another user',
      (path) => ({
        env: { HOME: path('root'), XDG_DATA_HOME: path('eve') },
        why: `XDG_DATA_HOME is ignored, because ${path('eve')} belongs to uid ${NOBODY}, not to root`,
      }),
    ],
    [
      'HOME if a folder on its path belongs to another user',
      (path) => {
        mkdirSync(path('home/.local/share/vdc-manage'), { recursive: true })
        chownSync(path('home/.local'), NOBODY, NOBODY)
        return {
          env: { HOME: path('home') },
          why: `HOME is ignored, because ${path('home/.local')} belongs to uid ${NOBODY}, not to root`,
        }
      },
    ],
    [
      'HOME if a link on its path belongs to another user',
      (path) => {
        mkdirSync(path('home'))
        symlinkSync(path('root'), path('home/.local'))
        lchownSync(path('home/.local'), NOBODY, NOBODY)
        return {
          env: { HOME: path('home') },
          why: `HOME is ignored, because ${path('home/.local')} belongs to uid ${NOBODY}, not to root`,
        }
      },
    ],
    [
      'HOME if a link of root leads through a folder of another user',
      (path) => {
        mkdirSync(path('eve/of-root'))
        symlinkSync('eve/of-root', path('link'))
        return {
          env: { HOME: path('link') },
          why: `HOME is ignored, because ${path('eve')} belongs to uid ${NOBODY}, not to root`,
        }
      },
    ],
    [
      'HOME if everyone can write to it',
      (path) => {
        mkdirSync(path('home'))
        chmodSync(path('home'), 0o777)
        return {
          env: { HOME: path('home') },
          why: `HOME is ignored, because users other than root can write to ${path('home')}`,
        }
      },
    ],
  ])('ignores %s', async (_, make) => {
    const { env, why } = make((name) => join(folder, name))
    await expectRootsOwn(env, why)
    expect(readdirSync(eve).filter((name) => name !== 'of-root')).toEqual([])
  })

  test('follows links of root, and uses its own folders in one like /tmp', async () => {
    const open = join(folder, 'open')
    mkdirSync(join(open, 'home'), { recursive: true })
    chmodSync(open, 0o1777)
    symlinkSync('../open/./home', join(rootHome, 'link'))
    const run = await asRoot(['account', 'list', '--quiet'], { HOME: join(rootHome, 'link') })
    expect(run).toMatchObject({ code: 0, stdout: ACCOUNTS, stderr: expect.stringMatching(/^Created .*\n$/) })
    expect(existsSync(join(open, 'home', IN_HOME, 'registry.sqlite'))).toBe(true)
  })

  test('fails if its own home belongs to another user too', async () => {
    chownSync(rootHome, NOBODY, NOBODY)
    expect(await asRoot(['account', 'list'], { HOME: eve })).toEqual({
      code: 3,
      stdout: '',
      stderr: `Error: Root cannot keep its data in ${rootHome}, because ${rootHome} belongs to uid ${NOBODY}, not to root\nHint: Change the owner or mode, or set VDC_MANAGE_DATABASE_URI\n`,
    })
    expect([...readdirSync(rootHome), ...readdirSync(eve)]).toEqual([])
  })

  test('other users may use such a home', async () => {
    chmodSync(all.path, 0o755)
    chmodSync(eve, 0o777)
    chownSync(eve, 0, 0)
    const run = await execa(
      'setpriv',
      ['--reuid', `${NOBODY}`, '--clear-groups', PROGRAM, 'account', 'list', '--quiet'],
      {
        env: environment({ env: { HOME: eve } }),
        extendEnv: false,
      },
    )
    expect(run.stderr).toMatch(/^Created the embedded registry .*$/)
    expect(lstatSync(join(eve, IN_HOME)).uid).toBe(NOBODY)
  })

  test('users missing from the password database need neither HOME nor SHELL', async () => {
    const run = (...args: string[]) =>
      execa('setpriv', ['--reuid', '54321', '--clear-groups', PROGRAM, ...args], {
        env: { PATH: process.env.PATH ?? '' },
        extendEnv: false,
        reject: false,
      })
    expect(await run('--version')).toMatchObject({ exitCode: 0, stderr: '' })
    expect(await run('account', 'list')).toMatchObject({
      exitCode: 3,
      stderr: expect.stringMatching(/^Error: HOME is empty or not set\nHint: /),
    })
  })
})

describe('an unusable HOME', () => {
  const HINT = 'Hint: Set HOME to your home directory, or set VDC_MANAGE_DATABASE_URI\n'
  const NOWHERE = join(all.path, 'nowhere')
  const disk = join(all.path, 'disk.raw')
  const list = (env: Record<string, string>) => vdcManage(['account', 'list', '--quiet'], { env })

  test.each([
    ['', 'HOME is empty or not set'],
    ['home', 'HOME is home, which is not an absolute path'],
    ['/etc/passwd', 'HOME is /etc/passwd, which is not a folder'],
    ['/etc/passwd/x', 'HOME is /etc/passwd/x, which does not exist'],
    [NOWHERE, `HOME is ${NOWHERE}, which does not exist`],
  ])('is named in the error if it is needed: %j', async (home, says) => {
    expect(await list({ HOME: home })).toEqual({
      code: 3,
      signal: undefined,
      stdout: '',
      stderr: `Error: ${says}\n${HINT}`,
    })
  })

  test.each([['/proc'], ['/sys']])('is named in the error if nothing can be created in it: %s', async (home) => {
    const run = await list({ HOME: home })
    expect(run).toMatchObject({ code: 6, stdout: '' })
    expect(run.stderr).toMatch(
      new RegExp(
        `^Error: The folder ${home}/${IN_HOME} of the embedded registry cannot be created: .*\nHint: Set HOME to`,
      ),
    )
    expect((await list({ HOME: '/etc/passwd', XDG_DATA_HOME: home })).stderr).toContain(
      `The folder ${home}/vdc-manage `,
    )
  })

  test('does not matter if a database is set, or none is needed', async () => {
    writeFileSync(disk, rawDisk(2 ** 20))
    const database = await newDatabase('sqlite')
    for (const HOME of ['', '/proc']) {
      const env = { HOME }
      expect(await vdcManage(['--version'], { env })).toMatchObject({ code: 0, stderr: '' })
      expect(await vdcManage(['image', '--help'], { env })).toMatchObject({ code: 0, stderr: '' })
      expect(await vdcManage(['image', 'inspect', '--no-checksum', disk], { env })).toMatchObject({
        code: 0,
      })
      expect(await vdcManage(['account', 'list', '--quiet'], { env, database })).toMatchObject({
        code: 0,
        stdout: ACCOUNTS,
        stderr: '',
      })
    }
    await database.remove()
  })

  test('only disables the history at the prompt', async () => {
    const database = newSqlite()
    const terminal = await startTerminal('vdc-manage', { database, home: '/proc' })
    await terminal.type('account list --quiet')
    await terminal.press('Enter')
    await terminal.until(/^a-shpoolxx$/m)
    await terminal.press('C-d')
    expect(await terminal.exitCode()).toBe(0)
    await terminal.close()
    await database.remove()
  })

  test('does not matter if XDG_DATA_HOME is an absolute path', async () => {
    const data = join(all.path, 'data')
    expect(await list({ HOME: 'home', XDG_DATA_HOME: data })).toMatchObject({ code: 0, stdout: ACCOUNTS })
    expect(await list({ HOME: NOWHERE, XDG_DATA_HOME: 'data' })).toMatchObject({
      code: 3,
      stderr: `Error: XDG_DATA_HOME is data, which is not an absolute path\nHint: Set XDG_DATA_HOME to an absolute path, or unset it\n`,
    })
    expect((await list({ HOME: NOWHERE, XDG_DATA_HOME: '' })).stderr).toContain(`HOME is ${NOWHERE},`)
  })
})
