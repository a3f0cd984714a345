import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Engine, TestDatabase } from '../../support/databases/databases.ts'
import { newFolder } from '../../support/files/images.ts'
import { runLines, vdcManage } from '../../support/process/cli.ts'
import { ADD, newDatabaseWithObject } from '../../support/process/scripts.ts'
import { startTerminal, type Terminal } from '../../support/process/tmux.ts'

/* Completion in real shells: types a line and presses Tab. */

const PROMPT = '>> '
const folder = newFolder()
const databases = {} as Record<Engine, TestDatabase>
const tabs = join(folder.path, 'tabs')

beforeAll(async () => {
  for (const engine of ['mariadb', 'sqlite'] as const) {
    databases[engine] = await newDatabaseWithObject(engine)
    await runLines(
      [
        `${ADD} --uuid tabone --display-name "Ubuntu: 10.04"`,
        `${ADD} --uuid tabtwo`,
        `${ADD} --uuid another`,
        `${ADD} --uuid strange --display-name "Suse's \\$(touch made) \\\\ !x: \\"10\\""`,
        `${ADD} --uuid spaced --display-name "Red Hat 5"`,
        'account add --uuid a-customer --description customers',
      ],
      { database: databases[engine] },
    )
  }
  mkdirSync(join(tabs, 'inner'), { recursive: true })
  for (const name of ['lucid.raw', 'with blank.raw', 'bo-file.raw']) writeFileSync(join(tabs, name), '')
})
afterAll(async () => {
  for (const database of Object.values(databases)) await database.remove()
  folder.remove()
})

const open: Terminal[] = []
afterEach(async () => {
  for (const terminal of open.splice(0)) await terminal.close()
})

const SHELLS = {
  bash: {
    file: '.rc',
    lines: ['source <(vdc-manage completion bash)', `PS1="${PROMPT}"`, 'bind "set bell-style none"'],
    run: (home: string) => `exec bash --noprofile --rcfile ${home}/.rc -i`,
  },
  zsh: {
    file: '.zshrc',
    lines: ['source <(vdc-manage completion zsh)', `PROMPT="${PROMPT}"`, 'setopt no_beep', 'unsetopt prompt_sp'],
    run: () => 'exec zsh -i',
  },
  fish: {
    file: '.config/fish/config.fish',
    lines: [
      'set fish_greeting',
      `function fish_prompt; echo -n "${PROMPT}"; end`,
      'vdc-manage completion fish | source',
    ],
    run: () => 'exec fish -i',
  },
} as const
type Shell = keyof typeof SHELLS
const ALL = Object.keys(SHELLS) as Shell[]

let homes = 0
/** Opens a terminal with a shell with completion, and waits for its prompt. */
async function prompted(name: Shell, database: { uri: string }): Promise<Terminal> {
  const home = join(folder.path, `home${++homes}`)
  const { file, lines, run } = SHELLS[name]
  mkdirSync(join(home, file, '..'), { recursive: true })
  writeFileSync(join(home, file), `${lines.join('\n')}\n`)
  // Without this folder, fish parses all man pages in the background, which takes 18 s of CPU.
  mkdirSync(join(home, '.local/share/fish/generated_completions'), { recursive: true })
  const terminal = await startTerminal(run(home), { database, home, cwd: tabs, env: { ZDOTDIR: home } })
  open.push(terminal)
  await terminal.untilLine(PROMPT)
  return terminal
}

