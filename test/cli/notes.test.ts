import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newDatabase, type TestDatabase } from '../support/databases/databases.ts'
import { makeImage, newFolder } from '../support/files/images.ts'
import { runLines, vdcManage } from '../support/process/cli.ts'
import { startTerminal } from '../support/process/tmux.ts'

/* What a person at a terminal is told, and scripts are not. */

/** Milliseconds for all programs of a script. */
const PATIENCE = 240_000

const folder = newFolder()
let database: TestDatabase
beforeAll(async () => {
  database = await newDatabase('sqlite')
  await runLines(
    [
      'backupstorage add --uuid bkst-s --display-name s --base-uri file:///srv/s/ --storage-type local',
      `backupobject add --uuid bo-o --display-name o --storage-id bkst-s --object-key o.raw --size 512 --checksum ${'0'.repeat(32)}`,
      'account add --uuid a-t',
      ...Array.from(
        { length: 12 },
        (_, n) => `image add local bo-o --uuid wmi-m${n} --account-id a-t --display-name m${n}`,
      ),
      ...['a', 'b', 'c'].map(
        (id) => `image add local bo-o --uuid wmi-${id} --account-id a-t --display-name "image ${id}"`,
      ),
    ],
    { database },
  )
})
afterAll(async () => {
  await database.remove()
  folder.remove()
})

/** Runs lines of sh at a terminal. Returns what the screen shows for each. */
async function atTerminal(lines: readonly string[], width = 200): Promise<string[]> {
  const script = join(folder.path, 'script.sh')
  writeFileSync(script, lines.map((line) => `${line}\necho ==\n`).join(''))
  const terminal = await startTerminal(`sh ${script}`, { database, home: folder.path, width, cwd: folder.path })
  try {
    await terminal.exitCode(PATIENCE)
    const shown = (await terminal.screen()).split(/^==$/m)
    return shown.slice(0, -1).map((text) => text.trim())
  } finally {
    await terminal.close()
  }
}

