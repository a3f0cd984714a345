import {
  lchownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { newSqlite, type TestDatabase, waitingForTables } from '../../support/databases/databases.ts'
import { newFolder } from '../../support/files/images.ts'
import { NOBODY } from '../../support/process/root-home.ts'
import { ADD, imageIds, imagesNotWhole, newDatabaseWithObject, runScript } from '../../support/process/scripts.ts'
import { startTerminal, type Terminal, type TerminalOptions } from '../../support/process/tmux.ts'

/* The shell at a real terminal. */

const PROMPT = 'vdc-manage>> '

let database: TestDatabase
const folder = newFolder()
beforeAll(async () => {
  database = await newDatabaseWithObject('sqlite')
})
afterAll(async () => {
  await database.remove()
  folder.remove()
})

const open: Terminal[] = []
afterEach(async () => {
  for (const terminal of open.splice(0)) await terminal.close()
})

let homes = 0
function newHome(): string {
  const home = join(folder.path, `home${++homes}`)
  mkdirSync(home)
  return home
}

/** Runs the program in a terminal, without waiting for it. */
async function run(line = 'vdc-manage', options: Partial<TerminalOptions> = {}): Promise<Terminal> {
  const terminal = await startTerminal(line, { database, home: newHome(), cwd: folder.path, ...options })
  open.push(terminal)
  return terminal
}

/** Runs the program in a terminal, and waits for its prompt. */
async function prompted(line?: string, options?: Partial<TerminalOptions>): Promise<Terminal> {
  const terminal = await run(line, options)
  await terminal.untilLine(PROMPT)
  return terminal
}

/** Types a line, and waits for the next prompt. */
async function command(terminal: Terminal, line: string): Promise<string> {
  await terminal.clear()
  await terminal.type(line)
  await terminal.press('Enter')
  return terminal.until(/^vdc-manage>>$(?![\s\S])/m)
}

test('shows a prompt, output and errors, and ends', async () => {
  const terminal = await prompted()
  expect(await terminal.screen()).toMatch(
    /^vdc-manage \d\S*\. Type help for a list of commands; leave with exit or Ctrl-D\nvdc-manage>>$/,
  )
  expect(await command(terminal, 'account list --quiet')).toMatch(/a-00000000\na-shpoolxx\nvdc-manage>>$/)
  expect(await command(terminal, 'image bogus')).toMatch(
    /Error: There is no command 'image bogus'\nHint: .*\nvdc-manage>>$/,
  )
  expect(await command(terminal, 'account add --description "open')).toMatch(
    /Error: Unmatched " near "open\nHint: .*\nvdc-manage>>$/,
  )
  expect(await command(terminal, '')).toMatch(/vdc-manage>>$/)
  expect(await command(terminal, '# only a comment')).toMatch(/vdc-manage>>$/)
  await terminal.type('exit')
  await terminal.press('Enter')
  // As of bash and mysql: errors that were seen at the terminal are over.
  expect(await terminal.exitCode()).toBe(0)
})

test.each([
  ['exit', 'exit'],
  ['quit', 'quit'],
  ['Ctrl-D', ''],
])('%s ends it with exit code 0 on a new line', async (_, typed) => {
  const terminal = await prompted()
  if (typed === '') await terminal.press('C-d')
  else {
    await terminal.type(typed)
    await terminal.press('Enter')
  }
  expect(await terminal.exitCode()).toBe(0)
  expect(await terminal.screen()).toMatch(new RegExp(`^vdc-manage>> ?${typed}\nexit code 0$`, 'm'))
})

test('-e ends it at the first error with its exit code', async () => {
  const terminal = await prompted('vdc-manage -e')
  await command(terminal, 'account show a-shpoolxx')
  await terminal.type('account show a-none')
  await terminal.press('Enter')
  expect(await terminal.exitCode()).toBe(4)
})

test('a continued line has its own prompt', async () => {
  const terminal = await prompted()
  await terminal.type('account \\')
  await terminal.press('Enter')
  await terminal.untilLine('> ')
  await terminal.type('list \\')
  await terminal.press('Enter')
  await terminal.until(/^> list \\\n>$/m)
  expect(await command(terminal, '--quiet')).toMatch(/a-00000000\na-shpoolxx\nvdc-manage>>$/)
  expect(await command(terminal, 'account show a-shpoolxx')).toMatch(/^ +id: +a-shpoolxx$/m)
})

test('pasted lines run one after the other', async () => {
  const terminal = await prompted()
  await terminal.type('account list --quiet\naccount show a-none\naccount \\\nlist --quiet\n')
  const shown = await terminal.until(
    /a-shpoolxx\n[\s\S]*Error: Account a-none does not exist\n[\s\S]*a-shpoolxx\n[\s\S]*>>$/,
  )
  expect(shown.match(/^a-shpoolxx$/gm)).toHaveLength(2)
})

test('input typed while a command runs is taken afterwards, including Ctrl-D', async () => {
  const before = await imageIds(database)
  const terminal = await prompted()
  await terminal.type(`${ADD}\n${ADD}\n`)
  await terminal.press('C-d')
  expect(await terminal.exitCode()).toBe(0)
  const added = (await imageIds(database)).slice(before.length)
  expect(added).toHaveLength(2)
  const shown = await terminal.screen()
  for (const id of added) expect(shown).toMatch(new RegExp(`${id}$`, 'm'))
  expect(shown).not.toMatch(/Error/)
})

test('the prompt does not appear on stdout', async () => {
  const path = join(folder.path, 'answers')
  const terminal = await prompted(`vdc-manage > ${path}`)
  await terminal.type('account list --quiet')
  await terminal.press('Enter')
  await terminal.until(/--quiet\nvdc-manage>>$/)
  await terminal.press('C-d')
  expect(await terminal.exitCode()).toBe(0)
  expect(readFileSync(path, 'utf8')).toBe('a-00000000\na-shpoolxx\n')
})

test('works on a dumb terminal', async () => {
  const terminal = await run('vdc-manage', { env: { TERM: 'dumb' } })
  await terminal.until(/^vdc-manage>>$/m)
  expect(await command(terminal, 'account list --quiet')).toMatch(/a-00000000\na-shpoolxx\nvdc-manage>>$/)
  await terminal.press('C-d')
  expect(await terminal.exitCode()).toBe(0)
})

test('? shows help, and clear clears the screen', async () => {
  const terminal = await prompted('vdc-manage', { width: 40 })
  expect(await command(terminal, '?')).toContain('Manage the machine-image registry')
  expect(await command(terminal, 'image list ?')).toContain('List images.')
  await terminal.type('clear')
  await terminal.until(/^vdc-manage>> clear$(?![\s\S])/m)
  await terminal.press('Enter')
  await terminal.until(/^vdc-manage>>$(?![\s\S])/m)
  expect((await terminal.screen()).trimEnd().split('\n').at(-1)).toBe('vdc-manage>>')
  await terminal.type('account list')
  await terminal.press('Enter')
  await terminal.until(/a-shpoolxx[\s\S]*^vdc-manage>>$(?![\s\S])/m)
})

describe('completion with Tab', () => {
  // Its own database, so that only the IDs below match.
  let own: TestDatabase
  afterAll(() => own.remove())
  beforeAll(async () => {
    own = await newDatabaseWithObject('sqlite')
    const lines = ['tabone', 'tabtwo', 'another'].map((uuid) => `${ADD} --uuid ${uuid}`)
    lines.push(
      `${ADD} --uuid strange --display-name "Suse's; \\"10\\" | x"`,
      `${ADD} --uuid spaced --display-name "Red Hat 5"`,
    )
    expect(await runScript(own, lines)).toMatchObject({ code: 0 })
    mkdirSync(join(folder.path, 'tabs', 'inner'), { recursive: true })
    writeFileSync(join(folder.path, 'tabs', 'lucid.raw'), '')
    writeFileSync(join(folder.path, 'tabs', 'with blank & \'quotes".raw'), '')
    writeFileSync(join(folder.path, 'tabs', '.hidden'), '')
  })

  /**
   * Types at the prompt until the screen is as wanted. Before it tries again, it drops the line: completion
   * gives up on a slow host, and a Tab that arrives together with other keys is taken as pasted.
   */
  async function untilTyped(terminal: Terminal, typeOnce: () => Promise<unknown>, prompt = PROMPT): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await typeOnce()
        return
      } catch (error) {
        if (attempt === 10) throw error
      }
      await terminal.press('C-u')
      await terminal.untilLine(prompt)
      // Without the matches that the screen may show already.
      await terminal.clear()
      await terminal.press('C-l')
      await terminal.untilLine(prompt)
    }
  }

  /** Milliseconds to wait for a completion, which gives up before. */
  const COMPLETION = 5000

  /** Types a line and Tab at the prompt, and waits for the completed line. */
  const complete = (terminal: Terminal, typed: string, completed: string, prompt = PROMPT) =>
    untilTyped(
      terminal,
      async () => {
        await terminal.type(typed)
        await terminal.untilLine(prompt + typed)
        await terminal.press('Tab')
        if (typed === completed) await sleep(100)
        await terminal.untilLine(prompt + completed, COMPLETION)
      },
      prompt,
    )

  test('completes commands, subcommands, options, values, IDs and files', async () => {
    const terminal = await prompted('vdc-manage', { database: own })
    const path = join(folder.path, 'tabs')
    for (const [typed, completed] of [
      ['acc', 'account '],
      ['ex', 'exit '],
      ['cle', 'clear '],
      ['help acc', 'help account '],
      ['vdc-manage acc', 'vdc-manage account '],
      ['vdc-manage image show wmi-an', 'vdc-manage image show wmi-another '],
      ['account sh', 'account show '],
      ['image add lo', 'image add local '],
      ['help image add vo', 'help image add volume '],
      ['account add --desc', 'account add --description '],
      ['image list --owned --acc', 'image list --owned --account-id '],
      ['image modify wmi-another --no-is-c', 'image modify wmi-another --no-is-cacheable '],
      ['image add local bo-one --arch x86_', 'image add local bo-one --arch x86_64 '],
      ['image add local bo-one --arch=x86_', 'image add local bo-one --arch=x86_64 '],
      ['image add local bo-one --account-id a-sh', 'image add local bo-one --account-id a-shpoolxx '],
      ['image add local bo-one --account_id=a-sh', 'image add local bo-one --account_id=a-shpoolxx '],
      ['account show a-sh', 'account show a-shpoolxx '],
      ['image show wmi-an', 'image show wmi-another '],
      ['image show wmi-another wmi-tabt', 'image show wmi-another wmi-tabtwo '],
      ['image show wmi-t', 'image show wmi-tab'],
      ['image add local bo-o', 'image add local bo-one '],
      // Display names, also in quotes.
      ['image show Su', String.raw`image show Suse\'s\;\ \"10\"\ \|\ x `],
      [String.raw`image show Suse\'`, String.raw`image show Suse\'s\;\ \"10\"\ \|\ x `],
      ['image show "Su', String.raw`image show "Suse's; \"10\" | x" `],
      ["image del 'Red", "image del 'Red Hat 5' "],
      [
        'image modify wmi-another --parent-image-id Red',
        String.raw`image modify wmi-another --parent-image-id Red\ Hat\ 5 `,
      ],
      ['image modify wmi-another --uuid Red', 'image modify wmi-another --uuid Red'],
      ['image try Re', String.raw`image try Red\ Hat\ 5 `],
      ['image add volume bo-o', 'image add volume bo-one '],
      ['backupobject del bo-o', 'backupobject del bo-one '],
      ['backupstorage show bkst-o', 'backupstorage show bkst-one '],
      ['backupobject add --storage-id bkst-o', 'backupobject add --storage-id bkst-one '],
      [`image add local ${path}/lu`, `image add local ${path}/lucid.raw `],
      ['image add local tabs/lu', 'image add local tabs/lucid.raw '],
      ['image add local ta', 'image add local tabs/'],
      ['image add local tabs/in', 'image add local tabs/inner/'],
      ['backupobject add --from-file tabs/lu', 'backupobject add --from-file tabs/lucid.raw '],
      ['image add local tabs/wi', `image add local tabs/with\\ blank\\ \\&\\ \\'quotes\\".raw `],
      [String.raw`image add local tabs/with\ bl`, String.raw`image add local tabs/with\ blank\ \&\ \'quotes\".raw `],
      [String.raw`image add local tabs/with\ `, String.raw`image add local tabs/with\ blank\ \&\ \'quotes\".raw `],
      // No match, so nothing changes.
      ['bogus', 'bogus'],
      ['sh', 'sh'],
      ['image show wmi-zzz', 'image show wmi-zzz'],
      ['image add local bo-one --description "a', 'image add local bo-one --description "a'],
    ] as const) {
      await complete(terminal, typed, completed)
      await terminal.press('C-u')
      await terminal.untilLine(PROMPT)
    }
  })

  test('lists several matches at the second Tab', async () => {
    const terminal = await prompted('vdc-manage', { database: own })
    await untilTyped(terminal, async () => {
      await terminal.type('image show wmi-tab')
      await terminal.untilLine(`${PROMPT}image show wmi-tab`)
      await terminal.press('Tab', 'Tab')
      await terminal.until(/^wmi-tabone +wmi-tabtwo\nvdc-manage>> image show wmi-tab$/m, COMPLETION)
    })
    await terminal.press('C-u')
    await terminal.clear()
    let shown = ''
    await untilTyped(terminal, async () => {
      await terminal.type('image ')
      await terminal.press('Tab', 'Tab')
      shown = await terminal.until(/history[\s\S]*vdc-manage>> image$/, COMPLETION)
    })
    for (const name of ['add', 'del', 'features', 'history', 'label', 'list', 'modify', 'show'])
      expect(shown).toMatch(new RegExp(`\\b${name}\\b`))
  })

  test('counts Tabs that arrive together one by one', async () => {
    const terminal = await prompted('vdc-manage', { database: own })
    await untilTyped(terminal, async () => {
      await terminal.type('image show wmi-t\t\t')
      await terminal.until(/^wmi-tabone +wmi-tabtwo\nvdc-manage>> image show wmi-tab$/m, COMPLETION)
    })
    await terminal.press('C-u')
    await terminal.clear()
    await untilTyped(terminal, async () => {
      await terminal.type('image show wmi-another wmi-t\t\t\t\t')
      await terminal.until(/^wmi-tabone +wmi-tabtwo\nvdc-manage>> image show wmi-another wmi-tab$/m, 2 * COMPLETION)
    })
    await terminal.type('two')
    await terminal.untilLine(`${PROMPT}image show wmi-another wmi-tabtwo`)
  })

  test('leaves an empty SQLite file unchanged', async () => {
    const empty = newSqlite()
    const path = empty.uri.slice('sqlite://'.length)
    writeFileSync(path, '')
    const terminal = await prompted('vdc-manage', { database: empty })
    await terminal.type('image show wmi')
    await terminal.press('Tab')
    await sleep(300)
    await terminal.press('C-u', 'C-d')
    await terminal.until(/exit code 0/)
    expect(statSync(path).size).toBe(0)
    await empty.remove()
  })

  test('does not create an embedded registry, and prints nothing about it', async () => {
    const terminal = await prompted('unset VDC_MANAGE_DATABASE_URI; vdc-manage', { database: own })
    await untilTyped(terminal, async () => {
      await terminal.type('image show wmi')
      await terminal.press('Tab')
      await sleep(300)
      await terminal.type('-one')
      await terminal.untilLine(`${PROMPT}image show wmi-one`, COMPLETION)
    })
    expect(await terminal.screen()).not.toMatch(/embedded/)
    await terminal.press('C-u', 'C-d')
    await terminal.until(/exit code 0/)
  })

  test('runs completed lines, and quotes odd file names correctly', async () => {
    const terminal = await prompted('vdc-manage', { database: own })
    await complete(terminal, 'account show a-sh', 'account show a-shpoolxx ')
    await terminal.press('Enter')
    await terminal.until(/^ +id: +a-shpoolxx$/m)
    await complete(terminal, 'image add local tabs/wi', `image add local tabs/with\\ blank\\ \\&\\ \\'quotes\\".raw `)
    expect(await command(terminal, '--account-id a-shpoolxx')).toMatch(
      /Error: .*with blank & 'quotes"\.raw.* is empty|Error: .*tabs\/with blank & 'quotes"\.raw/,
    )
  })

  test('works in a continued line, and after help', async () => {
    const terminal = await prompted('vdc-manage', { database: own })
    await command(terminal, 'help')
    await command(terminal, 'help image add local')
    await complete(terminal, 'image add lo', 'image add local ')
    await terminal.press('C-u')
    await terminal.type('account \\')
    await terminal.press('Enter')
    await terminal.untilLine('> ')
    await complete(terminal, 'show a-sh', 'show a-shpoolxx ', '> ')
    await terminal.press('Enter')
    await terminal.until(/^ +id: +a-shpoolxx$/m)
  })

  test('offers no IDs without a database, and breaks nothing', async () => {
    const terminal = await prompted('vdc-manage', { database: { uri: 'mysql://root@127.0.0.1:1/none' } })
    await untilTyped(terminal, async () => {
      await terminal.type('image show wmi-')
      await terminal.press('Tab')
      await sleep(300)
      await terminal.untilLine(`${PROMPT}image show wmi-`, COMPLETION)
      await terminal.type('none')
      await terminal.untilLine(`${PROMPT}image show wmi-none`, COMPLETION)
    })
    expect(await command(terminal, '')).toMatch(/Error: The database .* cannot be reached/)
    await terminal.press('C-d')
    expect(await terminal.exitCode()).toBe(0)
  })
})

