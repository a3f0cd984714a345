import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type Authority, newAuthority, type Pair } from '../../../support/databases/certificates.ts'
import { allRows, newDatabase, type TestDatabase } from '../../../support/databases/databases.ts'
import { type FileServer, type Respond, sendFile, startFileServer } from '../../../support/downloads/file-server.ts'
import { bootSector, newFolder } from '../../../support/files/images.ts'
import { type RunOptions, vdcManage, vdcManageJson } from '../../../support/process/cli.ts'
import { startTerminal } from '../../../support/process/tmux.ts'

/* image add url: checksums, names, redirects, TLS, and servers that misbehave. */

const MIB = 2 ** 20
const disk = Buffer.concat([bootSector(), randomBytes(MIB - 512)])
const sum = (algorithm: string, bytes = disk) => createHash(algorithm).update(bytes).digest('hex')
const SHA256 = `sha256:${sum('sha256')}`

const folder = newFolder()
let database: TestDatabase
let authority: Authority
let pair: Pair
const servers: FileServer[] = []

beforeAll(async () => {
  database = await newDatabase('sqlite')
  authority = await newAuthority(folder.path, 'test')
  pair = await authority.sign('server', { names: ['IP:127.0.0.1'] })
})
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()))
})
afterAll(async () => {
  await database.remove()
  folder.remove()
})

async function serve(respond: Respond, tls?: Pair): Promise<FileServer> {
  const server = await startFileServer(respond, tls)
  servers.push(server)
  return server
}
const serveDisk = (tls?: Pair) => serve((response, request) => sendFile(response, request, disk), tls)

let folders = 0
function newInto(): string {
  const into = join(folder.path, `into${++folders}`)
  mkdirSync(into)
  return into
}

/** Downloads into a folder, with one retry. Options in `more` replace the usual ones. */
const add = (url: string, into: string, more: string[], options: RunOptions = {}) => {
  const usual = { '--into': into, '--account-id': 'a-shpoolxx', '--retries': '1', '--timeout': '60' }
  const words = Object.entries(usual).flatMap(([name, value]) => (more.includes(name) ? [] : [name, value]))
  return vdcManage(['image', 'add', 'url', url, ...words, ...more], { database, ...options })
}

/** Expects that a download is refused, that nothing was written and that no image was registered. */
async function expectRefused(
  url: string,
  more: string[],
  refusal: { code: number; stderr: string | RegExp },
  options: RunOptions = {},
): Promise<void> {
  const into = newInto()
  const before = await allRows(database)
  const run = await add(url, into, more, options)
  expect(run).toMatchObject({ code: refusal.code, stdout: '', stderr: expect.stringMatching(refusal.stderr) })
  expect(readdirSync(into)).toEqual([])
  expect(await allRows(database)).toEqual(before)
}

