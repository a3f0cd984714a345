import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { loadServiceTypes } from '../../src/config/config.ts'
import { readDatabaseUri } from '../../src/config/dcmgr-conf.ts'
import { newFolder } from '../support/files/images.ts'

const folder = newFolder()
afterAll(() => folder.remove())

function serviceTypes(conf: string): [string, object][] | undefined {
  const path = join(folder.path, 'dcmgr.conf')
  writeFileSync(path, conf)
  const found = loadServiceTypes({ CONF_PATH: path })
  return found && [...found]
}

describe('the service types of a dcmgr.conf', () => {
  test('are read with and without a storage, in either kind of quotes', () => {
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

  test('are empty if the file has none, and undefined if it cannot be read', () => {
    expect(serviceTypes("database_uri 'sqlite:///x'")).toEqual([])
    expect(loadServiceTypes({ CONF_PATH: join(folder.path, 'nope') })).toBeUndefined()
    expect(loadServiceTypes({ CONF_PATH: folder.path })).toBeUndefined()
  })
})

describe('the database_uri of a dcmgr.conf', () => {
  const URI = 'mysql2://u:a#b@localhost/wakame_dcmgr?user=root'
  const read = (conf: string) => {
    const path = join(folder.path, 'uri.conf')
    writeFileSync(path, conf)
    return readDatabaseUri(path, 'a test names it')
  }

  test.each([
    ['as in the example of Wakame-vdc', `database_uri '${URI}'`],
    ['in double quotes', `  database_uri "${URI}"`],
    ['in parentheses', `database_uri('${URI}')`],
    ['in parentheses on several lines', `database_uri(\n  '${URI}'\n)`],
    ['on the next line', `database_uri \\\n  '${URI}'`],
    ['assigned', `config.database_uri = '${URI}'`],
    ['assigned to self', `self.database_uri = '${URI}'`],
    ['assigned to self without spaces', `self.database_uri='${URI}'`],
    ['assigned, on the next line', `self.database_uri =\n  "${URI}"`],
    ['called on self', `self.database_uri('${URI}')`],
    ['with a semicolon', `database_uri '${URI}';`],
    ['with a semicolon and a comment', `self.database_uri = "${URI}" ; # ours`],
    ['with a semicolon after parentheses', `database_uri ( "${URI}" );`],
    ['frozen', `database_uri '${URI}'.freeze`],
    ['in %q()', `database_uri %q(${URI})`],
    ['in %Q{}', `database_uri %Q{${URI}}`],
    ['in %[]', `database_uri %[${URI}]`],
    ['in %q||', `database_uri %q|${URI}|`],
    ['with Windows line endings', `# one\r\ndatabase_uri '${URI}' # ours\r\nshared_key 'x'\r\n`],
    ['with a byte order mark', `\uFEFFdatabase_uri '${URI}'\n`],
    [
      'after other values',
      `database_uri 'mysql2://h/old'\nself.database_uri = '${URI}';\n# database_uri 'mysql2://h/no'\n`,
    ],
    ['beside similar words', `database_uri '${URI}'\nold_database_uri 'x'\nnote 'see database_uri_x'\n`],
  ])('is read %s', (_, conf) => {
    expect(read(conf)).toBe(URI)
  })

  test('is read with the escapes of string literals', () => {
    expect(read(String.raw`database_uri 'mysql2://u:it\'s\\x@h/d'`)).toBe(String.raw`mysql2://u:it's\x@h/d`)
    expect(read(String.raw`database_uri "mysql2://u:a\#{b\"@h/d"`)).toBe('mysql2://u:a#{b"@h/d')
  })

  test.each([
    ['an interpolation', 'database_uri "mysql2://#{host}/x"'],
    ['an interpolated variable', 'database_uri "mysql2://#$host/x"'],
    ['an interpolation in %Q', 'database_uri %Q(mysql2://#{host}/x)'],
    ['a numeric escape', 'database_uri "mysql2://h/\\x41"'],
    ['a method', "database_uri 'mysql2://h/x'.sub('h', 'g')"],
    ['a method on the next line', "database_uri 'mysql2://h/x'\n  .sub('h', 'g')"],
    ['a condition', "database_uri 'mysql2://h/x' if ENV['Y']"],
    ['two strings', "database_uri 'mysql2://h/' 'x'"],
    ['a sum', "database_uri 'mysql2://h/' + 'x'"],
    ['a constant', 'database_uri URI'],
    ['an environment variable', "self.database_uri = ENV['DATABASE_URI']"],
    ['a default', "self.database_uri ||= 'mysql2://h/x'"],
    ['a heredoc', 'database_uri <<EOS\nmysql2://h/x\nEOS'],
    ['an unclosed string', "database_uri 'mysql2://h/x"],
    ['an unclosed parenthesis', "database_uri('mysql2://h/x'"],
    ['an empty string', "database_uri ''"],
    ['a second one after another statement', "database_uri 'mysql2://h/x'\nfoo 1; database_uri 'mysql2://h/y'"],
    ['a second one in a condition', "database_uri 'mysql2://h/x'\nif true then database_uri 'mysql2://h/y' end"],
  ])('is refused if it is not a plain string: %s', (_, conf) => {
    expect(() => read(conf)).toThrow(expect.objectContaining({ code: 'CONFIG_REFUSED', exit: 3 }))
  })
})

test.each([
  ['unclosed comments', '=begin\n'],
  ['newlines', '\n'],
  ['spaces', ' '],
  ['settings without a value', 'database_uri '],
  ['quotes', "database_uri '"],
  ['settings, one per line', "database_uri 'x'\n"],
  ['service types', "service_type 'x'\n"],
  ['service types on one line', "service_type ('"],
  ['end markers', '__END__ \n'],
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
  // Quadratic time would be minutes.
  expect(performance.now() - begun).toBeLessThan(60_000)
})