/** What is typed, and the line after Tab; without trailing space if nothing is to be added. */
const COMPLETED: [typed: string, completed: string][] = [
  // Commands.
  ['vdc-manage imag', 'vdc-manage image '],
  ['vdc-manage image add lo', 'vdc-manage image add local '],
  ['vdc-manage help image feat', 'vdc-manage help image features '],
  ['vdc-manage completion fi', 'vdc-manage completion fish '],
  // Options, also after IDs.
  ['vdc-manage image list --own', 'vdc-manage image list --owned '],
  ['vdc-manage image modify wmi-another --no-is-c', 'vdc-manage image modify wmi-another --no-is-cacheable '],
  ['vdc-manage image show --acc', 'vdc-manage image show --account-id '],
  ['vdc-manage image list --account_i', 'vdc-manage image list --account_id '],
  // Values of options.
  ['vdc-manage image add local x --arch x86_', 'vdc-manage image add local x --arch x86_64 '],
  ['vdc-manage image add local x --os-type=win', 'vdc-manage image add local x --os-type=windows '],
  ['vdc-manage image list --account-id a-cu', 'vdc-manage image list --account-id a-customer '],
  ['vdc-manage image list --account_id=a-cu', 'vdc-manage image list --account_id=a-customer '],
  ['vdc-manage backupobject add --storage-id bkst-', 'vdc-manage backupobject add --storage-id bkst-one '],
  // IDs, the second of several IDs, and a command after a pipe.
  ['vdc-manage image show wmi-an', 'vdc-manage image show wmi-another '],
  ['vdc-manage image del wmi-another wmi-tabt', 'vdc-manage image del wmi-another wmi-tabtwo '],
  ['vdc-manage image show wmi-t', 'vdc-manage image show wmi-tab'],
  ['vdc-manage account show a-cu', 'vdc-manage account show a-customer '],
  ['vdc-manage image add volume bo-', 'vdc-manage image add volume bo-one '],
  ['vdc-manage image add local bo-o', 'vdc-manage image add local bo-one '],
  ['vdc-manage image check wmi-an', 'vdc-manage image check wmi-another '],
  ['echo a | vdc-manage image show wmi-an', 'echo a | vdc-manage image show wmi-another '],
  ['vdc-manage image label wmi-another "a b" --j', 'vdc-manage image label wmi-another "a b" --json '],
  // Files.
  ['vdc-manage image add local luc', 'vdc-manage image add local lucid.raw '],
  ['vdc-manage image inspect lucid.raw inn', 'vdc-manage image inspect lucid.raw inner/'],
  ['vdc-manage image add local wi', 'vdc-manage image add local with\\ blank.raw '],
  ['vdc-manage backupobject add --from-file luc', 'vdc-manage backupobject add --from-file lucid.raw '],
  ['vdc-manage backupobject add --from-file=luc', 'vdc-manage backupobject add --from-file=lucid.raw '],
  // No match.
  ['vdc-manage image show wmi-zzz', 'vdc-manage image show wmi-zzz'],
  ['vdc-manage image list --description a', 'vdc-manage image list --description a'],
  ['vdc-manage bogus', 'vdc-manage bogus'],
]

/** Types, presses Tab `times` times, waits for `shown`, and clears the line. */
async function tab(terminal: Terminal, typed: string, shown: string | RegExp, times = 1): Promise<void> {
  const press = async (patience: number) => {
    await terminal.type(typed)
    for (let time = 0; time < times; time++) await terminal.press('Tab')
    // The next character appears only after the completion has ended, whatever it found.
    if (typed === shown) await terminal.type('_')
    if (shown instanceof RegExp) await terminal.until(shown, patience)
    else await terminal.untilLine(PROMPT + (typed === shown ? `${shown}_` : shown), patience)
  }
  // On a busy machine the program may time out before it finds anything.
  for (let tries = 1; ; tries++) {
    try {
      await press(5000)
      break
    } catch (error) {
      if (tries === 10) throw error
      await terminal.press('C-u')
      await terminal.untilLine(PROMPT)
    }
  }
  expect(await terminal.screen()).not.toMatch(/error/i)
  await terminal.press('C-u')
  await terminal.untilLine(PROMPT)
  await terminal.clear()
  await terminal.press('Enter')
  await terminal.untilLine(PROMPT)
}

