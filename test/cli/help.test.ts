import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { Layout } from '../../src/cli/help/layout.ts'
import { HELP_TOPICS } from '../../src/cli/help/topics.ts'
import { FILE_FORMATS } from '../../src/registry/rules/values.ts'
import { newDatabase, newSqlite } from '../support/databases/databases.ts'
import { newFolder } from '../support/files/images.ts'
import { ROOT, runLines, shell, vdcManage } from '../support/process/cli.ts'

interface Described {
  aliases: string[]
  summary: string
  description?: string
  examples: string[]
  exits: number[]
  args: Record<string, { description: string }>
  flags: Record<string, { name: string; summary: string; options?: string[]; helpGroup?: string }>
  operands?: [string, string][]
}
const manifest = JSON.parse(readFileSync(join(ROOT, 'oclif.manifest.json'), 'utf8')) as {
  commands: Record<string, Described>
}
const { oclif } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  oclif: { topics: Record<string, { description: string }> }
}
/** First words and form of a summary. */
const VERBS =
  /^(?:Boot|Bring|Build|Change|Check|Compare|Convert|Create|Delete|Download|Export|Find|Import|Install|List|Manage|Prepare|Print|Protect|Register|Remove|Restore|Run|Serve|Set|Show|Trust|Write),? [^A-Z\n].*\.$/
/** Commands whose help must fit on one page. */
const ON_A_PAGE = ['image list', 'image add local']
const LINES_OF_A_PAGE = 60
const WIDTH = 80

/** Joins the lines of a text, so that only breaks inside words show. */
const oneLine = (text: string) => text.replaceAll(/\s+/g, ' ').trim()
const longestLine = (text: string) => Math.max(...text.split('\n').map((line) => line.length))
const commands = Object.keys(manifest.commands).map((id) => id.split(':'))