describe('at a terminal', () => {
  test('tells what changed, and the command that undoes it', async () => {
    const cases: [command: string, said: string][] = [
      [
        'image modify wmi-a --display-name one --is-public --description "two words"',
        "Changed wmi-a (image a): description: - → two words, is_public: no → yes, display_name: image a → one. Undo: vdc-manage image modify wmi-a --description '' --no-is-public --display-name 'image a'",
      ],
      ['image modify wmi-a --is-public', 'Nothing changed: wmi-a (one) already has these values'],
      ['image modify wmi-a', 'Nothing to change: no new values were given'],
      [
        'image features wmi-a --virtio',
        'Changed wmi-a (one): features: - → virtio. Undo: vdc-manage image features wmi-a --no-virtio',
      ],
      ['image features wmi-a --virtio', 'Nothing changed: wmi-a (one) already has these values'],
      ['image label wmi-a os=lucid', 'Labelled wmi-a (one): os=lucid. Undo: vdc-manage image label wmi-a os-'],
      [
        'image label wmi-a os=a\\ b',
        'Labelled wmi-a (one): os: lucid → a b. Undo: vdc-manage image label wmi-a os=lucid',
      ],
      ['image label wmi-a os-', "Labelled wmi-a (one): os removed. Undo: vdc-manage image label wmi-a 'os=a b'"],
      ['image protect wmi-a', 'Protected wmi-a (one). Undo: vdc-manage image unprotect wmi-a'],
      [
        'image modify wmi-a --no-is-public --force',
        'Changed wmi-a (one): is_public: yes → no. Undo: vdc-manage image modify wmi-a --is-public --force',
      ],
      ['image unprotect wmi-a', 'Removed the protection of wmi-a (one). Undo: vdc-manage image protect wmi-a'],
      ['image del wmi-a', 'Deleted wmi-a (one). Undo: vdc-manage image undelete wmi-a'],
      ['image del wmi-a --ignore-missing', 'Nothing changed: wmi-a (one) is already deleted'],
      ['image del wmi-x --ignore-missing', 'Nothing changed: wmi-x does not exist'],
      ['image undelete wmi-a', 'Restored wmi-a (one). Undo: vdc-manage image del wmi-a'],
      [
        'backupobject modify bo-o --size 1024',
        'Changed bo-o (o): size: 512 B → 1 KiB. Undo: vdc-manage backupobject modify bo-o --size 512',
      ],
      [
        `backupobject modify bo-o --checksum ${'1'.repeat(32)}`,
        `Changed bo-o (o): checksum: ${'0'.repeat(32)} → ${'1'.repeat(32)}. Old values: vdc-manage image history bo-o`,
      ],
      [
        'backupstorage modify bkst-s --node-id n',
        "Changed bkst-s (s): node_id: - → n. Undo: vdc-manage backupstorage modify bkst-s --node-id ''",
      ],
      ['account modify a-t --disable', 'Changed a-t: enabled: yes → no. Undo: vdc-manage account modify a-t --enable'],
      ['account modify a-t --enable', 'Changed a-t: enabled: no → yes. Undo: vdc-manage account modify a-t --disable'],
      ['backupstorage trust .', `Trusted ${folder.path}. Undo: vdc-manage backupstorage trust --remove ${folder.path}`],
      ['backupstorage trust .', `Nothing changed: ${folder.path} is already trusted`],
      [
        'backupstorage trust --remove .',
        `No longer trusted: ${folder.path}. Undo: vdc-manage backupstorage trust ${folder.path}`,
      ],
    ]
    const shown = await atTerminal(cases.map(([command]) => `vdc-manage ${command}`))
    expect(shown.map((text) => text.replaceAll('\n', ' '))).toEqual(cases.map(([, said]) => said))
  })

  test('its commands undo what was done', async () => {
    const line = 'vdc-manage image modify wmi-b --display-name "new name" --description text --is-public'
    const [said = ''] = await atTerminal([line])
    const undo = said.replaceAll('\n', ' ').split('Undo: ')[1] as string
    expect(await atTerminal([undo])).toEqual([
      expect.stringContaining('Changed wmi-b (new name): description: text → -, is_public: yes → no,'),
    ])
    const { stdout } = await vdcManage(['image', 'show', 'wmi-b', '--json'], { database })
    expect(JSON.parse(stdout)).toMatchObject({ display_name: 'image b', description: null, is_public: false })
  })

  test.each([
    ['that look like options', { display_name: '--force', description: '-n' }],
    ['that a shell would run or replace', { display_name: "=ls '$(id)'", description: '`id` !id ~root * \\ #' }],
    ['of other alphabets', { display_name: '日本語 é', description: '😀' }],
  ])('its commands restore values %s', async (_, { display_name, description }) => {
    await vdcManage(['image', 'modify', 'wmi-b', `--display-name=${display_name}`, `--description=${description}`], {
      ...{ database, reject: true },
    })
    const [said = ''] = await atTerminal(['vdc-manage image modify wmi-b --display-name x --description y'])
    const [undone = ''] = await atTerminal([said.replaceAll('\n', ' ').split('Undo: ')[1] as string])
    expect(undone).toContain('Changed wmi-b (x)')
    const { stdout } = await vdcManage(['image', 'show', 'wmi-b', '--json'], { database })
    expect(JSON.parse(stdout)).toMatchObject({ display_name, description })
    await vdcManage(['image', 'modify', 'wmi-b', '--display-name', 'image b', '--description='], { database })
  })

  test.each([
    ['turn text around', '\u202egro.evil'],
    ['have no width', 'a\u200bb'],
    ['are no characters yet', 'a\u{e0041}b'],
    ['break a line', 'a\u2028b'],
  ])('does not offer a command with characters that %s', async (_, name) => {
    await database.query('UPDATE images SET display_name = ? WHERE uuid = ?', [name, 'b'])
    const [said = ''] = await atTerminal(['vdc-manage image modify wmi-b --display-name "image b"'])
    expect(said.replaceAll('\n', ' ')).toMatch(/→ image b\. Old values: vdc-manage image history wmi-b$/)
  })

  test('does not offer a command that would be refused', async () => {
    await database.query("UPDATE images SET file_format = '' WHERE uuid = 'b'")
    const [said = ''] = await atTerminal(['vdc-manage image modify wmi-b --file-format raw'])
    expect(said).toBe('Changed wmi-b (image b): file_format: - → raw. Old values: vdc-manage image history wmi-b')
  })

  test('its command deletes a restored image again that is protected', async () => {
    await runLines(['image protect wmi-b', 'image del wmi-b --force'], { database })
    const undo = 'Undo: vdc-manage image del wmi-b'
    const [one, , several = ''] = await atTerminal([
      'vdc-manage image undelete wmi-b',
      'vdc-manage image del wmi-b wmi-c --force',
      'vdc-manage image undelete wmi-b wmi-c',
    ])
    expect(one).toBe(`Restored wmi-b (image b). ${undo} --force`)
    expect(several).toContain(`${undo} wmi-c --force`)
    await vdcManage(['image', 'unprotect', 'wmi-b'], { database })
  })

  test('its command restores the progress of an object that was not complete', async () => {
    await runLines(['backupobject modify bo-o --state pending --progress 12.5'], { database })
    const [said] = await atTerminal(['vdc-manage backupobject modify bo-o --state available'])
    expect(said).toContain('backupobject modify bo-o --state pending --progress 12.5')
  })

  test('tells of ten of many, and how to undo all', async () => {
    const [few = '', many = ''] = await atTerminal([
      'vdc-manage image del wmi-a wmi-b',
      "vdc-manage image list --name 'm*' --quiet | vdc-manage image del -",
    ])
    expect(few).toBe('Deleted wmi-a (one)\nDeleted wmi-b (image b)\nUndo: vdc-manage image undelete wmi-a wmi-b')
    expect(many.split('\n')).toEqual([
      ...Array.from({ length: 10 }, (_, n) => `Deleted wmi-m${n} (m${n})`),
      '… and 2 more',
      'Undo: vdc-manage image undelete ID...',
    ])
    await vdcManage(['image', 'undelete', 'wmi-a', 'wmi-b'], { database })
  })

  test('says nothing with a format or in a dry run, where the answer says it', async () => {
    const shown = await atTerminal([
      'vdc-manage image modify wmi-c --arch x86 --format value -c id',
      'vdc-manage image del wmi-c -n',
    ])
    expect(shown[0]).toBe('wmi-c')
    expect(shown[1]).not.toMatch(/Deleted|Undo/)
  })

  test('says why a list is empty', async () => {
    const other = await newDatabase('sqlite')
    try {
      const shown = await atTerminal(
        [
          'image list',
          'image list --name x',
          'image show',
          'backupobject list',
          'backupstorage list',
          'account list --deleted',
          'image list --quiet',
        ].map((command) => `VDC_MANAGE_DATABASE_URI=${other.uri} vdc-manage ${command}`),
      )
      expect(shown.map((text) => text.split('\n').slice(1).join(' '))).toEqual([
        'No images. Register one with: vdc-manage image add local PATH --account-id ID',
        'No images match. List all with: vdc-manage image list --all',
        'No images. Register one with: vdc-manage image add local PATH --account-id ID',
        'No backup objects. Add one with: vdc-manage backupobject add --from-file PATH',
        'No backup storages. Registering a file creates one, as does: vdc-manage backupstorage add',
        'No accounts match. List all with: vdc-manage account list --all',
        '',
      ])
    } finally {
      await other.remove()
    }
  })

  test('says that a file was registered before', async () => {
    await makeImage(join(folder.path, 'disk.qcow2'))
    const add = 'vdc-manage image add local disk.qcow2 --account-id a-t --uuid'
    const [first = '', second = ''] = await atTerminal([`${add} wmi-first`, `${add} wmi-second`])
    expect(first).toMatch(/wmi-first$/)
    expect(second).toMatch(
      /wmi-second\nThe file was registered before, as the backup object bo-\w+, which is also used by wmi-first$/,
    )
  })

  test('names the file of several that was registered before', async () => {
    await makeImage(join(folder.path, 'new.qcow2'))
    await makeImage(join(folder.path, 'known.qcow2'))
    const add = 'vdc-manage image add local --account-id a-t'
    const [, said = ''] = await atTerminal([`${add} known.qcow2 --uuid wmi-known`, `${add} new.qcow2 known.qcow2`])
    const path = `${folder.path}/known.qcow2`
    expect(said.split('\n').slice(2).join(' ')).toMatch(
      new RegExp(`^${path} was registered before, as the backup object bo-\\w+, which is also used by wmi-known$`),
    )
  })

  test('counts the files of several, if some were not registered', async () => {
    await makeImage(join(folder.path, 'good.qcow2'))
    const line = 'vdc-manage image add local none.qcow2 good.qcow2 none.raw --account-id a-t'
    const [said = '', tried = '', quiet = ''] = await atTerminal([line, `${line} --dry-run`, `${line} -q`])
    expect(said).toMatch(/\nRegistered 1 of 3 files$/)
    expect(tried).not.toMatch(/Registered/)
    expect(quiet).not.toMatch(/Registered/)
  })

  test.each([80, 40])('breaks no command in %i columns', async (width) => {
    const [said] = await atTerminal(['vdc-manage image del wmi-c', 'vdc-manage image undelete wmi-c'], width)
    expect(said).toMatch(/^Deleted wmi-c \(image c\)\.[ \n]Undo:[ \n]vdc-manage image undelete wmi-c$/)
  })

  test('tells in a shell where commands are typed', async () => {
    const terminal = await startTerminal('vdc-manage', { database, home: folder.path })
    try {
      await terminal.untilLine('vdc-manage>> ')
      await terminal.type('image protect wmi-c')
      await terminal.press('Enter')
      await terminal.until(/^Protected wmi-c \(image c\)\. Undo: vdc-manage image unprotect wmi-c$/m)
    } finally {
      await terminal.close()
    }
  })

  test('is silent in scripts of the shell, and in a bulk session', async () => {
    const shown = await atTerminal([
      'echo image unprotect wmi-c | vdc-manage',
      'echo image protect wmi-c | vdc-manage --tx bulk',
      'echo image unprotect wmi-c >lines && vdc-manage -f lines',
    ])
    expect(shown).toEqual(['', '', ''])
  })
})

test('pipes stay silent', async () => {
  for (const words of [
    ['image', 'modify', 'wmi-c', '--description', 'other'],
    ['image', 'modify', 'wmi-c', '--description', 'other'],
    ['image', 'label', 'wmi-c', 'a=b'],
    ['image', 'protect', 'wmi-c'],
    ['image', 'unprotect', 'wmi-c'],
    ['image', 'del', 'wmi-c'],
    ['image', 'del', 'wmi-c', '--ignore-missing'],
    ['image', 'undelete', 'wmi-c'],
    ['image', 'add', 'local', join(folder.path, 'disk.qcow2'), '--account-id', 'a-t', '--uuid', 'wmi-third'],
    ['image', 'list', '--name', 'nothing'],
  ]) {
    const { code, stderr } = await vdcManage(words, { database })
    expect({ words, code, stderr: stderr.replaceAll(/^Warning: .*\n/gm, '') }).toEqual({ words, code: 0, stderr: '' })
  }
})