describe('the checksum', () => {
  test.each(['md5', 'sha256', 'sha512'])('can be %s', async (algorithm) => {
    const server = await serveDisk()
    const into = newInto()
    const run = await add(`${server.origin}/a.raw`, into, ['--checksum', `${algorithm}:${sum(algorithm)}`])
    expect(run).toMatchObject({ code: 0, stderr: '' })
    const image = await vdcManageJson(['image', 'show', run.stdout.trim()], { database })
    expect(image).toMatchObject({
      display_name: 'a',
      backup_object: { uri: `file://${into}/a.raw`, sha256: sum('sha256') },
    })
    expect(statSync(join(into, 'a.raw')).mode & 0o777).toBe(0o644 & ~process.umask())
  })

  test('that is wrong is refused', async () => {
    const server = await serveDisk()
    await expectRefused(`${server.origin}/a.raw`, ['--checksum', `md5:${'0'.repeat(32)}`], {
      code: 3,
      stderr: `^Error: ${server.origin}/a.raw has the wrong md5 checksum: expected 0{32}, got ${sum('md5')}\n`,
    })
  })

  test.each([
    ['GNU', (name: string) => `${'1'.repeat(64)}  other.raw\n${sum('sha256')} *${name}\n`],
    ['BSD', (name: string) => `SHA256 (${name}) = ${sum('sha256')}\nSHA256 (x) = ${'1'.repeat(64)}\n`],
    [
      'mixed, with folders and CR',
      (name: string) => `${sum('md5')}  ./${name}\r\n${sum('sha512')}  images/${name}\r\n`,
    ],
    ['alone', () => `${sum('sha256')}\n`],
  ])('is found in a file over https, form %s', async (_, textOf) => {
    const server = await serve((response, request) => {
      if (request.url === '/a.raw') sendFile(response, request, disk)
      else response.end(textOf('a.raw'))
    }, pair)
    const more = ['--checksum', `${server.origin}/SUMS?key=geheim`, '--ca-file', authority.ca]
    expect(await add(`${server.origin}/a.raw`, newInto(), more)).toMatchObject({ code: 0, stderr: '' })
    // In a file of this host.
    const sums = join(newInto(), 'SUMS')
    writeFileSync(sums, textOf('a.raw'))
    expect(
      await add(`${server.origin}/a.raw`, newInto(), ['--checksum', sums, '--ca-file', authority.ca]),
    ).toMatchObject({
      code: 0,
      stderr: '',
    })
  })

  test.each([
    ['that has none for it', `${'1'.repeat(64)}  b.raw\n`, /has no MD5, SHA-256 or SHA-512 checksum for a.raw/],
    [
      'that contradicts itself',
      `${'1'.repeat(64)}  y/a.raw\n${'2'.repeat(64)}  x/a.raw\n`,
      /has several sha256 checksums/,
    ],
    ['that is too large', 'x'.repeat(5 * MIB), /SUMS has more than 4194304 bytes/],
  ])('is refused from a file %s', async (_, text, stderr) => {
    const server = await serve((response) => response.end(text), pair)
    const more = ['--checksum', `${server.origin}/SUMS`, '--ca-file', authority.ca]
    await expectRefused(`${server.origin}/a.raw`, more, { code: 3, stderr })
    expect(server.requests.map(({ path }) => path)).toEqual(['/SUMS'])
  })

  test('is required', async () => {
    const [http, https] = [await serveDisk(), await serveDisk(pair)]
    const over = /A download over http:\/\/ needs a checksum/
    await expectRefused(`${http.origin}/a.raw`, [], { code: 3, stderr: over })
    await expectRefused(`${http.origin}/a.raw`, ['--no-checksum'], { code: 3, stderr: over })
    await expectRefused(`${https.origin}/a.raw`, [], {
      code: 3,
      stderr: /No checksum was given.*\nHint: .*--no-checksum/,
    })
    await expectRefused(`${https.origin}/a.raw`, ['--checksum', `${http.origin}/SUMS`], {
      code: 3,
      stderr: /A checksum file must not be downloaded over http/,
    })
    expect([...http.requests, ...https.requests]).toEqual([])
    const more = ['--no-checksum', '--ca-file', authority.ca]
    expect(await add(`${https.origin}/a.raw`, newInto(), more)).toMatchObject({ code: 0, stderr: '' })
  })

  test.each(['sha256:abc', 'sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709', '1234'])('%s is none', async (text) => {
    await expectRefused('http://127.0.0.1:1/a.raw', ['--checksum', text], {
      code: 3,
      stderr: /checksum must be sha256:HEX/,
    })
  })
})

