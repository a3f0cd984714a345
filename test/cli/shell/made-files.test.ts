import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { allRows, type TestDatabase } from '../../support/databases/databases.ts'
import { newFolder, rawDisk } from '../../support/files/images.ts'
import { ADD, newDatabaseWithObject, runScript } from '../../support/process/scripts.ts'

/* `image convert` in a bulk script that is retried: its file is not rolled back. */

const folder = newFolder()
const source = join(folder.path, 'disk.raw')
let database: TestDatabase
beforeAll(async () => {
  writeFileSync(source, rawDisk(2 ** 20))
  database = await newDatabaseWithObject('mariadb')
  const name = database.uri.split('/').at(-1)
  await database.query('CREATE TABLE attempts (id int NOT NULL AUTO_INCREMENT PRIMARY KEY) ENGINE=MyISAM')
  await database.query(
    `CREATE TRIGGER ${name}.fail_twice BEFORE INSERT ON images FOR EACH ROW BEGIN IF NEW.display_name = 'deadlock' THEN INSERT INTO attempts VALUES (NULL); IF (SELECT COUNT(*) FROM attempts) <= 2 THEN SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213, MESSAGE_TEXT = 'Deadlock found'; END IF; END IF; END`,
  )
})
afterAll(async () => {
  await database.remove()
  folder.remove()
})

test('after a deadlock the file is created once and printed once', async () => {
  const [one, two] = ['one.qcow2', 'two.qcow2'].map((name) => join(folder.path, name)) as [string, string]
  const run = await runScript(
    database,
    [
      `image convert ${source} ${one} --to qcow2`,
      `image convert ${source} ${two} --to qcow2`,
      `image add local ${one} --account-id a-shpoolxx --uuid converted`,
      `${ADD} --display-name deadlock --uuid last`,
    ],
    ['--tx', 'bulk', '-e'],
  )
  expect(run).toMatchObject({ code: 0, stdout: `${one}\n${two}\nwmi-converted\nwmi-last\n`, stderr: '' })
  expect(await database.query('SELECT COUNT(*) AS n FROM attempts')).toEqual([{ n: 3 }])
  await execa('qemu-img', ['compare', '-f', 'raw', '-F', 'qcow2', source, one])
})

test('a failing script names the file it leaves; a second line for the same file is refused', async () => {
  const out = join(folder.path, 'kept.qcow2')
  const line = `image convert ${source} ${out} --to qcow2`
  const before = await allRows(database)
  const run = await runScript(database, [ADD, line, line], ['--tx', 'bulk', '-e'])
  expect(run).toMatchObject({ code: 5, stdout: '' })
  expect(run.stderr).toMatch(
    new RegExp(
      `^Error: ${out} already exists(?:.*\n)+Line 3 failed: .*\nNothing was stored\nThe new file ${out} is kept\n$`,
    ),
  )
  expect(existsSync(out)).toBe(true)
  expect(await allRows(database)).toEqual(before)
})
