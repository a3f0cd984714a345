import { createHash, generateKeyPairSync, type KeyObject, privateDecrypt } from 'node:crypto'
import { chmodSync, lchownSync, mkdirSync, mkdtempSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseDatabaseUri } from '../../../src/config/config.ts'
import type { VdcError } from '../../../src/core/errors.ts'
import { openDatabase } from '../../../src/db/open.ts'
import { giveAway, IS_ROOT } from '../../support/attacker.ts'
import { type Authority, newAuthority, type Pair } from '../../support/databases/certificates.ts'
import {
  failing,
  type Manners,
  more,
  OK,
  startUntrustedServer,
  switchTo,
  type UntrustedServer,
} from '../../support/databases/untrusted-server.ts'
import { newFolder } from '../../support/files/images.ts'
import { vdcManage } from '../../support/process/cli.ts'

/*
 * A server that asks for the password in every way that the protocol has. It must learn nothing but
 * answers to challenges.
 */

const PASSWORD = 'Tr0ub4dor&3-horse'
const folder = newFolder()
let ours: Authority
let foreign: Authority
let foreignPair: Pair
let rsa: { publicKey: string; privateKey: KeyObject }
beforeAll(async () => {
  ours = await newAuthority(folder.path, 'ours')
  foreign = await newAuthority(folder.path, 'foreign')
  foreignPair = await foreign.sign('localhost', { names: ['DNS:localhost', 'IP:127.0.0.1'] })
  const pair = generateKeyPairSync('rsa', { modulusLength: 2048 })
  rsa = { publicKey: pair.publicKey.export({ type: 'spki', format: 'pem' }) as string, privateKey: pair.privateKey }
})
afterAll(() => folder.remove())

/** Connects to a server and runs a statement. Returns the error, if any. */
async function visit(server: UntrustedServer, query = ''): Promise<VdcError | undefined> {
  const host = query.includes('socket=') ? 'localhost' : `127.0.0.1:${server.port}`
  const uri = `mysql://op:${encodeURIComponent(PASSWORD)}@${host}/w${query}`
  const database = await openDatabase(parseDatabaseUri(uri, 'the test'))
  try {
    await database.knex.raw('SELECT 1')
    return undefined
  } catch (error) {
    return error as VdcError
  } finally {
    await database.close()
  }
}

async function serve<T>(manners: Manners, use: (server: UntrustedServer) => Promise<T>): Promise<T> {
  const server = await startUntrustedServer(manners)
  try {
    return await use(server)
  } finally {
    await server.close()
  }
}

const hash = (algorithm: string, ...parts: (Buffer | string)[]) =>
  parts.reduce((h, part) => h.update(part), createHash(algorithm)).digest()
const xor = (a: Buffer, b: Buffer) => Buffer.from(a.map((byte, index) => byte ^ (b[index % b.length] as number)))

/** Returns the answers that a client may give to a challenge. Neither reveals the password. */
function challenged(scramble: Buffer): Buffer[] {
  const [sha1, sha256] = [hash('sha1', PASSWORD), hash('sha256', PASSWORD)]
  return [
    xor(sha1, hash('sha1', scramble, hash('sha1', sha1))),
    xor(sha256, hash('sha256', hash('sha256', sha256), scramble)),
  ]
}

/** Expects that a server received nothing but answers to its challenges. */
function expectNoPassword(server: UntrustedServer): void {
  const scrambles = [...server.scrambles, CHALLENGE]
  for (const bytes of [server.bytes(), ...server.packets]) {
    for (const encoding of ['utf8', 'utf16le', 'base64', 'hex'] as const) {
      expect(
        bytes.includes(
          encoding === 'utf8' || encoding === 'utf16le'
            ? Buffer.from(PASSWORD, encoding)
            : Buffer.from(PASSWORD).toString(encoding),
        ),
      ).toBe(false)
    }
    for (const scramble of scrambles) expect(bytes.includes(xor(Buffer.from(PASSWORD), scramble))).toBe(false)
  }
  for (const packet of server.packets) {
    const isLogin = packet.includes('op\0')
    const isAnswer = scrambles.some((scramble) => challenged(scramble).some((answer) => answer.equals(packet)))
    // All other packets must be a request for TLS, a statement after the login, or empty.
    if (!isLogin && !isAnswer) expect(packet.length === 32 || packet[0] === 3 || packet.length === 0).toBe(true)
    for (let at = 0; at + 256 <= packet.length; at++) {
      expect(() => privateDecrypt({ key: rsa.privateKey, oaepHash: 'sha1' }, packet.subarray(at, at + 256))).toThrow()
    }
  }
}

