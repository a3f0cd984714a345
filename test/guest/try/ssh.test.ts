import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { dirname, join } from 'node:path'
import { execa, execaSync } from 'execa'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { findSsh, logIn, makeLoginKey, type SshTarget } from '../../../src/guest/try/ssh.ts'
import { IS_ROOT } from '../../support/attacker.ts'
import { newFolder } from '../../support/files/images.ts'
import { fill, link } from '../../support/guests/guests.ts'
import { freePort } from '../../support/process/free-port.ts'

/*
 * A real server, dropbear, runs in a folder as if that were a guest.
 */

const folder = newFolder()
const guest = join(folder.path, 'guest')
const never = new AbortController().signal
const target = (port: number, signal = never): SshTarget => {
  return { host: '127.0.0.1', port, signal }
}
afterAll(() => folder.remove())

function copyProgram(program: string): void {
  const { stdout } = execaSync('ldd', [program], { reject: false })
  for (const path of [program, ...[...stdout.matchAll(/\/\S+/g)].map(([library]) => library)]) {
    mkdirSync(dirname(join(guest, path)), { recursive: true })
    copyFileSync(path, join(guest, path))
  }
}

describe.runIf(IS_ROOT)('sshd of a guest', () => {
  let sshd: ChildProcess
  let port: number
  let key: string
  beforeAll(async () => {
    fill(guest, {
      '/etc/passwd': 'root:x:0:0::/root:/bin/sh\ndebian:x:1000:1000::/home/debian:/bin/sh\n',
      '/etc/group': 'root:x:0:\ndebian:x:1000:\n',
      '/etc/shadow': 'root:*:19000:0:99999:7:::\ndebian:*:19000:0:99999:7:::\n',
      '/etc/shells': '/bin/sh\n',
      '/etc/machine-id': `${'0123456789abcdef'.repeat(2)}\n`,
      '/dev': { folder: true },
      '/root': { folder: true },
      '/home/debian': { folder: true },
      ...Object.fromEntries(['sh', 'cat', 'uname', 'echo'].map((name) => [`/bin/${name}`, link('busybox')])),
    })
    for (const program of ['/bin/busybox', '/usr/sbin/dropbear']) copyProgram(program)
    await execa('mknod', ['-m', '666', join(guest, 'dev/null'), 'c', '1', '3'])
    await execa('mknod', ['-m', '666', join(guest, 'dev/urandom'), 'c', '1', '9'])
    await execa('chown', ['-R', '1000:1000', join(guest, 'home/debian')])
    for (const type of ['ed25519', 'ecdsa']) {
      await execa('dropbearkey', ['-t', type, '-f', join(guest, `etc/${type}`)])
    }
    const path = await makeLoginKey(mkdtempSync(join(folder.path, `the 'keys' of %h "$x" -`)), never)
    if (path === undefined) throw new Error('no key')
    key = path
    port = await freePort()
    const keys = ['-r', '/etc/ed25519', '-r', '/etc/ecdsa']
    const inGuest = ['chroot', guest, '/usr/sbin/dropbear', '-F', '-E', '-p', `127.0.0.1:${port}`, ...keys]
    sshd = spawn('setpriv', ['--pdeathsig', 'KILL', ...inGuest], { stdio: ['ignore', 'ignore', 'pipe'] })
    let messages = ''
    sshd.stderr?.on('data', (text) => (messages += text))
    await vi.waitFor(() => expect(messages).toMatch(/Not backgrounding/), { timeout: 60_000 })
  })
  afterAll(async () => {
    sshd.kill('SIGKILL')
    await once(sshd, 'exit')
  })

  function letIn(home: string): void {
    mkdirSync(join(guest, home, '.ssh'), { recursive: true, mode: 0o700 })
    copyFileSync(`${key}.pub`, join(guest, home, '.ssh/authorized_keys'))
  }

  test('shows its banner and the fingerprints of its keys', async () => {
    const prints = await Promise.all(
      ['ed25519', 'ecdsa'].map(async (type) => {
        const { stdout } = await execa('dropbearkey', ['-y', '-f', join(guest, `etc/${type}`)])
        const line = /^\S+ AAAA\S+/m.exec(stdout)?.[0] ?? ''
        const [, print] = (await execa('ssh-keygen', ['-lf', '-'], { input: line })).stdout.split(' ')
        return [line.split(' ')[0], print]
      }),
    )
    const found = await findSsh(target(port))
    expect(found?.event).toEqual({
      kind: 'ssh',
      banner: expect.stringMatching(/^SSH-2\.0-dropbear/),
      hostKeys: Object.fromEntries(prints),
    })
  })

  test('lets the first user in who has the key', async () => {
    const where = target(port)
    const found = await findSsh(where)
    if (found === undefined) throw new Error('no sshd')
    const nobody = { kind: 'login', user: undefined, hostName: undefined, machineId: undefined }
    expect(await logIn(where, key, found)).toEqual(nobody)
    letIn('home/debian')
    await execa('chown', ['-R', '1000:1000', join(guest, 'home/debian')])
    const names = { hostName: expect.stringMatching(/./), machineId: '0123456789abcdef'.repeat(2) }
    expect(await logIn(where, key, found)).toEqual({ kind: 'login', user: 'debian', ...names })
    letIn('root')
    writeFileSync(join(guest, 'etc/machine-id'), 'uninitialized\n')
    expect(await logIn(where, key, found)).toMatchObject({ user: 'root', machineId: undefined })
    // Another server took its place.
    const other = readFileSync(`${key}.pub`, 'utf8').split(' ').slice(0, 2).join(' ')
    expect(await logIn(where, key, { ...found, knownHosts: `guest ${other}\n` })).toEqual(nobody)
  })
})