describe('the file', () => {
  test('that is there already is used if it has the checksum, and never overwritten', async () => {
    const server = await serveDisk()
    const into = newInto()
    const path = join(into, 'a.raw')
    writeFileSync(path, disk)
    expect(await add(`${server.origin}/a.raw`, into, ['--checksum', SHA256])).toMatchObject({ code: 0, stderr: '' })
    writeFileSync(path, 'other')
    const refused = { code: 5, stdout: '', stderr: expect.stringMatching(`^Error: ${path} already exists`) }
    expect(await add(`${server.origin}/a.raw`, into, ['--checksum', SHA256])).toMatchObject(refused)
    expect(readFileSync(path, 'utf8')).toBe('other')
    rmSync(path)
    writeFileSync(join(folder.path, 'elsewhere.raw'), disk)
    symlinkSync(join(folder.path, 'elsewhere.raw'), path)
    expect(await add(`${server.origin}/a.raw`, into, ['--checksum', SHA256])).toMatchObject(refused)
    expect(server.requests).toEqual([])
  })

  test.each([
    ['/', "The name in the URL cannot be used for an image file: ''"],
    ['/a%20b.raw', "The name in the URL cannot be used for an image file: 'a b.raw'"],
    ['/..%2fa.raw', "The name in the URL cannot be used for an image file: '../a.raw'"],
    ['/.hidden.raw', 'cannot be used'],
    ['/-rf.raw', 'cannot be used'],
    ['/%1b%5b31m.raw', 'cannot be used'],
  ])('is not named by %s', async (path, stderr) => {
    const server = await serveDisk()
    await expectRefused(`${server.origin}${path}`, ['--checksum', SHA256], { code: 3, stderr })
    expect(server.requests).toEqual([])
    const named = await add(`${server.origin}${path}`, newInto(), ['--checksum', SHA256, '--file-name', 'good.raw'])
    expect(named).toMatchObject({ code: 0 })
  })

  test.each([
    ['an unknown account', ['--account-id', 'a-none'], 4, /Account a-none does not exist/],
    ['an unknown storage', ['--storage-id', 'bkst-none'], 3, /bkst-none does not exist/],
    ['a folder that does not exist', ['--into', '/srv/none/at/all'], 6, /its folder does not exist/],
    ['a system folder', ['--into', '/etc'], 3, /\/etc is a system folder/],
    ['a URL that is none', [], 3, /must be a URL that begins with https/],
  ])('is not requested for %s', async (what, more, code, stderr) => {
    const server = await serveDisk()
    const url = what.startsWith('a URL') ? `ftp://u:geheim@127.0.0.1/a.raw` : `${server.origin}/a.raw`
    await expectRefused(url, ['--checksum', SHA256, ...more], { code, stderr })
    expect(server.requests).toEqual([])
  })

  test('is kept if it cannot be registered', async () => {
    const page = Buffer.from('<!DOCTYPE html><html></html>\n')
    const server = await serve((response, request) => sendFile(response, request, page))
    const into = newInto()
    const run = await add(`${server.origin}/a.raw`, into, ['--checksum', sum('sha256', page)])
    expect(run).toMatchObject({ code: 3, stdout: '' })
    expect(run.stderr).toContain(`Warning: ${into}/a.raw was downloaded and is kept, but is not registered\n`)
    expect(readdirSync(into)).toEqual(['a.raw'])
  })

  test('can be converted and checked by the options of add local', async () => {
    const server = await serveDisk()
    const into = newInto()
    const run = await add(`${server.origin}/a.raw`, into, ['--checksum', SHA256, '--convert', 'qcow2'])
    expect(run).toMatchObject({ code: 0, stderr: '' })
    expect(readdirSync(into).sort()).toEqual(['a.qcow2', 'a.raw'])
  })

  test('that was registered before is named at a terminal, and nothing of it in a pipe', async () => {
    const server = await serveDisk()
    const into = newInto()
    const first = await add(`${server.origin}/a.raw`, into, ['--checksum', SHA256, '-q'])
    expect(first).toMatchObject({ code: 0, stderr: '' })
    const line = `vdc-manage image add url ${server.origin}/a.raw --into ${into} --checksum ${SHA256} --account-id a-shpoolxx`
    const terminal = await startTerminal(line, { database, home: newInto(), width: 200 })
    try {
      expect(await terminal.exitCode()).toBe(0)
      expect(await terminal.screen()).toMatch(
        new RegExp(
          `wmi-\\w{8}\nThe file was registered before, as the backup object bo-\\w+, which is also used by ${first.stdout.trim()}\n`,
        ),
      )
    } finally {
      await terminal.close()
    }
  })

  test('and a path are told apart', async () => {
    const into = newInto()
    expect(await add('/srv/a.raw', into, ['--checksum', SHA256])).toMatchObject({
      code: 3,
      stderr:
        'Error: The argument must be a URL that begins with https:// or http://\nHint: To register a file of this host, use: vdc-manage image add local PATH\n',
    })
    const url = 'https://u:geheim@h.example/a.raw'
    expect(await vdcManage(['image', 'add', 'local', url, '--account-id', 'a-shpoolxx'], { database })).toMatchObject({
      code: 3,
      stdout: '',
      stderr:
        'Error: The file https://…@h.example/a.raw does not exist\nHint: Download and register it with: vdc-manage image add url URL --into FOLDER\n',
    })
  })

  test('is only looked at by a dry run', async () => {
    const server = await serveDisk()
    const into = newInto()
    const url = `${server.origin}/a.raw`
    const run = await add(url, into, ['--checksum', SHA256, '-n', '--json'])
    expect(run).toMatchObject({ code: 0, stderr: 'Dry run: nothing was written\n' })
    expect(JSON.parse(run.stdout)).toMatchObject([
      { action: 'download', path: `${into}/a.raw`, what: `${url}, ${MIB} bytes` },
    ])
    expect(readdirSync(into)).toEqual([])
  })
})

