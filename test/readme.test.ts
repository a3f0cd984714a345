import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { EXIT_STATUS } from '../src/cli/errors/exit-status.ts'
import { newDatabase, newSqlite, type TestDatabase } from './support/databases/databases.ts'
import { makeImage, newFolder } from './support/files/images.ts'
import { ROOT, type Run, runLines, shell, vdcManageJson } from './support/process/cli.ts'

const text = (path: string) => readFileSync(join(ROOT, path), 'utf8')

/** The title and the script of each recipe. */
const RECIPES = [...text('docs/recipes.md').matchAll(/^(.+):\n\n```sh\n([\s\S]*?)```$/gm)].map(
  ([, title = '', script = '']) => [title, script] as const,
)

const moved = newSqlite()
const folder = newFolder()
let database: TestDatabase

beforeAll(async () => {
  database = await newDatabase('mariadb')
  await makeImage(join(folder.path, 'lucid.raw'), { format: 'raw', size: '8M' })
  await shell('mkdir incoming', { cwd: folder.path })
  await makeImage(join(folder.path, 'incoming/one.qcow2'))
  await makeImage(join(folder.path, 'incoming/two.qcow2'))
  const disk = await makeImage(join(folder.path, 'disk.qcow2'))
  await runLines(
    [
      'account add --uuid a-k3x9q0bz',
      ...['golden', 'old', 'private'].map((id) => `image add local ${disk} --uuid wmi-${id} --account-id a-k3x9q0bz`),
      'image label wmi-golden golden',
      `image add local ${disk} --uuid wmi-gone --account-id a-shpoolxx`,
    ].map((line) => line.replace('golden golden', 'golden golden=yes')),
    { database },
  )
  await database.query("UPDATE images SET created_at = '2026-01-01 00:00:00' WHERE uuid = 'old'")
})
afterAll(async () => {
  await database.remove()
  await moved.remove()
  folder.remove()
})

/** Checks the outcome of each recipe. They run in this order, on one database. */
const OUTCOMES: Record<string, (run: Run) => Promise<void> | void> = {
  'Register an image and use its ID': ({ stdout }) => expect(stdout).toMatch(/^id: +wmi-\w{8}\ndisplay_name: +lucid$/m),
  'Name an image by its display name, if no other image has it. Scripts should use IDs, because people rename images':
    ({ stdout }) => expect(stdout).toMatch(/^display_name: +lucid$/m),
  'Register all images in a folder, after checking which ones would be refused': ({ stdout }) => {
    expect(stdout.match(/^acceptable: +yes$/gm)).toHaveLength(2)
    expect(stdout.match(/^wmi-\w{8}$/gm)).toHaveLength(2)
  },
  'Register only the files of a folder that `find` chooses, whatever their names contain': ({ stdout }) =>
    expect(stdout).toMatch(/^(?:wmi-\w{8}\n){2}$/),
  'Show what would be deleted, then delete it': async ({ stdout }) => {
    expect(stdout).toMatch(/^update +images +wmi-old .*state: available -> deleted/m)
    expect(await vdcManageJson(['image', 'list', '--deleted'], { database })).toMatchObject([{ id: 'wmi-old' }])
  },
  'Move all images with a label to the shared pool, and protect them': async () => {
    const image = await vdcManageJson(['image', 'show', 'wmi-golden'], { database })
    expect(image).toMatchObject({ account_id: 'a-shpoolxx', protected: true })
  },
  'Count the images that each account can use': ({ stdout }) =>
    expect(stdout).toBe('a-00000000\t3\na-shpoolxx\t3\na-k3x9q0bz\t8\n'),
  'Sum the file sizes of each account, with jq': ({ stdout }) => {
    const [first = '', , third] = stdout.split('\n')
    expect(Number(first.split('\t')[0])).toBeGreaterThan(0)
    expect(third).toBe('0\ta-00000000')
  },
  'Print names and URIs, without jq': ({ stdout }) => {
    expect(stdout).toContain(`lucid: file://${folder.path}/lucid.raw\n`)
    expect(stdout.split('\n')).toHaveLength(9)
  },
  'Write a list for a spreadsheet, newest first': () => {
    const lines = readFileSync(join(folder.path, 'images.csv'), 'utf8').split('\n')
    expect(lines[0]).toBe('id,display_name,account_id,virtual_size,created_at')
    expect(lines).toHaveLength(10)
  },
  'Read a list page by page': ({ stdout }) => {
    expect(stdout.match(/^wmi-/gm)).toHaveLength(2)
    expect(stdout).toContain('wmi-gone')
  },
  'Verify all images, and print one line for each that differs': ({ stdout }) => expect(stdout).toBe(''),
  'List the backup objects that no image uses, and how many bytes each takes': ({ stdout }) =>
    expect(stdout).toMatch(/^ID +FILE SIZE +URI\n/),
  'List files without a backup object': ({ stdout }) => expect(stdout).toBe(`${folder.path}/images.csv\n`),
  'Copy an image to a USB stick, and check the copy. `image add local` checks it, too, when it registers the copy elsewhere':
    ({ stdout }) => expect(stdout).toBe(`${folder.path}/usb/lucid.raw\nlucid.raw: OK\n`),
  'Move a registry from SQLite to MySQL, or to another data centre': async () => {
    expect(await vdcManageJson(['image', 'list', '--all', '-c', 'id'], { database: moved })).toEqual(
      await vdcManageJson(['image', 'list', '--all', '-c', 'id'], { database }),
    )
  },
  'Print failures of the host, for monitoring': ({ stdout }) => expect(stdout).toBe(''),
}

describe('docs/recipes.md', () => {
  test('has exactly the recipes tested here', () => {
    expect(RECIPES.map(([title]) => title)).toEqual(Object.keys(OUTCOMES))
    expect(text('docs/recipes.md').match(/```sh/g)).toHaveLength(RECIPES.length)
  })

  test.each(RECIPES)('%s', async (title, script) => {
    const run = await shell(`set -euo pipefail\n${script}`, {
      database,
      cwd: folder.path,
      env: { NEW_DATABASE: moved.uri },
    })
    expect({
      code: run.code,
      stderr: run.stderr.replaceAll(
        /^(?:Created a new registry: |Dry run: nothing was written|Nothing to migrate|Imported|\d+ images?: ).*\n/gm,
        '',
      ),
    }).toEqual({
      code: 0,
      stderr: '',
    })
    await OUTCOMES[title]?.(run)
  })
})

test('docs/exit-codes.md lists the exit codes of the help', () => {
  const listed = [...text('docs/exit-codes.md').matchAll(/^\| (\d+) +\| (.*?) +\|$/gm)].map(([, code, of]) => [
    code,
    of,
  ])
  expect(listed).toEqual(Object.entries(EXIT_STATUS))
})

describe('README.md', () => {
  test('names every command', () => {
    const manifest = JSON.parse(text('oclif.manifest.json')) as { commands: object }
    const readme = text('README.md').replaceAll(/`(\w+) ([\w, ]+)`/g, (_, topic: string, verbs: string) =>
      verbs
        .split(', ')
        .map((verb) => `${topic} ${verb}`)
        .join(' '),
    )
    for (const id of Object.keys(manifest.commands)) expect(readme).toContain(id.replaceAll(':', ' '))
  })
})