describe('history', () => {
  const fileOf = (home: string) => join(home, '.local/share/vdc-manage/shell_history')

  test('is kept for the next session, readable only by its owner', async () => {
    const home = newHome()
    const first = await prompted('vdc-manage', { home })
    await command(first, 'vdc-manage account list --quiet')
    await command(first, 'account show a-shpoolxx')
    await command(first, 'account show a-shpoolxx')
    await command(first, ' account show a-00000000')
    await command(first, '# a comment')
    await first.press('C-d')
    await first.exitCode()
    expect(readFileSync(fileOf(home), 'utf8')).toBe('vdc-manage account list --quiet\naccount show a-shpoolxx\n')
    expect(statSync(fileOf(home)).mode & 0o777).toBe(0o600)

    const second = await prompted('vdc-manage', { home })
    await second.press('Up')
    await second.untilLine(`${PROMPT}account show a-shpoolxx`)
    await second.press('Up')
    await second.untilLine(`${PROMPT}vdc-manage account list --quiet`)
    await second.press('Enter')
    await second.until(/^a-shpoolxx\nvdc-manage>>$/m)
    await second.press('C-d')
    await second.exitCode()
    expect(readFileSync(fileOf(home), 'utf8')).toBe(
      'vdc-manage account list --quiet\naccount show a-shpoolxx\nvdc-manage account list --quiet\n',
    )
  })

  test('keeps a continued command as one line, in this session and the next', async () => {
    const home = newHome()
    const first = await prompted('vdc-manage', { home })
    await command(first, 'account show a-00000000')
    await first.type('account \\')
    await first.press('Enter')
    await first.untilLine('> ')
    await command(first, 'list --quiet')
    await first.press('Up')
    await first.untilLine(`${PROMPT}account list --quiet`)
    await first.press('Up')
    await first.untilLine(`${PROMPT}account show a-00000000`)
    await first.press('C-u', 'C-d')
    await first.exitCode()
    const second = await prompted('vdc-manage', { home })
    await second.press('Up')
    await second.untilLine(`${PROMPT}account list --quiet`)
  })

  test('keeps a dropped line out of the next command', async () => {
    const terminal = await prompted()
    await terminal.type('account add \\')
    await terminal.press('Enter')
    await terminal.untilLine('> ')
    await terminal.press('C-c')
    await terminal.untilLine(PROMPT)
    await command(terminal, 'account list --quiet')
    await terminal.press('Up')
    await terminal.untilLine(`${PROMPT}account list --quiet`)
    await terminal.press('C-u')
    await terminal.type('account list \\')
    await terminal.press('Enter')
    await terminal.untilLine('> ')
    await command(terminal, '')
    await command(terminal, 'account show a-shpoolxx')
    await terminal.press('Up')
    await terminal.untilLine(`${PROMPT}account show a-shpoolxx`)
  })

  test('survives SIGKILL, and is shared by parallel sessions', async () => {
    const home = newHome()
    const one = await prompted('vdc-manage', { home })
    const two = await prompted('vdc-manage', { home })
    await command(one, 'account list --quiet')
    await command(two, 'account show a-shpoolxx')
    process.kill(await one.pid(), 'SIGKILL')
    expect(await one.exitCode()).toBe(137)
    await two.press('C-d')
    await two.exitCode()
    expect(readFileSync(fileOf(home), 'utf8')).toBe('account list --quiet\naccount show a-shpoolxx\n')
  })

  test('does not follow symlinks owned by another user', async () => {
    const home = newHome()
    mkdirSync(dirname(fileOf(home)), { recursive: true })
    const victim = join(home, 'victim')
    writeFileSync(victim, 'precious\n')
    symlinkSync(victim, fileOf(home))
    if (process.getuid?.() === 0) lchownSync(fileOf(home), NOBODY, NOBODY)
    const terminal = await prompted('vdc-manage', { home })
    await terminal.press('Up')
    expect(await command(terminal, 'account list --quiet')).toMatch(/^a-shpoolxx\nvdc-manage>>$/m)
    await terminal.press('C-d')
    expect(await terminal.exitCode()).toBe(0)
    expect(readFileSync(victim, 'utf8')).toBe('precious\n')
  })

  test('is skipped without a writable home directory', async () => {
    const terminal = await prompted('vdc-manage', { home: '/dev/null' })
    expect(await command(terminal, 'account list --quiet')).toMatch(/^a-shpoolxx\nvdc-manage>>$/m)
    await terminal.press('C-d')
    expect(await terminal.exitCode()).toBe(0)
  })

  test('is not written by scripts', async () => {
    const home = newHome()
    const terminal = await run('echo account list --quiet | vdc-manage', { home })
    expect(await terminal.exitCode()).toBe(0)
    expect(await terminal.screen()).toBe('a-00000000\na-shpoolxx\nexit code 0')
    expect(readdirSync(home)).toEqual([])
  })
})

