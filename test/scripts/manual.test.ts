import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, describe, expect, test } from 'vitest'
import { HELP_TOPICS } from '../../src/cli/help/topics.ts'
import { ERRORS } from '../../src/core/errors.ts'
import { newFolder } from '../support/files/images.ts'
import { ROOT } from '../support/process/cli.ts'

/* The manual that the build generates: man pages and docs/commands. */

const folder = newFolder()
afterAll(() => folder.remove())

interface Described {
  id: string
  summary: string
  hidden?: boolean
  flags: Record<string, { name: string; hidden?: boolean; summary?: string }>
}
const readJson = (path: string) => JSON.parse(readFileSync(path, 'utf8'))
const manifest = readJson(join(ROOT, 'oclif.manifest.json')) as { commands: Record<string, Described> }
const groups = Object.keys(readJson(join(ROOT, 'package.json')).oclif.topics).map((id) => id.replaceAll(':', '-'))
const helpTopics = Object.keys(HELP_TOPICS).filter((name) => manifest.commands[name] === undefined)
const shown = Object.values(manifest.commands).filter(({ hidden }) => hidden !== true)

/** Generates the manual of a package in another folder. Returns its path. */
async function makeManual(name: string, root = ROOT): Promise<string> {
  const target = join(folder.path, name)
  mkdirSync(target)
  await execa('node', [join(root, 'scripts/manual.js'), target])
  return target
}

/** Returns the texts of all files in a folder, by name. */
function textsIn(path: string): Record<string, string> {
  return Object.fromEntries(readdirSync(path).map((name) => [name, readFileSync(join(path, name), 'utf8')]))
}

/** Returns the warnings of groff and mandoc about the pages in a folder. */
async function complaintsOf(path: string): Promise<string[]> {
  const pages = readdirSync(path).map((name) => join(path, name))
  const groff = await execa('groff', ['-man', '-ww', '-Tutf8', '-z', ...pages], { reject: false })
  const mandoc = await execa('mandoc', ['-T', 'lint', '-W', 'warning', ...pages], { reject: false })
  // Pages have no date, so that the same commands always give the same pages.
  return `${groff.stderr}\n${mandoc.stdout}`
    .split('\n')
    .filter((line) => line !== '' && !line.includes('WARNING: missing date'))
}

