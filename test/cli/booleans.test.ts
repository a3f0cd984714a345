import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { allRows, newDatabase, type TestDatabase } from '../support/databases/databases.ts'
import { vdcManage, vdcManageJson } from '../support/process/cli.ts'
import { ADD, newDatabaseWithObject, runScript } from '../support/process/scripts.ts'
import { expectRefused } from '../support/refusals.ts'

/* Our own boolean options take values, as those of the original do. Switched off, they do nothing. */

describe('boolean options', () => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await newDatabaseWithObject('sqlite')
    await runScript(database, [`${ADD} --uuid kept`, `${ADD} --uuid gone`, 'image protect wmi-kept'], ['-e'])
  })
  afterAll(() => database.remove())

  test.each(['--force false', '--force=false', '--no-force', '--skip-force', '--force --force f', '--no_force'])(
    'image del %s does not delete a protected image',
    (written) =>
      expectRefused(database, ['image', 'del', ...written.split(' '), 'wmi-kept'], {
        exit: 5,
        message: 'wmi-kept is protected',
      }),
  )

  test.each(['--yes false', '-y false', '-y=false', '--no-yes'])('image purge %s removes nothing', async (written) => {
    await vdcManage(['image', 'del', 'wmi-gone'], { database })
    await expectRefused(database, ['image', 'purge', '--older-than', '0s', ...written.split(' ')], {
      exit: 2,
      message: /Cannot ask for confirmation without a terminal/,
    })
  })

  test.each([
    ['-n true', 0],
    ['-n', 0],
    ['--dry-run=t', 0],
    ['-n false', 1],
    ['--no-dry-run', 1],
    ['-n --dry-run false', 1],
  ])('account add %s', async (written, added) => {
    const before = (await allRows(database)).accounts.length
    expect(await vdcManage(['account', 'add', ...written.split(' ')], { database })).toMatchObject({ code: 0 })
    expect((await allRows(database)).accounts.length - before).toBe(added)
  })

  test('switched off, do not change the output', async () => {
    const plain = await vdcManage(['account', 'list'], { database })
    for (const written of [
      '--quiet false',
      '-q false',
      '--json false',
      '--no-json',
      '--no-relative',
      '--no-color false',
    ])
      expect({ written, ...(await vdcManage(['account', 'list', ...written.split(' ')], { database })) }).toEqual({
        written,
        ...plain,
      })
    const quiet = await vdcManage(['account', 'list', '-q', 'true'], { database })
    expect(quiet.stdout).toMatch(/^(?:a-\w+\n)+$/)
  })

  test('-e of the shell takes a value too', async () => {
    const input = 'image show wmi-none\naccount list --quiet\n'
    expect(await vdcManage(['-e', 'true'], { database, input })).toMatchObject({ code: 4, stdout: '' })
    expect(await vdcManage(['--exit-on-error=false'], { database, input })).toMatchObject({ code: 9 })
    expect(await vdcManage(['-e', 'false'], { database, input })).toMatchObject({ code: 9 })
  })
})

test('true and false are text as the value of a text option', async () => {
  const database = await newDatabase('sqlite')
  const add = async (...words: string[]) =>
    (await vdcManageJson(['account', 'add', '--description', ...words], { database })).description
  expect(await add('true')).toBe('true')
  for (const text of ['--dry_run=x', '--debug=x', '--no-color=x']) expect(await add(text)).toBe(text)
  expect(await add('false', '--dry-run', 'false')).toBe('false')
  await database.remove()
})
