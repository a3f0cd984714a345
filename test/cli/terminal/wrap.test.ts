import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { detailIndent, wrapIndented, wrapMessage } from '../../../src/cli/terminal/wrap.ts'
import { newDatabase, type TestDatabase } from '../../support/databases/databases.ts'
import { newFolder } from '../../support/files/images.ts'
import { ROOT, vdcManage } from '../../support/process/cli.ts'
import { startTerminal } from '../../support/process/tmux.ts'

describe('messages are wrapped', () => {
  test.each([
    ['a message that fits', 'Error: Image wmi-x does not exist', ['Error: Image wmi-x does not exist']],
    [
      'at words, and a longer word stays whole',
      'Error: The file /srv/images/a-folder-with-a-long-name/lucid.qcow2 is damaged: its grain at 4096 is not in it',
      [
        'Error: The file',
        '/srv/images/a-folder-with-a-long-name/lucid.qcow2',
        'is damaged: its grain at 4096 is not in',
        'it',
      ],
    ],
    [
      'each line by itself',
      'Error: Account a-nobody does not exist\nHint: Create it with --create-account, or list accounts with: vdc-manage account list',
      [
        'Error: Account a-nobody does not exist',
        'Hint: Create it with --create-account,',
        'or list accounts with:',
        'vdc-manage account list',
      ],
    ],
    [
      'not within a command',
      "Hint: Convert it to a single file: qemu-img convert -f vmdk -O qcow2 '/srv/my images/a, b.vmdk' OUT.qcow2",
      ['Hint: Convert it to a single file:', "qemu-img convert -f vmdk -O qcow2 '/srv/my images/a, b.vmdk' OUT.qcow2"],
    ],
    [
      'between two commands',
      'Hint: Repair it from the backup: sgdisk -e disk.raw (or gdisk disk.raw, then w)',
      ['Hint: Repair it from the backup:', 'sgdisk -e disk.raw (or gdisk disk.raw,', 'then w)'],
    ],
    [
      'not within quotes',
      "Error: The labels 'tested by somebody' and 'Tested by somebody' count as the same label",
      ["Error: The labels 'tested by somebody'", "and 'Tested by somebody' count as the", 'same label'],
    ],
    [
      'without counting colours',
      '\u001b[1m\u001b[31mError:\u001b[39m\u001b[22m Account a-k3x9q0bz does not exist',
      ['\u001b[1m\u001b[31mError:\u001b[39m\u001b[22m Account a-k3x9q0bz does not exist'],
    ],
  ])('%s', (_, message, lines) => {
    expect(wrapMessage(message, 40).split('\n')).toEqual(lines)
  })

  test('not within the commands of the hints in src', () => {
    const paths = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' }).filter((path) =>
      path.endsWith('.ts'),
    )
    const sources = paths.map((path) => readFileSync(join(ROOT, 'src', path), 'utf8'))
    const hints = sources.flatMap((source) => source.match(/hint: .*/gi) ?? [])
    const programs = hints.flatMap(
      (hint) => /['"`].*(?:with|it|own|macOS|[Rr]un): ([a-z][\w.-]*) /.exec(hint)?.[1] ?? [],
    )
    expect(programs.length).toBeGreaterThan(30)
    for (const program of programs)
      expect(wrapMessage(`Run it with: ${program} some words`, 5)).toMatch(`\n${program} some words`)
  })
})

describe('errors and hints', () => {
  let database: TestDatabase
  const folder = newFolder()
  const path = join(folder.path, 'disk.raw')
  beforeAll(async () => {
    database = await newDatabase('sqlite')
  })
  afterAll(async () => {
    await database.remove()
    folder.remove()
  })

  test('at a terminal they are wrapped, in a pipe they have one line each', async () => {
    const line = 'vdc-manage image protect wmi-k3x9q0bz'
    const terminal = await startTerminal(line, { database, home: folder.path, width: 30 })
    try {
      await terminal.exitCode()
      expect(await terminal.screen()).toContain(
        [
          'Error: Image wmi-k3x9q0bz does',
          'not exist',
          'Hint: List all images with:',
          'vdc-manage image list --all',
        ].join('\n'),
      )
    } finally {
      await terminal.close()
    }
    const piped = await vdcManage(['image', 'inspect', path], { database })
    const hint = 'Check the path; relative paths start at the current folder'
    expect(piped.stderr).toBe(`Error: The file ${path} does not exist\nHint: ${hint}\n`)
  })
})

test('what continues a line of a list is indented, only a little in a narrow terminal', () => {
  const line = '  13.1 s  ok        dhcp                172.16.0.10 for udhcp 1.35.0 (host name micro)'
  expect(wrapIndented(line, detailIndent(40, 200), 200)).toBe(line)
  expect(wrapIndented(line, detailIndent(40, 80), 80)).toBe(line.replace(' micro', '\n    micro'))
  expect(wrapIndented(line, detailIndent(40, 40), 40).split('\n')).toEqual([
    '  13.1 s  ok        dhcp',
    '    172.16.0.10 for udhcp 1.35.0 (host',
    '    name micro)',
  ])
  expect(detailIndent(40, Number.POSITIVE_INFINITY)).toHaveLength(40)
})
