import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { loadServiceTypes } from '../src/config.ts'
import { readDatabaseUri } from '../src/dcmgr-conf.ts'
import { newFolder } from './support/images.ts'

const folder = newFolder()
afterAll(() => folder.remove())

function serviceTypes(conf: string): [string, object][] | undefined {
  const path = join(folder.path, 'dcmgr.conf')
  writeFileSync(path, conf)
  const found = loadServiceTypes({ CONF_PATH: path })
  return found && [...found]
}

describe('the service types of a dcmgr.conf', () => {
  test('with and without a storage, in either quote', () => {
    const conf = `
      database_uri 'mysql2://localhost/wakame_dcmgr?user=root'
      # service_type("old", "OldServiceType") {
      service_type("std", "StdServiceType") {
        image_features :acpi
        backup_storage_id 'bkst-local'
      }
      service_type 'lb', 'LbServiceType' do
        # backup_storage_id 'bkst-old'
        backup_storage_id("web")
      end
      service_type("none", "StdServiceType") {
      }
    `
    expect(serviceTypes(conf)).toEqual([
      ['std', { storageId: 'bkst-local' }],
      ['lb', { storageId: 'bkst-web' }],
      ['none', {}],
    ])
  })

  test('are none where the file names none, and unknown where it can not be read', () => {
    expect(serviceTypes("database_uri 'sqlite:///x'")).toEqual([])
    expect(loadServiceTypes({ CONF_PATH: join(folder.path, 'nope') })).toBeUndefined()
    expect(loadServiceTypes({ CONF_PATH: folder.path })).toBeUndefined()
  })
})

test.each([
  ['comments that never end', '=begin\n'],
  ['newlines', '\n'],
  ['spaces', ' '],
  ['settings without a value', 'database_uri '],
  ['quotes', "database_uri '"],
  ['settings in lines', "database_uri 'x'\n"],
  ['service types', "service_type 'x'\n"],
  ['service types in a line', "service_type ('"],
  ['ends', '__END__ \n'],
])('a dcmgr.conf of 1 MiB of %s is read in linear time', (_, piece) => {
  const path = join(folder.path, 'long.conf')
  const text = piece.repeat(Math.floor((1024 * 1024 - 64) / piece.length))
  const begun = performance.now()
  for (const end of ['', `\ndatabase_uri 'mysql2://h/x'${' '.repeat(50)}`]) {
    writeFileSync(path, text + end)
    loadServiceTypes({ CONF_PATH: path })
    try {
      expect(readDatabaseUri(path, '')).toMatch(/^mysql2:|^x$/)
    } catch (error) {
      expect(error).toMatchObject({ code: 'CONFIG_REFUSED' })
    }
  }
  // Quadratic code takes minutes.
  expect(performance.now() - begun).toBeLessThan(5000)
})