const CHALLENGE = Buffer.from('0123456789abcdefghij')
const KEY = () => rsa.publicKey

/** Ways to ask for a password: the expected error, what the greeting names, and the packets after the login. */
const WAYS: readonly [string, code: string, Omit<Manners, 'visit'>, says: () => (Buffer | string)[]][] = [
  ['the challenge of the greeting', 'DATABASE_REFUSED', {}, () => []],
  ['the protocol before 4.1', 'DATABASE_AUTH_UNSUPPORTED', {}, () => [Buffer.from([0xfe])]],
  ['mysql_old_password', 'DATABASE_AUTH_UNSUPPORTED', {}, () => [switchTo('mysql_old_password', '12345678')]],
  ['clear text', 'DATABASE_TLS_REQUIRED', {}, () => [switchTo('mysql_clear_password')]],
  [
    'clear text in the greeting',
    'DATABASE_TLS_REQUIRED',
    { plugin: 'mysql_clear_password' },
    () => [switchTo('mysql_clear_password')],
  ],
  ['sha256_password', 'DATABASE_TLS_REQUIRED', {}, () => [switchTo('sha256_password', CHALLENGE), more(KEY())]],
  ['sha256_password in the greeting', 'DATABASE_AUTH_UNSUPPORTED', { plugin: 'sha256_password' }, () => [more(KEY())]],
  [
    'caching_sha2_password from its cache',
    'DATABASE_REFUSED',
    {},
    () => [switchTo('caching_sha2_password', CHALLENGE)],
  ],
  [
    'caching_sha2_password in full',
    'DATABASE_TLS_REQUIRED',
    {},
    () => [switchTo('caching_sha2_password', CHALLENGE), more('\x04'), more(KEY())],
  ],
  [
    'caching_sha2_password in full in the greeting',
    'DATABASE_TLS_REQUIRED',
    { plugin: 'caching_sha2_password' },
    () => [switchTo('caching_sha2_password', CHALLENGE), more('\x04'), more(KEY())],
  ],
  [
    'caching_sha2_password with a key that was not requested',
    'DATABASE_AUTH_UNSUPPORTED',
    {},
    () => [switchTo('caching_sha2_password', CHALLENGE), more(KEY())],
  ],
  ['more data without a plugin', 'DATABASE_AUTH_UNSUPPORTED', {}, () => [more('\x04')]],
  ['a dialog', 'DATABASE_AUTH_UNSUPPORTED', {}, () => [switchTo('dialog', '\x04Password: ')]],
  ['ed25519', 'DATABASE_AUTH_UNSUPPORTED', {}, () => [switchTo('client_ed25519', CHALLENGE)]],
  [
    'a plugin with the name of a property of every object',
    'DATABASE_AUTH_UNSUPPORTED',
    {},
    () => [switchTo('__proto__', CHALLENGE)],
  ],
  [
    'a plugin with the name of a property of every function',
    'DATABASE_AUTH_UNSUPPORTED',
    {},
    () => [switchTo('constructor', CHALLENGE)],
  ],
  [
    'a second factor',
    'DATABASE_TLS_REQUIRED',
    { hasFactors: true },
    () => [Buffer.concat([Buffer.from([2]), switchTo('mysql_clear_password').subarray(1)])],
  ],
  [
    'several plugins in turn',
    'DATABASE_TLS_REQUIRED',
    {},
    () => [
      switchTo('mysql_native_password', CHALLENGE),
      switchTo('caching_sha2_password', CHALLENGE),
      switchTo('mysql_clear_password'),
    ],
  ],
]

describe.each(['', '?ssl-mode=DISABLED', '?ssl-mode=PREFERRED', '?ssl-mode=REQUIRED'])(
  'a server that asks for the password, with URI parameters "%s"',
  (query) => {
    test.each(WAYS)('does not get it by %s', async (_, code, manners, says) => {
      const tls = { cert: readFileSync(foreignPair.cert, 'utf8'), key: readFileSync(foreignPair.key, 'utf8') }
      const all: Manners = {
        ...manners,
        // TLS with a certificate that anybody can make.
        ...(/REQUIRED|PREFERRED/.test(query) ? { tls } : {}),
        async visit(client) {
          await client.greet()
          for (const packet of says()) {
            client.send(packet)
            // Goes on if the client stays silent.
            await Promise.race([client.receive(), new Promise((resolve) => setTimeout(resolve, 30_000))])
          }
          client.send(failing(1045, "Access denied for user 'op'"))
        },
      }
      await serve(all, async (server) => {
        const error = await visit(server, query)
        expect(error).toMatchObject({ code, exit: 6 })
        expect(`${error?.message} ${error?.hint}`).not.toContain(PASSWORD)
        expectNoPassword(server)
        expect(server.packets.length).toBeGreaterThan(0)
      })
    })
  },
)