describe.each(ALL)('%s', (shell) => {
  test('completes commands, options, values, IDs and files', async () => {
    const terminal = await prompted(shell, databases[shell === 'zsh' ? 'mariadb' : 'sqlite'])
    for (const [typed, completed] of COMPLETED) await tab(terminal, typed, completed)
  })

  test('lists matches, with descriptions where the shell supports them', async () => {
    const terminal = await prompted(shell, databases[shell === 'zsh' ? 'sqlite' : 'mariadb'])
    const about = (word: string, text: string) => (shell === 'bash' ? word : `${word}[ -]+\\(?${text}`)
    await tab(terminal, 'vdc-manage image show wmi-tab', new RegExp(`${about('wmi-tabone', 'Ubuntu: 10\\.04')}`), 2)
    await tab(terminal, 'vdc-manage image show wmi-tab', /wmi-tabtwo/, 2)
    await tab(terminal, 'vdc-manage account ', new RegExp(about('show', 'Show')), 2)
    await tab(terminal, 'vdc-manage image add local x --file-format ', /qcow2[\s\S]*vmdk/, 2)
    await tab(terminal, 'vdc-manage image add local ', /lucid\.raw/, 2)
  })

  test('completes quoted words, and commands within another', async () => {
    const terminal = await prompted(shell, databases.sqlite)
    await tab(terminal, 'vdc-manage image show "wmi-an', 'vdc-manage image show "wmi-another" ')
    await tab(terminal, "vdc-manage image show 'wmi-an", "vdc-manage image show 'wmi-another' ")
    await tab(terminal, 'vdc-manage image add local "with', 'vdc-manage image add local "with blank.raw" ')
    await tab(terminal, 'echo a && vdc-manage account show a-cu', 'echo a && vdc-manage account show a-customer ')
    await tab(
      terminal,
      'vdc-manage image show $(touch made) wmi-an',
      'vdc-manage image show $(touch made) wmi-another ',
    )
    // Nothing that is typed is run.
    expect(existsSync(join(tabs, 'made'))).toBe(false)
  })

  test('without a database, completes everything but IDs and shows no error', async () => {
    const terminal = await prompted(shell, { uri: 'mysql://root@127.0.0.1:1/none' })
    await tab(terminal, 'vdc-manage image show wmi-', 'vdc-manage image show wmi-')
    await tab(terminal, 'vdc-manage image li', 'vdc-manage image list ')
  })
})

/** What is typed after the command, also in open quotes. Tab must complete it to the name of the image. */
const NAMES: [typed: string, id: string][] = [
  ['Su', 'wmi-strange'],
  ["'Su", 'wmi-strange'],
  ["Suse\\'s\\ ", 'wmi-strange'],
  ['Red', 'wmi-spaced'],
  ['"Red', 'wmi-spaced'],
  ["'Red H", 'wmi-spaced'],
  ['Red\\ Ha', 'wmi-spaced'],
]

/**
 * Gives up a line. On a busy machine, Ctrl-C may end only the search for words, and what was typed since follows, with
 * quotes that are still open.
 */
async function backToPrompt(terminal: Terminal): Promise<void> {
  for (let tries = 10; ; tries--) {
    await terminal.press('C-c')
    await terminal.clear()
    await terminal.press('Enter')
    try {
      return await terminal.untilLine(PROMPT, 10_000)
    } catch (error) {
      if (tries === 0) throw error
    }
  }
}

describe.each(ALL)('display names in %s', (shell) => {
  test('are quoted, whatever characters they contain, so that the line names the image and runs nothing', async () => {
    const terminal = await prompted(shell, databases[shell === 'fish' ? 'mariadb' : 'sqlite'])
    for (const [typed, id] of NAMES) {
      for (let tries = 1; ; tries++) {
        await terminal.type(`vdc-manage image show --format value -c id ${typed}`)
        await terminal.press('Tab')
        await terminal.type('; echo done')
        await terminal.press('Enter')
        // A quote that nothing closed goes on in the next line.
        const shown = await terminal.until(/^done/m, 10_000).catch(() => '')
        if (new RegExp(`^${id}$`, 'm').test(shown)) break
        // On a busy machine the program may time out before it finds anything.
        if (tries === 10) expect(`${typed}:\n${shown || (await terminal.screen())}`).toContain(`\n${id}\n`)
        await backToPrompt(terminal)
      }
      await terminal.clear()
      await terminal.press('Enter')
      await terminal.untilLine(PROMPT)
    }
    expect(existsSync(join(tabs, 'made'))).toBe(false)
  })
})

test('zsh loads the script from a folder in fpath', async () => {
  const home = join(folder.path, 'fpath')
  mkdirSync(home)
  const { stdout } = await vdcManage(['completion', 'zsh'])
  writeFileSync(join(home, '_vdc-manage'), stdout)
  const lines = [`fpath=(${home} $fpath)`, 'autoload -Uz compinit && compinit -D -u', `PROMPT="${PROMPT}"`]
  writeFileSync(join(home, '.zshrc'), `${lines.join('\n')}\n`)
  const options = { database: databases.sqlite, home, cwd: tabs, env: { ZDOTDIR: home } }
  const terminal = await startTerminal('exec zsh -i', options)
  open.push(terminal)
  await terminal.untilLine(PROMPT)
  await tab(terminal, 'vdc-manage image show wmi-an', 'vdc-manage image show wmi-another ')
})
