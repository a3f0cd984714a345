import { describe, expect, test } from 'vitest'
import { describeMysql, parseMysqlUri } from '../../src/config/mysql-uri.ts'

const SECRET = 'S3cr3t'
const parse = (uri: string) => parseMysqlUri(uri, 'the test')
const places = (uri: string) => parse(uri).hosts.map(({ host, port }) => [host, port])

describe('hosts', () => {
  test.each([
    ['mysql://u@db/w', [['db', 3306]]],
    [
      'mysql://u@db1,db2:3307,[::1]:3308/wakame_dcmgr',
      [
        ['db1', 3306],
        ['db2', 3307],
        ['::1', 3308],
      ],
    ],
    [
      'mysql2://db1,db2:3307/w?port=3307&user=u',
      [
        ['db1', 3307],
        ['db2', 3307],
      ],
    ],
    ['mysql2:///w?user=root&host=db&port=3307', [['db', 3307]]],
    ['mysql://db/w?host=db&port=3307', [['db', 3307]]],
    ['mysql://db:3307/w?host=db&port=3307', [['db', 3307]]],
    ['mysql://:3307/w', [['localhost', 3307]]],
    ['mysql://localhost/w?port=3307', [['localhost', 3307]]],
    [
      'mysql://localhost,db/w',
      [
        ['localhost', 3306],
        ['db', 3306],
      ],
    ],
  ])('are read from %s', (uri, expected) => {
    expect(places(uri)).toEqual(expected)
    expect(parse(uri).socketPath).toBeUndefined()
  })

  test('are shown with their ports and without the password', () => {
    const settings = parse(`mysql2://u:${SECRET}@db1,[::1]:3308/w?ssl-mode=required`)
    expect(describeMysql(settings)).toBe('mysql://u@db1:3306,[::1]:3308/w')
  })

  test('are shown without the password after an escaped colon', () => {
    expect(describeMysql(parse(`mysql://u%3A${SECRET}@db/w`))).toBe('mysql://u@db:3306/w')
    expect(describeMysql(parse(`mysql:///w?user=u:${SECRET}&socket=/run/x`))).toBe(
      'mysql://u@localhost/w?socket=/run/x',
    )
  })
})

test('parameters that only Ruby programs use are ignored', () => {
  const uri = 'mysql2://db/w?user=u&password=a%26b+c&encoding=utf8&charset=utf8&reconnect=true&max_connections=4'
  expect(parse(uri)).toMatchObject({ user: 'u', password: 'a&b+c', tls: { mode: 'PREFERRED' } })
})

describe('TLS', () => {
  test.each([
    ['', { mode: 'PREFERRED' }],
    ['ssl-mode=disabled', { mode: 'DISABLED' }],
    ['ssl-mode=Verify_Ca&ssl-ca=/ca.pem', { mode: 'VERIFY_CA', ca: '/ca.pem' }],
    ['ssl-ca=/ca.pem', { mode: 'VERIFY_CA', ca: '/ca.pem' }],
    ['ssl-mode=PREFERRED&ssl-ca=/ca.pem', { mode: 'PREFERRED', ca: '/ca.pem' }],
    ['ssl-cert=/c.pem&ssl-key=/k.pem', { mode: 'REQUIRED', cert: '/c.pem', key: '/k.pem' }],
  ])('settings of %j', (query, tls) => {
    expect(parse(`mysql://db/w?${query}`).tls).toEqual({ ca: undefined, cert: undefined, key: undefined, ...tls })
  })
})