describe('Ctrl-C', () => {
  const big = join(folder.path, 'big.raw')
  beforeAll(() => {
    writeFileSync(big, '')
    truncateSync(big, 200 * 2 ** 30)
  })

  /** Waits until the program reads the big file, which takes minutes. */
  async function untilHashing(terminal: Terminal): Promise<void> {
    const fds = `/proc/${await terminal.pid()}/fd`
    for (let attempt = 0; attempt < 3000; attempt++) {
      const files = readdirSync(fds).map((fd) => {
        try {
          return readlinkSync(join(fds, fd))
        } catch {
          return ''
        }
      })
      if (files.includes(big)) return
      await sleep(20)
    }
    throw new Error('The program does not read the file')
  }

  test('drops the line at the prompt', async () => {
    const before = await database.query('SELECT * FROM accounts')
    const terminal = await prompted()
    await terminal.type('account add')
    await terminal.untilLine(`${PROMPT}account add`)
    await terminal.press('C-c')
    await terminal.untilLine(PROMPT)
    await terminal.press('Enter')
    await terminal.type('account add \\')
    await terminal.press('Enter')
    await terminal.untilLine('> ')
    await terminal.type('--description dropped')
    await terminal.press('C-c')
    await terminal.untilLine(PROMPT)
    expect(await command(terminal, 'account list --quiet')).toMatch(/--quiet\na-00000000\na-shpoolxx\nvdc-manage>>$/)
    // Also in the middle of a line.
    await terminal.type('account add')
    await terminal.press('Left', 'Left', 'Left', 'C-c')
    await terminal.untilLine(PROMPT)
    await terminal.press('Enter', 'C-c', 'C-c', 'C-d')
    expect(await terminal.exitCode()).toBe(0)
    expect(await database.query('SELECT * FROM accounts')).toEqual(before)
  })

  test('interrupts a running command, stores nothing, and returns to the prompt', async () => {
    const before = await imageIds(database)
    const terminal = await prompted()
    for (let time = 0; time < 2; time++) {
      await terminal.clear()
      await terminal.type(`image add local ${big} --account-id a-shpoolxx`)
      await terminal.press('Enter')
      await untilHashing(terminal)
      const pressed = Date.now()
      await terminal.press('C-c')
      expect(await terminal.until(/^vdc-manage>>$(?![\s\S])/m)).toMatch(/^Error: Interrupted$/m)
      expect(Date.now() - pressed).toBeLessThan(60_000)
      expect(await imageIds(database)).toEqual(before)
    }
    expect(await command(terminal, ADD)).toMatch(/^wmi-\w{8}\nvdc-manage>>$/m)
    expect(await imageIds(database)).toHaveLength(before.length + 1)
    expect(await imagesNotWhole(database)).toEqual([])
    await terminal.press('C-d')
    expect(await terminal.exitCode()).toBe(0)
  })

  test('ends the shell with exit code 130 with -e', async () => {
    const terminal = await prompted('vdc-manage -e')
    await terminal.type(`image add local ${big} --account-id a-shpoolxx`)
    await terminal.press('Enter')
    await untilHashing(terminal)
    await terminal.press('C-c')
    expect(await terminal.exitCode()).toBe(130)
  })

  test('ends the shell when pressed twice if the command cannot be interrupted', async () => {
    const own = await newDatabaseWithObject('mariadb')
    const terminal = await prompted('vdc-manage', { database: own })
    await command(terminal, 'account list --quiet')
    await own.query('LOCK TABLES accounts WRITE, accounts AS a WRITE')
    await terminal.type('account add --uuid locked')
    await terminal.press('Enter')
    await expect.poll(() => waitingForTables(own)).toHaveLength(1)
    await terminal.press('C-c')
    await sleep(300)
    await terminal.press('C-c')
    expect(await terminal.exitCode()).toBe(130)
    await own.query('UNLOCK TABLES')
    await sleep(100)
    expect(await own.query("SELECT * FROM accounts WHERE uuid = 'locked'")).toEqual([])
    await own.remove()
  })

  test('rolls the session back with --tx bulk, with exit code 130', async () => {
    const before = await imageIds(database)
    const terminal = await prompted('vdc-manage --tx bulk')
    await command(terminal, ADD)
    await terminal.type(`image add local ${big} --account-id a-shpoolxx`)
    await terminal.press('Enter')
    await untilHashing(terminal)
    await terminal.press('C-c')
    expect(await terminal.exitCode()).toBe(130)
    expect(await terminal.screen()).toMatch(/^Nothing was stored$/m)
    expect(await imageIds(database)).toEqual(before)
  })
})

