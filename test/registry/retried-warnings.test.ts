import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { newDatabase, type TestDatabase } from '../support/databases/databases.ts'
import { type MysqlProxy, startProxy } from '../support/databases/mysql-proxy.ts'
import { runLines, vdcManage } from '../support/process/cli.ts'

const DEADLOCK = { errno: 1213, message: 'Deadlock found when trying to get lock; try restarting transaction' }

describe('a retried transaction prints each warning once', () => {
  let database: TestDatabase
  let proxy: MysqlProxy
  /** The number of commits that will still fail. */
  let failing = 0
  let failed = 0
  beforeAll(async () => {
    database = await newDatabase('mariadb')
    await runLines(
      [
        'backupstorage add --uuid bkst-s --base-uri file:///srv/s/ --storage-type local --display-name s',
        `backupobject add --uuid bo-o --storage-id bkst-s --object-key o.raw --size 512 --checksum ${'0'.repeat(32)} --display-name o`,
        'image add local bo-o --uuid wmi-a --account-id a-shpoolxx --is-public',
      ],
      { database },
    )
    proxy = await startProxy(inject('mariadb').port, (_, sql) => {
      if (failing === 0 || !/^commit/i.test(sql)) return 'pass'
      failing--
      failed++
      return DEADLOCK
    })
  })
  afterAll(async () => {
    await proxy.close()
    await database.remove()
  })
  const run = (args: string[], input = '') =>
    vdcManage(args, { database: { uri: database.uri.replace(/:\d+\//, `:${proxy.port}/`) }, input })

  test('for a single command', async () => {
    await database.query("UPDATE images SET features = '--- {' WHERE uuid = 'a'")
    ;[failing, failed] = [2, 0]
    expect(await run(['image', 'features', 'wmi-a', '--virtio'])).toMatchObject({
      code: 0,
      stderr: 'Warning: The features of wmi-a could not be read, and are replaced\n',
    })
    expect(failed).toBe(2)
  })

  test('per line, if all lines are one transaction', async () => {
    ;[failing, failed] = [2, 0]
    const line = 'image unprotect wmi-a\n'
    expect(await run(['--tx', 'bulk'], line + line)).toMatchObject({
      code: 0,
      stderr: 'Warning: wmi-a is not protected\n'.repeat(2),
    })
    expect(failed).toBe(2)
  })
})