describe('a certificate that our CA did not sign', () => {
  test.each(['VERIFY_CA', 'VERIFY_IDENTITY', 'PREFERRED', 'REQUIRED'])(
    'is refused by ssl-mode=%s with ssl-ca',
    async (mode) => {
      const tls = { cert: readFileSync(foreignPair.cert, 'utf8'), key: readFileSync(foreignPair.key, 'utf8') }
      await serve({ tls, visit: (client) => client.greet() }, async (server) => {
        const error = await visit(server, `?ssl-mode=${mode}&ssl-ca=${ours.ca}`)
        expect(error).toMatchObject({
          code: 'DATABASE_TLS_FAILED',
          message: `TLS with 127.0.0.1:${server.port} failed: its certificate is not signed by the CA in ${ours.ca}`,
          hint: expect.stringMatching(/ssl-ca/),
        })
        // A request for TLS, but no login.
        expect(server.packets.map(({ length }) => length)).toEqual([32])
        expectNoPassword(server)
      })
    },
  )

  test('packets before TLS that pretend to come within it are refused', async () => {
    const tls = { cert: readFileSync(foreignPair.cert, 'utf8'), key: readFileSync(foreignPair.key, 'utf8') }
    const manners: Manners = {
      tls,
      async visit(client) {
        client.socket().cork()
        const greeted = client.greet()
        client.send(switchTo('mysql_clear_password'), 1)
        client.socket().uncork()
        await greeted
      },
    }
    await serve(manners, async (server) => {
      expect(await visit(server, '?ssl-mode=REQUIRED')).toMatchObject({
        code: 'DATABASE_UNREACHABLE',
        message: expect.stringMatching(/the server sent more than a greeting$/),
      })
      expectNoPassword(server)
    })
  })

  test('a server without TLS is refused if TLS is required', async () => {
    await serve({ visit: (client) => client.greet() }, async (server) => {
      for (const query of ['?ssl-mode=REQUIRED', `?ssl-ca=${ours.ca}`]) {
        expect(await visit(server, query)).toMatchObject({ code: 'DATABASE_TLS_REQUIRED', exit: 6 })
      }
      expect(server.packets).toEqual([])
    })
  })
})

describe('a server with a verified identity', () => {
  test.each([
    ['mysql_clear_password', [switchTo('mysql_clear_password')]],
    ['sha256_password', [switchTo('sha256_password', CHALLENGE)]],
    ['caching_sha2_password', [switchTo('caching_sha2_password', CHALLENGE), more('\x04')]],
  ])('gets the password by %s, only within TLS', async (_, says) => {
    const pair = await ours.sign('localhost', { names: ['IP:127.0.0.1'] })
    const manners: Manners = {
      tls: { cert: readFileSync(pair.cert, 'utf8'), key: readFileSync(pair.key, 'utf8') },
      async visit(client) {
        await client.greet()
        for (const packet of says) {
          client.send(packet)
          await client.receive()
        }
        client.send(OK)
        await client.receive()
        client.send(failing(1064, 'enough'))
      },
    }
    await serve(manners, async (server) => {
      const error = await visit(server, `?ssl-mode=VERIFY_IDENTITY&ssl-ca=${ours.ca}`)
      expect(error?.message).toMatch(/enough$/)
      expect(server.packets).toContainEqual(Buffer.from(`${PASSWORD}\0`))
      expect(() => expectNoPassword(server)).toThrow()
    })
  })
})