describe('a redirect', () => {
  const redirect = (to: () => string) => serve((response) => void response.writeHead(302, { Location: to() }).end())

  test('to another server is followed, without the credentials', async () => {
    const target = await serveDisk()
    const server = await redirect(() => `${target.origin.replace('//', '//x:y@')}/other-name.raw`)
    const into = newInto()
    const url = `${server.origin.replace('//', '//user:geheim@')}/a.raw?token=geheim`
    expect(await add(url, into, ['--checksum', SHA256])).toMatchObject({ code: 0, stderr: '' })
    expect(server.requests[0]?.headers.authorization).toBe(`Basic ${Buffer.from('user:geheim').toString('base64')}`)
    expect(target.requests[0]?.headers.authorization).toBeUndefined()
    expect(readdirSync(into)).toEqual(['a.raw'])
  })

  test('on the same server gets the credentials', async () => {
    const server = await serve((response, request) => {
      if (request.url === '/b.raw') return sendFile(response, request, disk)
      response.writeHead(307, { Location: '/b.raw' }).end()
    })
    const url = `${server.origin.replace('//', '//user:geheim@')}/a.raw`
    expect(await add(url, newInto(), ['--checksum', SHA256])).toMatchObject({ code: 0 })
    expect(server.requests[1]).toMatchObject({ path: '/b.raw', headers: { authorization: expect.anything() } })
  })

  test('from https to http is refused', async () => {
    const target = await serveDisk()
    const server = await serve(
      (response) => void response.writeHead(302, { Location: `${target.origin}/b.raw?x=geheim` }).end(),
      pair,
    )
    await expectRefused(`${server.origin}/a.raw`, ['--checksum', SHA256, '--ca-file', authority.ca], {
      code: 3,
      stderr: `^Error: ${server.origin}/a.raw redirects to an unencrypted URL, ${target.origin}/b.raw\\?…, which is not followed\n$`,
    })
    expect(target.requests).toEqual([])
  })

  test('to a file is refused, and a loop ends', async () => {
    const file = await redirect(() => 'file:///etc/passwd')
    await expectRefused(`${file.origin}/a.raw`, ['--checksum', SHA256], { code: 3, stderr: /not an http or https URL/ })
    const loop = await redirect(() => '/a.raw')
    await expectRefused(`${loop.origin}/a.raw`, ['--checksum', SHA256], { code: 6, stderr: /more than 10 redirects/ })
    expect(loop.requests).toHaveLength(11)
  })
})