test('Ctrl-C ends a command that waits for IDs from the terminal, with an error: exit 130', async () => {
  let [code, shown]: [number | undefined, string] = [undefined, '']
  // On a busy host, the program may not wait yet.
  for (let wait = 1500; wait <= 24_000 && !/Error: Interrupted$/m.test(shown); wait *= 2) {
    const terminal = await run('vdc-manage image show -')
    await sleep(wait)
    await terminal.press('C-c')
    code = await terminal.exitCode()
    shown = await terminal.screen()
  }
  expect(code).toBe(130)
  expect(shown).toMatch(/Error: Interrupted$/m)
})

test('continues after Ctrl-Z and fg, and keeps the typed line', async () => {
  // Stopping a program requires a shell with job control.
  const terminal = await run('PS1="sh: " bash --norc --noprofile -i')
  await terminal.until(/^sh:/m)
  await terminal.type('vdc-manage')
  await terminal.press('Enter')
  await terminal.untilLine(PROMPT)
  for (const before of [undefined, 'account show a-shpoolxx']) {
    if (before !== undefined) await command(terminal, before)
    await terminal.type('account li')
    await terminal.untilLine(`${PROMPT}account li`)
    await terminal.press('C-z')
    await terminal.untilLine('sh: ')
    await terminal.clear()
    await terminal.type('fg')
    await terminal.press('Enter')
    await terminal.untilLine(`${PROMPT}account li`)
    await terminal.type('st --quiet')
    await terminal.press('Enter')
    await terminal.until(/^a-shpoolxx$/m)
    await terminal.untilLine(PROMPT)
  }
})