test('a search that ends between the banner and the host keys has found nothing', async () => {
  const controller = new AbortController()
  const server = createServer((socket) => {
    socket.on('error', () => {}).write('SSH-2.0-OpenSSH_9.2p1\r\n')
    let sent = ''
    socket.on('data', (chunk) => {
      sent += chunk.toString('latin1')
      // After its own banner, which may come in one piece with the rest, once it has read the server's.
      if (/\n./s.test(sent)) controller.abort()
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  expect(await findSsh(target(port, controller.signal))).toBeUndefined()
  server.close()
})

test('host keys that cannot be stored are an error', async () => {
  const found = { event: { kind: 'ssh' as const, banner: '', hostKeys: {} }, knownHosts: 'guest ssh-rsa AAAA\n' }
  await expect(logIn(target(1), join(folder.path, 'none/key'), found)).rejects.toMatchObject({
    code: 'FILE_NOT_WRITTEN',
    message: expect.stringContaining('none/known-hosts cannot be written'),
  })
})

describe('a server that is no sshd', () => {
  const servers: Server[] = []
  afterAll(() => {
    for (const server of servers) server.close()
  })

  async function serve(text: string): Promise<number> {
    const server = createServer((socket) => {
      socket.on('error', () => {})
      socket.end(text)
    }).listen(0, '127.0.0.1')
    servers.push(server)
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  }

  test.each([
    ['says nothing', ''],
    ['speaks HTTP', 'HTTP/1.0 400 Bad Request\r\n\r\n'],
    ['floods', 'x'.repeat(1 << 18)],
  ])('is not found if it %s', async (_, text) => {
    expect(await findSsh(target(await serve(text)))).toBeUndefined()
  })

  test('has a banner without what terminals obey, and no keys', async () => {
    const found = await findSsh(target(await serve(`SSH-2.0-x\x1b[31m\u202e${'y'.repeat(150)}\r\n`)))
    expect(found?.event.hostKeys).toEqual({})
    expect(found?.event.banner).toMatch(/^SSH-2\.0-x[\x21-\x7e]*…?$/)
    expect(found?.event.banner.length).toBeLessThanOrEqual(100)
  })

  test('is not found if nothing listens, nor after an interruption', async () => {
    expect(await findSsh(target(await freePort()))).toBeUndefined()
    const server = createServer(() => {}).listen(0, '127.0.0.1')
    servers.push(server)
    await once(server, 'listening')
    const began = performance.now()
    expect(await findSsh(target((server.address() as AddressInfo).port, AbortSignal.timeout(300)))).toBeUndefined()
    expect(performance.now() - began).toBeLessThan(60_000)
  })
})