describe('a Unix socket', () => {
  const asking = (path: string): Manners => ({
    path,
    async visit(client) {
      await client.greet()
      client.send(switchTo('mysql_clear_password'))
      await client.receive()
      client.send(failing(1045, 'Access denied'))
    },
  })
  function makeFolder(path: string, mode: number): string {
    mkdirSync(path)
    chmodSync(path, mode)
    return path
  }

  test.each([
    ['where others can create sockets', 0o755, 0o1777, 'DATABASE_TLS_REQUIRED'],
    ['where a group can create sockets', 0o755, 0o775, 'DATABASE_TLS_REQUIRED'],
    ['that others can replace', 0o777, 0o755, 'DATABASE_TLS_REQUIRED'],
    ['that only its owner can change', 0o755, 0o755, 'DATABASE_REFUSED'],
    ['that only its owner can change, in a folder such as /tmp', 0o1777, 0o755, 'DATABASE_REFUSED'],
  ])('in a folder %s', async (_, above, mode, code) => {
    const place = makeFolder(makeFolder(join(folder.path, `above-${above}-${mode}`), above) + '/sockets', mode)
    const manners = asking(join(place, 'mysqld.sock'))
    await serve(manners, async (server) => {
      expect(await visit(server, `?socket=${manners.path}`)).toMatchObject({ code, exit: 6 })
      if (code === 'DATABASE_TLS_REQUIRED') expectNoPassword(server)
      else expect(server.packets).toContainEqual(Buffer.from(`${PASSWORD}\0`))
    })
  })

  test.runIf(process.getuid?.() === 0)('of another user, through a link in a folder such as /tmp', async () => {
    const theirs = makeFolder(join(folder.path, 'theirs'), 0o755)
    const manners = asking(join(theirs, 'own.sock'))
    const link = join(makeFolder(join(folder.path, 'tmp'), 0o1777), 'mysql.sock')
    symlinkSync(join(theirs, 'own.sock'), link)
    for (const path of [theirs, link]) lchownSync(path, 65534, 65534)
    await serve(manners, async (server) => {
      expect(await visit(server, `?socket=${link}`)).toMatchObject({ exit: 6 })
      expectNoPassword(server)
    })
  })
})

test.runIf(IS_ROOT).each([
  ['a folder of another user in a folder such as /tmp', 'theirs/mysqld.sock', 'theirs/mysqld.sock'],
  ["another user's link there to the socket of a server", 'link.sock', 'ours/mysqld.sock'],
  ["another user's link there to the folder of a server", 'linked/mysqld.sock', 'ours/mysqld.sock'],
])('does not send the password to a Unix socket through %s', async (_, named, path) => {
  const open = mkdtempSync(join(folder.path, 'open-'))
  chmodSync(open, 0o1777)
  for (const name of ['theirs', 'ours']) mkdirSync(join(open, name), { mode: 0o755 })
  giveAway(join(open, 'theirs'))
  symlinkSync(join(open, 'ours/mysqld.sock'), join(open, 'link.sock'))
  symlinkSync(join(open, 'ours'), join(open, 'linked'))
  for (const link of ['link.sock', 'linked']) lchownSync(join(open, link), 65534, 65534)
  const manners: Manners = {
    path: join(open, path),
    async visit(client) {
      await client.greet()
      client.send(switchTo('mysql_clear_password'))
      await client.receive()
    },
  }
  await serve(manners, async (server) => {
    expect(await visit(server, `?socket=${join(open, named)}`)).toMatchObject({
      code: 'DATABASE_TLS_REQUIRED',
      exit: 6,
    })
    expectNoPassword(server)
  })
})

test('does not answer a request for a file of this host', async () => {
  const asking: Manners = {
    async visit(client) {
      await client.greet()
      client.send(OK)
      await client.receive()
      client.send(Buffer.concat([Buffer.from([0xfb]), Buffer.from('/etc/hostname')]))
      await client.receive()
    },
  }
  await serve(asking, async (server) => {
    expect(await visit(server)).toMatchObject({
      code: 'DATABASE_CONNECTION_LOST',
      message: expect.stringMatching(/the server sent a request for a file of this host$/),
    })
    const [login, ...statements] = server.packets
    // LOCAL_FILES is not announced.
    expect((login?.readUInt32LE(0) ?? 0) & 0x80).toBe(0)
    expect(statements.map((packet) => packet[0])).toEqual([3])
  })
})

test('the program prints an error and a hint, with exit code 6', async () => {
  const manners: Manners = {
    async visit(client) {
      await client.greet()
      client.send(switchTo('mysql_clear_password'))
      await client.receive()
    },
  }
  await serve(manners, async (server) => {
    const uri = `mysql://op:${encodeURIComponent(PASSWORD)}@127.0.0.1:${server.port}/w`
    const run = await vdcManage(['image', 'list'], { env: { VDC_MANAGE_DATABASE_URI: uri } })
    expect(run).toMatchObject({ code: 6, stdout: '' })
    expect(run.stderr).toMatch(
      /^Error: The server 127\.0\.0\.1:\d+ asks for the password in clear text \(mysql_clear_password\), .*\nHint: Add ssl-mode=VERIFY_IDENTITY&ssl-ca=.*\n$/,
    )
    expectNoPassword(server)
  })
})