test('pasted lines run one by one, and their output is readable', async () => {
  const terminal = await prompted('vdc-manage')
  const lines = [1, 2, 3].map((n) => `account add --uuid paste${n} --description "some longer text for ${n}"`)
  await terminal.type(`${lines.join('\n')}\naccount show a-paste2 --js`)
  const text = await terminal.until(/^a-paste3$/m)
  for (const n of [1, 2, 3]) expect(text).toMatch(new RegExp(`^a-paste${n}$`, 'm'))
  // The last line is not submitted yet.
  await terminal.untilLine(`${PROMPT}account show a-paste2 --js`)
  await terminal.type('on')
  await terminal.press('Enter')
  await terminal.until(/"id": "a-paste2",/)
})

describe('--tx bulk', () => {
  test('announces IDs at once, and prints them after the commit', async () => {
    const before = await imageIds(database)
    const terminal = await prompted('vdc-manage --tx bulk')
    const shown = await command(terminal, ADD)
    const id = /^Will be stored at the end of this session: (wmi-\w{8})\nvdc-manage>>$/m.exec(shown)?.[1] as string
    expect(await imageIds(database)).toEqual(before)
    expect(await command(terminal, `image show ${id}`)).toMatch(new RegExp(`^ *id: +${id}$`, 'm'))
    await terminal.clear()
    await terminal.press('C-d')
    expect(await terminal.exitCode()).toBe(0)
    expect(await terminal.screen()).toMatch(new RegExp(`^${id}\nexit code 0$`, 'm'))
    expect(await imageIds(database)).toEqual([...before, id])
  })

  test('announces the IDs of several files, and prints none before the commit', async () => {
    const terminal = await prompted('vdc-manage --tx bulk')
    const [words = '', ...options] = ADD.split(' --')
    const path = words.split(' ').at(-1)
    const shown = await command(terminal, [`${words} ${path}`, ...options].join(' --'))
    const ids = [...shown.matchAll(/^Will be stored at the end of this session: (wmi-\w{8})$/gm)].map(([, id]) => id)
    expect(ids).toHaveLength(2)
    expect(shown).not.toMatch(/^wmi-/m)
    await terminal.clear()
    await terminal.press('C-d')
    expect(await terminal.exitCode()).toBe(0)
    expect(await terminal.screen()).toMatch(new RegExp(`^${ids.join('\n')}\nexit code 0$`, 'm'))
  })

  test('stores nothing after an error', async () => {
    const before = await imageIds(database)
    const terminal = await prompted('vdc-manage --tx bulk')
    await command(terminal, ADD)
    const gaveUp = /Because of this error, nothing of this session will be stored/
    expect(await command(terminal, 'image show wmi-none')).toMatch(gaveUp)
    // No more IDs are announced, and the warning is printed only once.
    expect(await command(terminal, ADD)).not.toMatch(/Will be stored|wmi-/)
    expect(await command(terminal, 'image show wmi-none')).not.toMatch(gaveUp)
    await terminal.press('C-d')
    expect(await terminal.exitCode()).toBe(9)
    expect(await terminal.screen()).toMatch(/^Nothing was stored\nexit code 9$/m)
    expect(await imageIds(database)).toEqual(before)
  })

  test('stores nothing if terminated at the prompt, with exit code 143', async () => {
    const before = await imageIds(database)
    const terminal = await prompted('vdc-manage --tx bulk')
    await command(terminal, ADD)
    process.kill(await terminal.pid(), 'SIGTERM')
    expect(await terminal.exitCode()).toBe(143)
    expect(await terminal.screen()).toMatch(/^Nothing was stored\nexit code 143$/m)
    expect(await imageIds(database)).toEqual(before)
  })

  test('a deadlock rolls the session back, and is reported', async () => {
    const own = await newDatabaseWithObject('mariadb')
    const name = own.uri.split('/').at(-1)
    await own.query(
      `CREATE TRIGGER ${name}.fail BEFORE INSERT ON images FOR EACH ROW BEGIN IF NEW.display_name = 'deadlock' THEN SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213, MESSAGE_TEXT = 'Deadlock found'; END IF; END`,
    )
    const terminal = await prompted('vdc-manage --tx bulk', { database: own })
    await command(terminal, ADD)
    await terminal.type(`${ADD} --display-name deadlock`)
    await terminal.press('Enter')
    expect(await terminal.exitCode()).toBe(6)
    expect(await terminal.screen()).toMatch(
      /^Error: .* is busy: Deadlock found\nHint: .*\nNothing was stored\nexit code 6$/m,
    )
    expect(await imageIds(own)).toEqual([])
    await own.remove()
  })
})