describe('an invalid URI is refused with a hint and without its values', () => {
  test.each([
    ['mysql:db/w', /^cannot be parsed/, /must look like/],
    ['mysql://a,,b/w', /invalid host or port/, /must look like/],
    ['mysql://[zz]/w', /invalid host or port/, /must look like/],
    [`mysql://u:${SECRET}/w`, /invalid host or port/, /must look like/],
    [`mysql://u:${SECRET}@db:0/w`, /invalid host or port/, /must look like/],
    ['mysql://db/w/', /^has a \/ after the database name$/, /^Remove the \//],
    ['mysql://db/w#x', /^contains a #/, /must look like/],
    ['mysql://db/w?host=other', /^names two different hosts$/, /before the database/],
    ['mysql://db:3306/w?port=3307', /^names two different ports$/, /after the host/],
    ['mysql://db/w?port=x', /invalid host or port/, /must look like/],
    ['mysql://a,b/w?socket=/run/x', /^names both a socket and a host$/, /^Omit one/],
    ['mysql://db/w?socket=/run/x', /^names both a socket and a host$/, /^Omit one/],
    ['mysql:///w?socket=/run/x&host=db', /^names both a socket and a host$/, /^Omit one/],
    ['mysql://a@db/w?user=b', /^has two different values for the user$/, /before the host/],
    [`mysql://a:x@db/w?password=${SECRET}`, /^has two different values for the password$/, /before the host/],
    ['mysql://db/w?user=a&user=a', /^has the parameter user twice$/, /^Remove one of the two user parameters$/],
    [
      `mysql://db/w?sslca=${SECRET}`,
      /^has the unknown parameter 'sslca'$/,
      /^Did you mean ssl-ca\? .*ssl-mode, ssl-ca,/,
    ],
    [`mysql://db/w?ssl_mode=${SECRET}`, /^has the unknown parameter 'ssl_mode'$/, /^Did you mean ssl-mode\?/],
    [`mysql://db/w?ssl=${SECRET}`, /^has the unknown parameter 'ssl'$/, /Parameters are user, password/],
    [`mysql://db/w?x=1&${SECRET}%zz`, /^has the unknown parameter 'x'$/, /Parameters are/],
    [`mysql://db/w?password=a&${SECRET}`, /^has an invalid parameter/, /Parameters are/],
    [`mysql://u:a@db1,u:${SECRET}@db2/w`, /^names a user more than once/, /before the first host/],
    [`mysql://db1,u:${SECRET}@db2/w`, /^names a user more than once/, /before the first host/],
    [`mysql://u@db1,u:${SECRET}@db2/w`, /^names a user more than once/, /before the first host/],
    ['mysql://db/w?port=0xcea', /invalid host or port/, /must look like/],
    ['mysql://db/w?port=1e3', /invalid host or port/, /must look like/],
    ['mysql://db/w?port=%203307', /invalid host or port/, /must look like/],
    [`mysql://db/w?password=a&${SECRET}!`, /^has an invalid parameter/, /Parameters are/],
    [`mysql://u:12?${SECRET}=x@db/w`, /^contains an @ after the host/, /must look like/],
    [`mysql://u:12/p?${SECRET}=x@db/w`, /^contains an @ after the host/, /must look like/],
    [`mysql://db/w?ssl-mode=verify_${SECRET}`, /^has an unknown ssl-mode$/, /Modes are DISABLED, PREFERRED,/],
    ['mysql://db/w?ssl-mode=verify-ca', /^has an unknown ssl-mode$/, /^Did you mean VERIFY_CA\?/],
    [
      'mysql://db/w?ssl-mode=VERIFY_IDENTITY',
      /^has ssl-mode=VERIFY_IDENTITY without ssl-ca$/,
      /^Set ssl-ca to the path/,
    ],
    ['mysql://db/w?ssl-ca=/x&ssl-mode=disabled', /^has ssl-ca with ssl-mode=DISABLED$/, /^Remove ssl-ca/],
    ['mysql://db/w?ssl-cert=/x', /^has ssl-cert without ssl-key$/, /ssl-cert and ssl-key/],
    ['mysql://db/w?ssl-key=/x', /^has ssl-key without ssl-cert$/, /ssl-cert and ssl-key/],
    ['mysql://db/w?ssl-ca=ca.pem', /^has an ssl-ca that is not an absolute path$/, /ssl-ca=\/etc/],
  ])('%s', (uri, why, hint) => {
    const error = (() => {
      try {
        return parse(uri)
      } catch (error) {
        return error as Error & { hint: string; exit: number }
      }
    })()
    expect(error).toMatchObject({ exit: 3, hint: expect.stringMatching(hint) })
    const [, reason] = /^The database URI in the test (.*)$/.exec((error as Error).message) as string[]
    expect(reason).toMatch(why)
    expect(JSON.stringify(error)).not.toContain(SECRET)
  })
})