describe('the manual', () => {
  test('is up to date, and the same on every run', async () => {
    const made = await makeManual('made')
    expect(textsIn(join(made, 'docs/commands'))).toEqual(textsIn(join(ROOT, 'docs/commands')))
    expect(textsIn(join(made, 'man'))).toEqual(textsIn(join(ROOT, 'man')))
    for (const page of ['docs/errors.md', 'docs/image-checks.md'])
      expect(readFileSync(join(made, page), 'utf8')).toBe(readFileSync(join(ROOT, page), 'utf8'))
    expect(readJson(join(made, 'package.json'))).toEqual(readJson(join(ROOT, 'package.json')))
    expect(readFileSync(join(made, 'package.json'), 'utf8')).toBe(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  })

  test('lists every error code once, under its exit code', () => {
    const sections = readFileSync(join(ROOT, 'docs/errors.md'), 'utf8')
      .split(/^## Exit code /m)
      .slice(1)
    const listed = sections.flatMap((section) =>
      [...section.matchAll(/^\| `([A-Z_]+)` \| (.+) \|$/gm)].map(([, code, meaning]) => [
        code,
        { exit: Number.parseInt(section, 10), meaning: meaning?.replaceAll('\\', '') },
      ]),
    )
    expect(listed).toEqual(Object.entries(ERRORS))
  })

  test('has exactly one page per command, with all of its options', () => {
    const files = shown.map(({ id }) => id.replaceAll(':', '-'))
    const docs = textsIn(join(ROOT, 'docs/commands'))
    const man = textsIn(join(ROOT, 'man'))
    const topicPages = helpTopics.map((name) => `help-${name}`)
    expect(Object.keys(docs).sort()).toEqual(
      ['README.md', ...[...files, ...topicPages].map((file) => `${file}.md`)].sort(),
    )
    const inSection7 = helpTopics.map((name) => `vdc-manage-${name}.7`)
    const inSection1 = [...files, ...groups].map((file) => `vdc-manage-${file}.1`)
    expect(Object.keys(man).sort()).toEqual(['vdc-manage.1', ...inSection1, ...inSection7].sort())
    expect(readJson(join(ROOT, 'package.json')).man.sort()).toEqual(Object.keys(man).map((name) => `man/${name}`))
    for (const { id, summary, flags } of shown) {
      const file = id.replaceAll(':', '-')
      const page = man[`vdc-manage-${file}.1`]?.replaceAll('\\-', '-')
      expect(docs['README.md']).toContain(`(${file}.md)`)
      expect(docs[`${file}.md`]).toContain(summary.replace(/\.$/, ''))
      for (const { name, hidden } of Object.values(flags)) {
        const spelling = new RegExp(`--(?:\\[no-\\])?${name}\\b`)
        if (hidden) continue
        expect(docs[`${file}.md`]).toMatch(spelling)
        expect(page).toMatch(spelling)
      }
      for (const title of [
        'NAME',
        'SYNOPSIS',
        'DESCRIPTION',
        'OPTIONS',
        'EXAMPLES',
        'EXIT STATUS',
        'ENVIRONMENT',
        'FILES',
        'SEE ALSO',
      ])
        expect(page).toMatch(new RegExp(`^\\.SH ${title}$`, 'm'))
      expect(`${docs[`${file}.md`]}${page}`).not.toMatch(/undefined|<%|\[object/)
    }
  })

  test('has a man page for each group, with its commands, and for each help topic', () => {
    const man = textsIn(join(ROOT, 'man'))
    for (const group of groups) {
      const page = man[`vdc-manage-${group}.1`]?.replaceAll('\\-', '-')
      const commands = shown.filter(({ id }) => id.startsWith(`${group.replaceAll('-', ':')}:`))
      expect(commands.length).toBeGreaterThan(0)
      for (const { id, summary } of commands)
        expect(page).toContain(`\\fB${id.replaceAll(':', ' ')}\\fR\n${summary.replaceAll("'", '\\(aq')}`)
    }
    for (const name of helpTopics) {
      expect(man[`vdc-manage-${name}.7`]).toMatch(/^\.SH SEE ALSO$/m)
      expect(man['vdc-manage.1']?.replaceAll('\\-', '-')).toContain(`vdc-manage help ${name}`)
      expect(textsIn(join(ROOT, 'docs/commands'))['README.md']).toContain(`(help-${name}.md)`)
    }
  })

  test('has no broken links', () => {
    for (const text of Object.values(textsIn(join(ROOT, 'docs/commands')))) {
      for (const [, link = ''] of text.matchAll(/\]\(([^)]+)\)/g))
        expect(existsSync(join(ROOT, 'docs/commands', link))).toBe(true)
    }
  })

  test('passes groff and mandoc without warnings', async () => {
    expect(await complaintsOf(join(ROOT, 'man'))).toEqual([])
  })

  test('leaves out hidden commands and options, and escapes special characters', async () => {
    const root = join(folder.path, 'odd')
    for (const name of ['package.json', 'dist', 'scripts', 'man'])
      cpSync(join(ROOT, name), join(root, name), { recursive: true })
    symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'))
    const odd = '.dot \'quote\' \\backslash -dash ~tilde ^hat `tick` "double" <tag> | * a_b _c_ 日本語 [x]'
    const { commands, ...rest } = structuredClone(manifest)
    const [hidden, strange] = [commands['image:label'], commands['image:show']] as [Described, Described]
    hidden.hidden = true
    strange.summary = odd
    ;(strange as { description?: string }).description = `${odd}\n\n.TH ${odd}\n\n'so ${odd}`
    ;(strange as { examples?: string[] }).examples = [`.so ${odd}`, `'br ${odd}`]
    ;(strange.flags.json as { hidden?: boolean }).hidden = true
    ;(strange.flags.debug as { summary?: string }).summary = odd
    writeFileSync(join(root, 'oclif.manifest.json'), JSON.stringify({ ...rest, commands }))
    const made = await makeManual('odd-made', root)
    const [docs, man] = [textsIn(join(made, 'docs/commands')), textsIn(join(made, 'man'))]
    expect(Object.keys({ ...docs, ...man }).filter((name) => name.includes('label'))).toEqual([])
    for (const text of Object.values({ ...docs, ...man })) expect(text).not.toMatch(/image[ -]label/)
    expect(docs['image-show.md']).not.toContain('`--json`')
    // Pages of removed commands are removed from the package too.
    await execa('node', [join(root, 'scripts/manual.js')])
    expect(existsSync(join(root, 'man/vdc-manage-image-label.1'))).toBe(false)
    expect(readJson(join(root, 'package.json')).man).not.toContain('man/vdc-manage-image-label.1')

    expect(await complaintsOf(join(made, 'man'))).toEqual([])
    const page = join(made, 'man/vdc-manage-image-show.1')
    const { stdout } = await execa('groff', ['-man', '-Tutf8', '-P-c', '-rLL=500n', page])
    // biome-ignore lint/suspicious/noControlCharactersInRegex: bold letters are overstruck
    const plain = stdout.replace(/.\u0008/g, '')
    expect(plain.split(odd)).toHaveLength(1 + 1 + 1 + 3 + 2 + 1)
  })
})

test('man finds the pages of the installed package', async () => {
  const root = join(folder.path, 'installed')
  await execa('npm', ['pack', '--ignore-scripts', '--pack-destination', folder.path], { cwd: ROOT })
  const archive = readdirSync(folder.path).find((name) => name.endsWith('.tgz')) as string
  await execa('tar', ['-xzf', archive], { cwd: folder.path })
  // Dependencies would have to be downloaded.
  const path = join(folder.path, 'package/package.json')
  writeFileSync(path, JSON.stringify({ ...readJson(path), dependencies: {}, scripts: {} }))
  await execa('npm', ['pack', '--pack-destination', folder.path], { cwd: join(folder.path, 'package') })
  await execa('npm', ['install', '--global', '--offline', '--prefix', root, join(folder.path, archive)])
  const env = { MANPATH: join(root, 'share/man'), MANWIDTH: '200', LC_ALL: 'C.UTF-8' }
  const found = await execa('man', ['-w', 'vdc-manage-image-add-local'], { env })
  // man follows the link that npm created.
  expect(found.stdout).toBe(join(root, 'lib/node_modules/vdc-manage/man/vdc-manage-image-add-local.1'))
  const { stdout, stderr } = await execa('man', ['--warnings=w', 'vdc-manage-image-add-local'], { env })
  expect(stderr).toBe('')
  expect(stdout).toMatch(/^NAME\n +vdc-manage-image-add-local - Register an image/m)
  expect(stdout).toMatch(/^ +--account-id a-ID$/m)
  expect(stdout).toMatch(/^ +0 +success$/m)
  expect((await execa('man', ['vdc-manage'], { env })).stdout).toMatch(/^ +image add local\n +Register an image/m)
  for (const page of [...shown.map(({ id }) => id.replaceAll(':', '-')), ...groups, ...helpTopics])
    await execa('man', ['-w', `vdc-manage-${page}`], { env })
})