test.each([
  ['image', 'add', 'url', 'https://h/a.raw', 'https://user:geheim@h/a.raw'],
  ['image', 'add', 'url', 'https://h/a.raw', '--ca-file', 'https://user:geheim@h/ca', '--no-checksum', '--into', '/'],
  ['image', 'add', 'https://user:geheim@h/a.raw'],
  ['image', 'add', 'local', 'https://user:geheim@h/a.raw'],
  ['image', 'add', 'local', '/dev/null', '--checksum', 'https://user:geheim@h/SUMS'],
])('errors never repeat a password in a URL: %s %s %s %s', async (...words) => {
  for (const more of [[], ['--json']]) {
    const run = await vdcManage([...words, '--account-id', 'a-shpoolxx', ...more], { database })
    expect(run.code).not.toBe(0)
    expect(run.stdout + run.stderr).not.toContain('geheim')
  }
})

describe('TLS', () => {
  const more = ['--checksum', SHA256]

  test('trusts --ca-file and NODE_EXTRA_CA_CERTS', async () => {
    const server = await serveDisk(pair)
    const url = `${server.origin}/a.raw`
    expect(await add(url, newInto(), [...more, '--ca-file', authority.ca])).toMatchObject({ code: 0, stderr: '' })
    const env = { NODE_EXTRA_CA_CERTS: authority.ca }
    expect(await add(url, newInto(), more, { env, process: true })).toMatchObject({ code: 0, stderr: '' })
  })

  test('refuses another authority, another name and a file that is no certificate', async () => {
    const server = await serveDisk(pair)
    const hint = /\nHint: Give the certificate of its authority with --ca-file/
    const env = { NODE_TLS_REJECT_UNAUTHORIZED: '0' }
    const options = { env, process: true }
    await expectRefused(`${server.origin}/a.raw`, more, { code: 6, stderr: /from an unknown authority/ }, options)
    await expectRefused(`${server.origin}/a.raw`, more, { code: 6, stderr: /from an unknown authority/ })
    await expectRefused(`${server.origin}/a.raw`, more, { code: 6, stderr: hint })
    const wrong = await serveDisk(await authority.sign('wrong', { names: ['DNS:other.example'] }))
    const trusting = [...more, '--ca-file', authority.ca]
    await expectRefused(`${wrong.origin}/a.raw`, trusting, { code: 6, stderr: /certificate is for another host name/ })
    await expectRefused(`${server.origin}/a.raw`, [...more, '--ca-file', '/dev/null'], {
      code: 3,
      stderr: 'The file /dev/null has no certificate in PEM format',
    })
    expect([...server.requests, ...wrong.requests]).toEqual([])
  })
})

