import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import Libsql from 'libsql'
import { expect, test } from 'vitest'
import { Interruption } from '../../../src/core/interruption.ts'
import { quickCheck } from '../../../src/db/sqlite/quick-check.ts'
import { ADD_IMAGE, damage, newLargeRegistry, THINGS } from '../../support/files/damage.ts'
import { newFolder } from '../../support/files/images.ts'
import { vdcManage } from '../../support/process/cli.ts'

test('reports a file with overwritten pages as damaged', async () => {
  const database = await newLargeRegistry()
  damage(database)
  const run = await vdcManage(['image', 'list', '--json'], { database })
  const error = JSON.parse(
    run.stdout.slice(run.stdout.lastIndexOf('{"error') < 0 ? 0 : run.stdout.lastIndexOf('{"error')),
  ).error
  expect(run.code).toBe(6)
  expect(error).toMatchObject({
    code: 'DATABASE_DAMAGED',
    message: `The database ${database.uri} is damaged: database disk image is malformed`,
    hint: expect.stringMatching(/^Restore the file from a backup, .*registry export$/),
  })
  await database.remove()
})

test('ends a check for damage that takes too long, without a result', async () => {
  const database = await newLargeRegistry()
  const path = database.uri.slice('sqlite://'.length)
  // On a busy machine a check may be done before its time is noticed to be over.
  await expect.poll(() => quickCheck(path, new Interruption(), 1)).toBeUndefined()
  expect(await quickCheck(path, new Interruption(), 120_000)).toBe('ok')
  // An exclusive lock is not damage.
  await database.query('PRAGMA journal_mode = DELETE')
  const other = new Libsql(path)
  other.exec('BEGIN EXCLUSIVE')
  await expect(quickCheck(path, new Interruption(), 120_000)).rejects.toMatchObject({ code: 'DATABASE_BUSY' })
  other.exec('ROLLBACK')
  other.close()
  await database.remove()
})

test('reports a full disk, and stores only what was printed', async (context) => {
  const folder = newFolder()
  const disk = join(folder.path, 'disk')
  mkdirSync(disk)
  const mounted = await execa('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', disk], { reject: false })
  if (mounted.failed) {
    folder.remove()
    return context.skip('only root can mount a small disk')
  }
  try {
    // A process that keeps running might keep a file on the disk open.
    const database = { uri: `sqlite://${disk}/registry.sqlite` }
    await vdcManage(['-e'], { database, input: THINGS.join('\n'), reject: true, process: true })
    const add = `${ADD_IMAGE.join(' ')} --description ${'x'.repeat(20_000)}\n`
    const run = await vdcManage(['-e'], { database, input: add.repeat(300), process: true })
    expect(run.code).toBe(6)
    expect(run.stderr).toMatch(
      /^Error: The database sqlite:\S+ has no space left: .*\nHint: Free space on the disk that holds the file\n/,
    )
    const added = run.stdout.split('\n').slice(0, -1)
    expect(added.length).toBeGreaterThan(3)
    const one = await vdcManage(['image', 'show', added[0] as string, '--json'], { database, process: true })
    expect(one).toMatchObject({ code: 0 })
    const listed = await vdcManage(['image', 'list', '--quiet'], { database, reject: true, process: true })
    expect(listed.stdout.split('\n').slice(0, -1).sort()).toEqual(added.sort())
  } finally {
    await execa('umount', [disk])
    folder.remove()
  }
})
