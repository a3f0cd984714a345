import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import type { TestDatabase } from '../support/databases/databases.ts'
import { contentsOf, insert, newWakame, REGISTRY_TABLES } from '../support/databases/wakame.ts'
import { makeImage, newFolder } from '../support/files/images.ts'
import { ROOT, vdcManage } from '../support/process/cli.ts'

/*
 * Errors about a value name its option, never the column that stores it. Tests
 * all options that take text, of all commands that store or look up something,
 * on a database with utf8 of three bytes.
 */

const MD5 = '0123456789abcdef0123456789abcdef'
/** Each command with its required options and arguments. */
const COMMANDS: Record<string, { needs?: Record<string, string>; words?: string[] }> = {
  'account add': {},
  'account modify': { words: ['a-team'] },
  'account list': {},
  'account show': {},
  'backupstorage add': { needs: { 'display-name': 'x', 'base-uri': 'file:///srv/x/', 'storage-type': 'local' } },
  'backupstorage modify': { words: ['bkst-local'] },
  'backupstorage list': {},
  'backupobject add': { needs: { 'storage-id': 'bkst-local', 'object-key': 'x.raw', size: '1', checksum: MD5 } },
  'backupobject modify': { words: ['bo-lucid'] },
  'backupobject list': {},
  'image add local': { needs: { 'account-id': 'a-team' }, words: ['FILE'] },
  'image add volume': { needs: { 'account-id': 'a-team' }, words: ['bo-lucid'] },
  'image modify': { words: ['wmi-lucid'] },
  'image list': {},
  'image show': {},
  'image history': { words: ['wmi-lucid'] },
  'image purge': {},
}
const BAD = ['a😀b', 'a\u0001b', 'x'.repeat(70_000), '']
/** Matches errors that name the value instead of the option, such as IDs and sort keys. */
const BY_VALUE =
  /^'.*' is (?:not a valid [a-z ]+ ID|neither the ID nor the display name of an? [a-z ]+)$|^The ID '.*' is too long|^Cannot sort the list by '|^There is no |^(?:Parent image|Image) |^The name of a label |--from-file cannot be used together$/s

interface Flag {
  type: string
  options?: string[]
  helpGroup?: string
}
const { commands } = JSON.parse(readFileSync(join(ROOT, 'oclif.manifest.json'), 'utf8')) as {
  commands: Record<string, { flags: Record<string, Flag> }>
}
const flagsOf = (command: string) => Object.entries(commands[command.replaceAll(' ', ':')]?.flags ?? {})

const folder = newFolder()
let database: TestDatabase
let file: string
/** Matches the names of columns with more than one word. */
let columns: RegExp
beforeAll(async () => {
  file = await makeImage(join(folder.path, 'lucid.qcow2'))
  database = await newWakame(inject('mariadb').port)
  await insert(database, 'accounts', { uuid: 'team' })
  await insert(database, 'backup_storages', { id: 1, uuid: 'local' })
  await insert(database, 'backup_objects', { uuid: 'lucid' })
  await insert(database, 'images', { uuid: 'lucid', backup_object_id: 'bo-lucid' })
  const tables = await Promise.all(REGISTRY_TABLES.map((table) => database.query(`SHOW COLUMNS FROM ${table}`)))
  const names = tables.flat().map(({ Field }) => String(Field))
  columns = new RegExp(`\\b(?:${names.filter((name) => name.includes('_')).join('|')})\\b`)
})
afterAll(async () => {
  await database.remove()
  folder.remove()
})

/** Runs a command with --json. Returns its error message, or undefined if it succeeded. */
async function refusalOf(args: string[]): Promise<string | undefined> {
  const { stdout } = await vdcManage([...args, '--json'], { database })
  return stdout === '' ? undefined : JSON.parse(stdout).error?.message
}

describe.each(Object.entries(COMMANDS))('%s', (command, { needs = {}, words = [] }) => {
  const takesText = ([, flag]: [string, Flag]) =>
    flag.type === 'option' && flag.options === undefined && flag.helpGroup !== 'COMMON OPTIONS'
  const texts = flagsOf(command).filter(takesText)
  const dryRun = flagsOf(command).some(([name]) => name === 'dry-run') ? ['-n'] : []

  test.each(texts.map(([name]) => name))('errors about a value of --%s name the option', async (name) => {
    const before = await contentsOf(database)
    for (const value of BAD) {
      const others = Object.entries(needs).flatMap(([option, given]) =>
        option === name ? [] : [`--${option}=${given}`],
      )
      const rest = words.map((word) => (word === 'FILE' ? file : word))
      const message = await refusalOf([...command.split(' '), ...rest, ...others, `--${name}=${value}`, ...dryRun])
      if (message === undefined) continue
      expect(message).not.toMatch(columns)
      if (!BY_VALUE.test(message)) expect(message.slice(0, 200)).toMatch(new RegExp(`^--${name} `))
    }
    expect(await contentsOf(database)).toEqual(before)
  })
})

test.each([
  [['image', 'label', 'wmi-lucid', 'os=a😀'], 'The label os contains 😀, which'],
  [['image', 'label', 'wmi-lucid', '😀=x'], 'The name of the label 😀 contains 😀, which'],
  [['image', 'label', 'wmi-lucid', 'os=a\u0001'], 'The label os must not contain control characters'],
  [
    ['image', 'label', 'wmi-lucid', `${'x'.repeat(300)}=1`],
    'The name of a label must not be longer than 255 characters',
  ],
])('image label: errors name the label: %j', async (args, says) => {
  const before = await contentsOf(database)
  const message = await refusalOf(args)
  expect(message).toContain(says)
  expect(message).not.toMatch(columns)
  expect(await contentsOf(database)).toEqual(before)
})

test('an error about a display name taken from a file names the file', async () => {
  const path = await makeImage(join(folder.path, 'a😀.qcow2'))
  const message = await refusalOf([
    'backupobject',
    'add',
    '--from-file',
    path,
    '--object-key',
    'a',
    '--storage-id',
    'local',
  ])
  expect(message).toMatch(
    /^The name of the file contains 😀, which the database cannot store: its character set is utf8/,
  )
})