describe('a server that', () => {
  const more = ['--checksum', SHA256]

  test.each([
    [404, /cannot be downloaded: the server does not have it \(HTTP 404\)/, 1],
    [401, /requires a user name and password \(HTTP 401\)\nHint: /, 1],
    [500, /the server answered with HTTP 500/, 2],
    [503, /the server answered with HTTP 503/, 2],
    [206, /the server answered with HTTP 206/, 1],
  ])('answers with %i', async (status, stderr, requests) => {
    const server = await serve((response) => void response.writeHead(status).end('x'))
    await expectRefused(`${server.origin.replace('//', '//u:geheim@')}/a.raw?t=geheim`, more, { code: 6, stderr })
    expect(server.requests).toHaveLength(requests)
    const run = await add(`${server.origin.replace('//', '//u:geheim@')}/a.raw?t=geheim`, newInto(), [
      ...more,
      '--json',
    ])
    expect(`${run.stdout}${run.stderr}`).not.toContain('geheim')
  })

  test('recovers', async () => {
    const server = await serve((response, request, nth) =>
      nth === 0 ? void response.writeHead(503).end() : sendFile(response, request, disk),
    )
    expect(await add(`${server.origin}/a.raw`, newInto(), more)).toMatchObject({ code: 0, stderr: '' })
  })

  test('is not there', async () => {
    await expectRefused('http://127.0.0.1:1/a.raw', more, { code: 6, stderr: /connection refused \(ECONNREFUSED\)/ })
    await expectRefused('http://nowhere.invalid/a.raw', more, { code: 6, stderr: /cannot be downloaded: / })
  })

  test('says nothing, or nothing more', async () => {
    const stderr = /the server sent no data for 1 seconds/
    // How many requests one run makes: fewer if a busy host lets the time pass before a request is sent or read.
    const requestsOf = async (server: FileServer) => {
      for (let attempt = 1; ; attempt++) {
        const before = server.requests.length
        await expectRefused(`${server.origin}/a.raw`, [...more, '--timeout', '1'], { code: 6, stderr })
        const made = server.requests.length - before
        if (made === 2 || attempt === 5) return made
      }
    }
    const silent = await serve(() => {})
    const stalled = await serve((response, request) => sendFile(response, request, disk, { etag: null, holdAt: 5000 }))
    expect([await requestsOf(silent), await requestsOf(stalled)]).toEqual([2, 2])
  })

  test('never ends is stopped at the limit', async () => {
    const server = await serve((response) => {
      response.writeHead(200, { ETag: '"one"' })
      const send = () => {
        while (response.write(disk));
      }
      response.on('drain', send)
      send()
    })
    await expectRefused(`${server.origin}/a.raw`, [...more, '--max-download', '20M'], {
      code: 3,
      stderr: /has more than 20971520 bytes\nHint: Allow more with --max-download/,
    })
  })

  test('has a file that is too large for the limit or the disk', async () => {
    const sized = (bytes: number) =>
      serve((response) => {
        response.writeHead(200, { ETag: '"one"', 'Content-Length': bytes })
        response.write(disk)
      })
    const large = await sized(200 * 1024 ** 3)
    await expectRefused(`${large.origin}/a.raw`, more, { code: 3, stderr: /has more than 107374182400 bytes/ })
    const huge = await sized(4 * 1024 ** 5)
    await expectRefused(`${huge.origin}/a.raw`, [...more, '--max-download', '8P'], {
      code: 6,
      stderr: /a.raw cannot be written: no space is left/,
    })
  })

  test('compresses, sends nothing, or does not tell the length', async () => {
    const gzip = await serve((response, request) =>
      sendFile(response, request, disk, { headers: { 'Content-Encoding': 'gzip' } }),
    )
    await expectRefused(`${gzip.origin}/a.raw`, more, {
      code: 3,
      stderr: /is sent compressed \(Content-Encoding: gzip\)/,
    })
    const empty = await serve((response) => void response.end())
    await expectRefused(`${empty.origin}/a.raw`, more, { code: 3, stderr: /a.raw is empty/ })
    const open = await serve((response) => {
      response.socket?.end('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhalf')
    }, pair)
    await expectRefused(`${open.origin}/a.raw`, ['--no-checksum', '--ca-file', authority.ca], {
      code: 3,
      stderr: /has no known length/,
    })
  })

  test('changes to another protocol, or sends the file in another form', async () => {
    const says = async (answer: string) => (await serve((response) => void response.socket?.end(answer))).origin
    const upgrade = await says('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n')
    await expectRefused(`${upgrade}/a.raw`, more, { code: 6, stderr: /the server closed the connection/ })
    const gzip = await says('HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nx')
    await expectRefused(`${gzip}/a.raw`, more, { code: 3, stderr: /\(Transfer-Encoding: gzip\)/ })
  })

  test('does not speak HTTP', async () => {
    const server = await serve((response) => void response.socket?.end('SSH-2.0-OpenSSH\r\n'))
    await expectRefused(`${server.origin}/a.raw`, more, { code: 6, stderr: /does not speak HTTP/ })
  })
})

test.each([80, 40])('a terminal of %i columns shows the progress', async (width) => {
  let release = () => {}
  const server = await serve((response, request) => {
    sendFile(response, request, disk, { holdAt: MIB / 2 })
    release = () => response.end(disk.subarray(MIB / 2))
  })
  const line = `vdc-manage image add url ${server.origin}/a.raw --into ${newInto()} --account-id a-shpoolxx --checksum ${SHA256}`
  const terminal = await startTerminal(line, { database, home: newInto(), width })
  try {
    await terminal.until(/Downloading.*50%/)
    release()
    expect(await terminal.exitCode()).toBe(0)
    expect(await terminal.screen()).toMatch(/wmi-\w{8}/)
  } finally {
    await terminal.close()
  }
})
