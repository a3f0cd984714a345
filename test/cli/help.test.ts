import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ROOT, runLines, shell, vdcManage } from '../support/cli.ts'
import { newDatabase, newSqlite } from '../support/databases.ts'
import { newFolder } from '../support/images.ts'

const manifest = JSON.parse(readFileSync(join(ROOT, 'oclif.manifest.json'), 'utf8')) as {
  commands: Record<string, { aliases: string[]; summary: string; examples: string[] }>
}
const commands = Object.keys(manifest.commands).map((id) => id.split(':'))

describe('help', () => {
  test.each(commands.map((words) => [words.join(' '), words] as const))(
    'of %s: summary, usage, examples and exit status',
    async (name, words) => {
      const run = await vdcManage([...words, '--help'], { env: { COLUMNS: '80' }, process: true })
      expect(run).toMatchObject({ code: 0, stderr: '' })
      expect(run.stdout).toContain(manifest.commands[words.join(':')]?.summary)
      expect(run.stdout).toMatch(/^EXAMPLES$/m)
      expect(run.stdout).toMatch(/^EXIT STATUS\n {2}0 {2,4}done$/m)
      expect(run.stdout).not.toMatch(/undefined|null|<%/)
      await expect(run.stdout.replaceAll(/vdc-manage\/\S+ \S+ \S+/g, 'VERSION')).toMatchFileSnapshot(
        `../golden/help/${words.join('-')}.txt`,
      )
      // Asked for in another way it is the same.
      expect((await vdcManage(['help', ...words])).stdout).toBe(run.stdout)
      expect((await vdcManage([...words, '-h'])).stdout).toBe(run.stdout)
      expect(name).not.toBe('')
    },
  )

  test('has examples with jq that answer', async () => {
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

  test('is not what the value of an option asks for', async () => {
    const database = newSqlite()
    for (const value of ['-h', '--help']) {
      const run = await vdcManage(['account', 'add', '--description', value], { database })
      expect(run.stdout).toMatch(/^a-\w+\n$/)
      const shown = await vdcManage(['account', 'show', run.stdout.trim()], { database })
      expect(shown.stdout).toContain(`description: ${value}\n`)
    }
    await database.remove()
  })

  test('of the program and of a topic lists what there is', async () => {
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
    expect((await vdcManage(['image'])).stdout).toBe(image.stdout)
  })
})
