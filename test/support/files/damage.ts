import { readFileSync, writeFileSync } from 'node:fs'
import { newDatabase, type TestDatabase } from '../databases/databases.ts'
import { vdcManage } from '../process/cli.ts'

/** Commands that create a backup object for images, with its account and storage. */
export const THINGS = [
  'account add --uuid t',
  'backupstorage add --uuid s --display-name s --storage-type local --base-uri file:///srv/images/',
  `backupobject add --uuid o --display-name o --storage-id bkst-s --object-key k --size 1 --allocation-size 1 --container-format none --checksum ${'0'.repeat(32)} --account-id a-t`,
]
/** A command that adds an image with that backup object. */
export const ADD_IMAGE = ['image', 'add', 'volume', 'bo-o', '--account-id', 'a-t']

/** Creates a registry in an SQLite file of hundreds of pages. */
export async function newLargeRegistry(): Promise<TestDatabase> {
  const database = await newDatabase('sqlite')
  const add = `${ADD_IMAGE.join(' ')} --description ${'x'.repeat(20_000)}`
  // The warm process could keep the file open.
  await vdcManage(['-e'], {
    database,
    input: [...THINGS, ...Array(50).fill(add)].join('\n'),
    reject: true,
    process: true,
  })
  return database
}

/** Overwrites pages in the middle of an SQLite file with zeros, as a bad disk does. Texts stay UTF-8. */
export function damage({ uri }: TestDatabase): void {
  const path = uri.slice('sqlite://'.length)
  const bytes = readFileSync(path)
  const size = bytes.readUInt16BE(16)
  const pages = bytes.length / size
  for (let page = Math.floor(pages / 2); page < pages - 2; page += 3) bytes.fill(0, page * size, (page + 1) * size)
  writeFileSync(path, bytes)
}
