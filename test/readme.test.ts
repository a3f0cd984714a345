import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { EXIT_STATUS } from '../src/cli/exit-status.ts'
import { ROOT, type Run, runLines, shell, vdcManageJson } from './support/cli.ts'
import { newDatabase, newSqlite, type TestDatabase } from './support/databases.ts'
import { makeImage, newFolder } from './support/images.ts'

const readme = readFileSync(join(ROOT, 'README.md'), 'utf8')
const section = (title: string) => readme.split(`\n## ${title}\n`)[1]?.split('\n## ')[0] ?? ''

/** Each recipe as it stands, by what is said before it. */
const RECIPES = [...section('Recipes').matchAll(/^(.+):\n\n```sh\n([\s\S]*?)```$/gm)].map(
  ([, title = '', script = '']) => [title, script] as const,
)

const moved = newSqlite()
const folder = newFolder()
let database: TestDatabase

beforeAll(async () => {
  database = await newDatabase('mariadb')
  await makeImage(join(folder.path, 'lucid.raw'), { format: 'raw' })
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

/** What each recipe must come to, in its order: each finds what those before it left. */
const OUTCOMES: Record<string, (run: Run) => Promise<void> | void> = {
  'Register an image, and go on with its id': ({ stdout }) =>
    expect(stdout).toMatch(/^id: +wmi-\w{8}\ndisplay_name: +lucid$/m),
  'Register whatever is in a folder, and see first what would be refused': ({ stdout }) => {
    expect(stdout.match(/^acceptable: +yes$/gm)).toHaveLength(2)
    expect(stdout.match(/^wmi-\w{8}$/gm)).toHaveLength(2)
  },
  'Say what you would delete, then delete it': async ({ stdout }) => {
    expect(stdout).toMatch(/^update +images +wmi-old .*state: available -> deleted/m)
    expect(await vdcManageJson(['image', 'list', '--deleted'], { database })).toMatchObject([{ id: 'wmi-old' }])
  },
  'Give all images of a label to the pool, and protect them': async () => {
    const image = await vdcManageJson(['image', 'show', 'wmi-golden'], { database })
    expect(image).toMatchObject({ account_id: 'a-shpoolxx', protected: true })
  },
  'How many images each account can use': ({ stdout }) =>
    expect(stdout).toBe('a-00000000\t3\na-shpoolxx\t3\na-k3x9q0bz\t6\n'),
  'How many bytes the files of each account take, by jq': ({ stdout }) => {
    const [first = '', , third] = stdout.split('\n')
    expect(Number(first.split('\t')[0])).toBeGreaterThan(0)
    expect(third).toBe('0\ta-00000000')
  },
  'Names and where the bytes are, without jq': ({ stdout }) => {
    expect(stdout).toContain(`lucid lies at file://${folder.path}/lucid.raw\n`)
    expect(stdout.split('\n')).toHaveLength(7)
  },
  'A list for a spreadsheet, the newest first': () => {
    const lines = readFileSync(join(folder.path, 'images.csv'), 'utf8').split('\n')
    expect(lines[0]).toBe('id,display_name,account_id,virtual_size,created_at')
    expect(lines).toHaveLength(8)
  },
  'Page after page': ({ stdout }) => {
    expect(stdout.match(/^wmi-/gm)).toHaveLength(2)
    expect(stdout).toContain('wmi-gone')
  },
  "What a night's check says, as a line an image that is not well": ({ stdout }) => expect(stdout).toBe(''),
  'Files that nobody knows': ({ stdout }) => expect(stdout).toBe(`${folder.path}/images.csv\n`),
  'From SQLite to MySQL, or to another data centre': async () => {
    expect(await vdcManageJson(['image', 'list', '--all', '-c', 'id'], { database: moved })).toEqual(
      await vdcManageJson(['image', 'list', '--all', '-c', 'id'], { database }),
    )
  },
  'Whether all is well, for whoever watches over the host': ({ stdout }) => expect(stdout).toBe(''),
}

describe('README.md', () => {
  test('has recipes, each with what it must come to', () => {
    expect(RECIPES.map(([title]) => title)).toEqual(Object.keys(OUTCOMES))
    expect(section('Recipes').match(/```sh/g)).toHaveLength(RECIPES.length)
  })

  test.each(RECIPES)('%s', async (title, script) => {
    const run = await shell(`set -euo pipefail\n${script}`, {
      database,
      cwd: folder.path,
      env: { NEW_DATABASE: moved.uri },
    })
    expect({
      code: run.code,
      stderr: run.stderr.replaceAll(/^(?:Nothing is written|Imported|\d+ images?: ).*\n/gm, ''),
    }).toEqual({
      code: 0,
      stderr: '',
    })
    await OUTCOMES[title]?.(run)
  })

  test('tells the exit codes as every help does', () => {
    const told = [...section('Exit codes').matchAll(/^\| (\d+) +\| (.*?) +\|$/gm)].map(([, code, text]) => [code, text])
    expect(told).toEqual(Object.entries(EXIT_STATUS))
  })

  test('names every command', () => {
    const manifest = JSON.parse(readFileSync(join(ROOT, 'oclif.manifest.json'), 'utf8')) as { commands: object }
    const text = readme.replaceAll(/`(\w+) ([\w, ]+)`/g, (_, topic: string, verbs: string) =>
      verbs
        .split(', ')
        .map((verb) => `${topic} ${verb}`)
        .join(' '),
    )
    for (const id of Object.keys(manifest.commands)) expect(text).toContain(id.replaceAll(':', ' '))
  })
})