describe('help', () => {
  test.each(commands.map((words) => [words.join(' '), words] as const))(
    'of %s has a summary, usage, examples and exit status',
    async (name, words) => {
      const run = await vdcManage([...words, '--help'], { env: { COLUMNS: '80' }, alone: true })
      expect(run).toMatchObject({ code: 0, stderr: '' })
      const command = manifest.commands[words.join(':')] as Described
      expect(run.stdout.split('\n')[0]).toBe(command.summary)
      expect(run.stdout).toMatch(/^EXAMPLES$/m)
      expect(run.stdout).toContain(`\nEXIT STATUS  ${command.exits.join(' ')} (see: vdc-manage help exit-codes)\n`)
      expect(run.stdout).not.toMatch(/undefined|(?<!--)null|<%/)
      await expect(run.stdout.replaceAll(/vdc-manage\/\S+ \S+ \S+/g, 'VERSION')).toMatchFileSnapshot(
        `../golden/help/${words.join('-')}.txt`,
      )
      // `help COMMAND` and `-h` print the same.
      expect((await vdcManage(['help', ...words])).stdout).toBe(run.stdout)
      expect((await vdcManage([...words, '-h'])).stdout).toBe(run.stdout)

      expect(longestLine(run.stdout)).toBeLessThanOrEqual(WIDTH)
      if (ON_A_PAGE.includes(name)) expect(run.stdout.split('\n').length - 1).toBeLessThanOrEqual(LINES_OF_A_PAGE)
      // Nothing is missing, and no word is broken.
      const text = oneLine(run.stdout)
      for (const paragraph of (command.description ?? '').split('\n\n')) expect(text).toContain(oneLine(paragraph))
      for (const { description } of command.operands ? [] : Object.values(command.args))
        expect(text).toContain(description)
      for (const operand of command.operands ?? []) expect(text).toContain(operand.join(' '))
      for (const { name: flag, summary, options = [], helpGroup } of Object.values(command.flags)) {
        expect(text).toMatch(new RegExp(`--(?:\\[no-\\])?${flag}[ ,]`))
        if (helpGroup !== 'COMMON OPTIONS') expect(text).toContain(summary)
        for (const option of options) expect(summary).toMatch(new RegExp(`\\b${option}\\b`))
      }
    },
  )

  test('has short imperative summaries, each on one line of its list', async () => {
    const summaries = Object.entries(manifest.commands).map(([id, { summary }]) => [id, summary])
    const topics = Object.entries(oclif.topics).map(([id, { description }]) => [id, description])
    for (const [id = '', summary = ''] of [...summaries, ...topics]) {
      expect(summary).toMatch(VERBS)
      const group = id.split(':').slice(0, -1)
      if (group.length > 0 && oclif.topics[id] !== undefined) continue
      const { stdout } = await vdcManage([...group, '--help'])
      const [line] = stdout.split('\n').filter((each) => each.startsWith(`  ${id.replaceAll(':', ' ')} `))
      expect(line?.endsWith(` ${summary}`)).toBe(true)
    }
  })

  test('of the program lists the help topics, and shows each', async () => {
    const names = Object.keys(HELP_TOPICS)
    expect(names.sort()).toEqual(['environment', 'exit-codes', 'formats', 'metadata', 'output', 'scripting', 'shell'])
    const all = (await vdcManage(['--help'])).stdout
    const listed = all.split('\nHELP TOPICS (vdc-manage help TOPIC)\n')[1]?.split('\n\n')[0] ?? ''
    for (const name of names) {
      expect(listed).toContain(`  ${name.padEnd('backupstorage'.length)}  ${HELP_TOPICS[name]?.summary}`)
      const run = await vdcManage(['help', name])
      expect(run).toMatchObject({ code: 0, stderr: '' })
      expect(longestLine(run.stdout)).toBeLessThanOrEqual(WIDTH)
      expect(run.stdout).not.toMatch(/undefined|(?<!--)null|<%/)
      for (const block of (await HELP_TOPICS[name]?.load()) ?? []) {
        const texts =
          'heading' in block
            ? [block.heading]
            : 'list' in block
              ? block.list.flat()
              : 'code' in block
                ? block.code
                : [block.text]
        for (const text of texts) expect(oneLine(run.stdout)).toContain(oneLine(text))
      }
      if (name !== 'shell') await expect(run.stdout).toMatchFileSnapshot(`../golden/help/help-${name}.txt`)
    }
    const formats = (await vdcManage(['help', 'formats'])).stdout
    for (const format of FILE_FORMATS) expect(formats).toMatch(new RegExp(`^  ${format} `, 'm'))
    expect((await vdcManage(['help', 'ouput'])).stderr).toBe(
      "Error: There is no command or help topic 'ouput'\nHint: Did you mean output? List the commands with: vdc-manage --help\n",
    )
    expect((await vdcManage(['output', '--help'])).stderr).toMatch(/^Error: There is no command 'output'$/m)
  })

  test('wraps at words to the width of the terminal', () => {
    const layout = new Layout({ isTTY: true, columns: 50 } as NodeJS.WriteStream, (text) => text)
    const text = Array.from({ length: 40 }, (_, at) => 'x'.repeat(1 + (at % 9))).join(' ')
    const lines = layout.list([['--option', text]])
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(50)
    expect(lines.length).toBeGreaterThan(2)
    expect(oneLine(lines.join('\n'))).toBe(`--option ${text}`)
    // Paths are never broken, so that they can be copied.
    expect(layout.wrap(`see /${'x'.repeat(60)} here`)).toEqual(['see', `/${'x'.repeat(60)}`, 'here'])
  })

  test('has jq examples that produce output', async () => {
    const database = await newDatabase('sqlite')
    const folder = newFolder()
    await shell('truncate -s 1M lucid.raw && gzip lucid.raw', { cwd: folder.path })
    await runLines(
      [
        'backupstorage add --uuid bkst-local --display-name s --base-uri file:///srv/s/ --storage-type local',
        `backupobject add --uuid bo-k3x9q0bz --display-name o --storage-id bkst-local --object-key o.raw --size 512 --checksum ${'0'.repeat(32)}`,
        'account add --uuid a-k3x9q0bz',
        'image add local bo-k3x9q0bz --uuid wmi-k3x9q0bz --account-id a-k3x9q0bz --state pending',
      ],
      { database },
    )
    const examples = Object.values(manifest.commands)
      .flatMap((command) => command.examples)
      .filter((example) => example.includes('| jq'))
    expect(examples.length).toBeGreaterThanOrEqual(5)
    for (const example of examples) {
      const run = await shell(example.replaceAll('<%= config.bin %>', 'vdc-manage'), { database, cwd: folder.path })
      expect({ example, ...run }).toMatchObject({ code: 0, stderr: '' })
      expect(run.stdout).toMatch(/^[\w:/. -]+\n/)
      expect(run.stdout).not.toMatch(/null|\(/)
    }
    await database.remove()
    folder.remove()
  })

  test('names arguments as errors do', async () => {
    const help = await vdcManage(['image', 'label', '--help'])
    expect(help.stdout).toContain('\nUsage: vdc-manage image label ID... NAME=VALUE... [OPTION]...\n')
    const { stderr } = await vdcManage(['image', 'label'])
    expect(stderr).toMatch(/^Error: Missing argument: ID\.\.\., NAME=VALUE\.\.\.\n/)
  })

  test('is not printed if -h or --help is the value of an option', async () => {
    const database = newSqlite()
    for (const value of ['-h', '--help']) {
      const run = await vdcManage(['account', 'add', '--description', value], { database })
      expect(run.stdout).toMatch(/^a-\w+\n$/)
      const shown = await vdcManage(['account', 'show', run.stdout.trim()], { database })
      expect(shown.stdout).toContain(`description: ${value}\n`)
    }
    await database.remove()
  })

  test('of the program and of a topic lists its commands', async () => {
    const all = await vdcManage(['--help'])
    expect(all).toMatchObject({ code: 0, stderr: '' })
    for (const topic of ['account', 'backupobject', 'backupstorage', 'db', 'image', 'shell'])
      expect(all.stdout).toMatch(new RegExp(`^ +${topic} +\\S`, 'm'))
    expect((await vdcManage(['help'])).stdout).toBe(all.stdout)
    const image = await vdcManage(['image', '--help'])
    for (const command of ['image list', 'image show', 'image del', 'image add'])
      expect(image.stdout).toContain(command)
    expect(image.stdout).not.toContain('image rm')
    expect((await vdcManage(['image', 'add', '--help'])).stdout).toContain('image add local')
    for (const words of [['image'], ['image', 'help'], ['help', 'image']])
      expect((await vdcManage(words)).stdout).toBe(image.stdout)
    expect((await shell("echo 'image help' | vdc-manage")).stdout).toBe(image.stdout)
    expect((await vdcManage(['image', 'ls', '--help'])).stdout).toBe(
      (await vdcManage(['image', 'list', '--help'])).stdout,
    )
  })
})
