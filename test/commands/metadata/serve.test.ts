import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newFolder } from '../../support/files/images.ts'
import { curl } from '../../support/guests/metadata-clients.ts'
import { type ServeProcess, startServe } from '../../support/guests/metadata-server-process.ts'
import { environment, PROGRAM, shell, vdcManage } from '../../support/process/cli.ts'

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIINbW74KkcooCk1cpOgmDSUBcVvVwP5EIVcvoqIyfrrr me@example.com'
const folder = newFolder()
const at = (name: string) => join(folder.path, name)
const write = (name: string, contents: string | Buffer) => {
  writeFileSync(at(name), contents)
  return at(name)
}
afterAll(() => folder.remove())

describe('metadata serve, of an instance that options describe', () => {
  let server: ServeProcess
  beforeAll(async () => {
    const options = {
      ...{ 'instance-id': 'i-web', 'image-id': 'wmi-lucid', hostname: 'web', 'local-ipv4': '10.1.2.3' },
      ...{
        'public-ipv4': '203.0.113.4',
        mac: '52:54:00:AB:CD:EF',
        'user-data': write('data', Buffer.from([0, 255, 10])),
      },
      'authorized-key': write('keys', `# mine\n\n${KEY}\n${KEY.replace('me@', 'you@')}\n`),
    }
    const args = Object.entries(options).map(([name, value]) => `--${name}=${value}`)
    server = await startServe([...args, '--security-group', 'sg-a', '--security-group', 'sg-b'])
  })
  afterAll(async () => {
    expect(await server.stop('SIGINT')).toBe(0)
  })

  const VALUES = {
    'instance-id': 'i-web',
    'wmi-id': 'wmi-lucid',
    hostname: 'web',
    'local-ipv4': '10.1.2.3',
    'public-ipv4': '203.0.113.4',
    mac: '52:54:00:ab:cd:ef',
    'security-groups': 'sg-a\nsg-b',
    'public-keys/0/openssh-key': KEY,
    'public-keys/': '0=ssh-1\n1=ssh-2',
    'network/interfaces/macs/52:54:00:ab:cd:ef/x-broadcast': '10.1.2.255',
  }
  test.each([
    ['curl', ['curl', '-sf']],
    ['wget', ['wget', '-qO-']],
    ['busybox', ['timeout', '10', 'busybox', 'wget', '-qO-']],
  ])('values arrive with %s', async (_, [program = '', ...args]) => {
    for (const [name, value] of Object.entries(VALUES)) {
      const url = `${server.url}/latest/meta-data/${name}`
      expect([name, (await execa(program, [...args, url], { stripFinalNewline: false })).stdout]).toEqual([name, value])
    }
    const { exitCode } = await execa(program, [...args, `${server.url}/latest/meta-data/nothing`], { reject: false })
    expect(exitCode).not.toBe(0)
    const data = await execa(program, [...args, `${server.url}/latest/user-data`], {
      encoding: 'buffer',
      stripFinalNewline: false,
    })
    expect([...data.stdout]).toEqual([0, 255, 10])
  })

  test('each request is a line on stderr, in which nothing is raw', async () => {
    expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
    await curl(`${server.url}/latest/a%1bb`, '-A', 'bad\u0085\u202eclient')
    await expect
      .poll(() => server.log())
      .toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ 127\.0\.0\.1 i-web 404 GET \/latest\/a%1bb \(bad.*client\)\n$/m)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these must not be in the log
    expect(server.log()).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/)
  })
})

test('metadata serve, of the instance that metadata example prints, and of an option that changes it', async () => {
  const { stdout } = await vdcManage(['metadata', 'example'], { reject: true })
  const path = write('example.yaml', stdout)
  const server = await startServe(['--instance', path, '--hostname', 'other'])
  const values = ['instance-id', 'local-hostname', 'security-groups', 'user-data']
  const bodies = await Promise.all(values.map((name) => curl(`${server.url}/latest/meta-data/${name}`)))
  expect(bodies.map(({ body }) => body)).toEqual([
    ...['i-demo1', 'other', 'sg-demo1', '#!/bin/sh\necho "Hello from user-data"\n'],
  ])
  expect(await server.stop()).toBe(0)
  await execa('ssh-keygen', ['-lf', write('demo.pub', `${/key: (ssh-.*)/.exec(stdout)?.[1]}\n`)])
})

test('metadata serve, of a file without interfaces, and with one that an option describes', async () => {
  const path = write('bare.yaml', 'interfaces: []')
  for (const [options, body] of [
    [[], ''],
    [['--local-ipv4', '10.1.2.3'], '10.1.2.3'],
  ] as const) {
    const server = await startServe(['--instance', path, ...options])
    expect(await curl(`${server.url}/latest/meta-data/local-ipv4`)).toEqual({ status: 200, body })
    expect(await server.stop()).toBe(0)
  }
})

test('metadata serve on a Unix socket, which is gone at the end', async () => {
  const path = at('socket')
  for (const listen of [`unix:${path}`, path]) {
    const server = await startServe(['--hostname', 'web', '--listen', listen])
    expect(server.url).toBe(`unix:${path}`)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(await curl('http://x/latest/meta-data/hostname', '--unix-socket', path)).toMatchObject({ body: 'web' })
    await expect.poll(() => server.log()).toMatch(/Z unix i-demo1 200 GET /)
    const second = await vdcManage(['metadata', 'serve', '--hostname', 'web', '--listen', listen])
    expect(second).toMatchObject({ code: 5, stdout: '' })
    expect(second.stderr).toMatch(/^Error: Cannot listen on .*\/socket: it is in use\nHint: /)
    expect(await server.stop()).toBe(0)
    expect(readdirSync(folder.path)).not.toContain('socket')
  }
})

test('metadata serve drops lines of its log while nobody reads it, and counts them', async () => {
  const args = ['metadata', 'serve', '--hostname', 'web', '--listen', '127.0.0.1:0']
  const child = spawn(PROGRAM, args, { env: environment({}) })
  const [url] = await once(child.stdout.setEncoding('utf8'), 'data')
  const request = (numbers: string) =>
    execa('curl', ['-s', '-A', 'a'.repeat(200), `${url.trim()}/latest/${'x'.repeat(180)}${numbers}`], {
      stdout: 'ignore',
    })
  let log = ''
  let sent = 2500
  try {
    await request(`[1-${sent}]`)
    child.stderr.setEncoding('utf8').on('data', (text) => {
      log += text
    })
    // Some of these may come before enough has been read, and are counted, too.
    const another = async () => {
      await request('')
      sent++
      return log
    }
    await expect.poll(another).toMatch(/^Warning: \d+ requests were not logged/m)
  } finally {
    child.kill()
  }
  expect(await once(child, 'close')).toEqual([0, null])
  const warnings = log.matchAll(/^Warning: (\d+) requests were not logged, as stderr was not read$/gm)
  const dropped = [...warnings].reduce((sum, [, number]) => sum + Number(number), 0)
  expect(log.match(/x\d* \(a+\)$/gm)).toHaveLength(sent - dropped)
})

test('metadata serve in a script: started, waited for, and ended', async () => {
  const script = `coproc vdc-manage metadata serve --hostname web --listen 127.0.0.1:0 2>/dev/null
    server=$COPROC_PID; read -r url <&"\${COPROC[0]}"; curl -s "$url/latest/meta-data/hostname"; kill "$server"; wait "$server"`
  expect(await shell(script)).toMatchObject({ code: 0, stdout: 'web' })
})

const IN_USE = createServer()
const ADDRESS_HINT = 'Hint: Use an IP address with a port, such as 127.0.0.1:8169, or unix:PATH with an absolute path\n'
const REMOTE_HINT = 'Hint: Listen on 127.0.0.1, or add --allow-remote if only instances can reach it\n'
const TEXT = 'must be text, in quotes if it looks like a number'
const EXAMPLE_HINT = 'Hint: Print an example with: vdc-manage metadata example\n'

describe('metadata serve refuses', () => {
  beforeAll(async () => {
    await new Promise<void>((resolve) => IN_USE.listen(0, '127.0.0.1', resolve))
    mkdirSync(at('nothing'))
  })
  afterAll(() => IN_USE.close())

  test.each([
    ...['example.com:80', '127.0.0.1', '127.0.0.1:99999', '::1:80', 'unix:s', '[127.0.0.1]:x', '', '127.1:80'].map(
      (listen) => [['--listen', listen], `Error: --listen '${listen}' is not an address to listen on\n${ADDRESS_HINT}`],
    ),
    ...['0.0.0.0:0', '[::]:0', '10.9.8.7:80', '[::ffff:10.0.0.1]:80', '169.254.169.254:80'].map((listen) => [
      ['--listen', listen],
      `Error: --listen '${listen}' can be reached from other hosts\n${REMOTE_HINT}`,
    ]),
    [
      ['--listen', '198.51.100.1:8169', '--allow-remote'],
      'Error: Cannot listen on 198.51.100.1:8169: address not available (EADDRNOTAVAIL)\nHint: Choose an address of this host\n',
    ],
    [['--hostname', 'Web_1'], 'Error: --hostname must be up to 32 lower-case letters, digits and hyphens\n'],
    [['--mac', 'x'], 'Error: --mac must be six pairs of hexadecimal digits with colons\n'],
    [['--local-ipv4', '10.0.0.256'], 'Error: --local-ipv4 must be an IPv4 address\n'],
    [['--security-group', 'x'], 'Error: --security-group must be sg- and letters, digits or underscores\n'],
    [
      ['--instance-id', 'x', '--mac', '52:54:00:12:34:56'],
      'Error: --instance-id must be i- and letters, digits or underscores\n',
    ],
  ] as [string[], string][])('%j', async (args, stderr) => {
    const described = args.includes('--hostname') ? [] : ['--hostname', 'web']
    expect(await vdcManage(['metadata', 'serve', ...described, ...args])).toEqual(
      expect.objectContaining({ code: 3, stdout: '', stderr }),
    )
  })

  test('a port that is in use', async () => {
    const { port } = IN_USE.address() as { port: number }
    const run = await vdcManage(['metadata', 'serve', '--hostname', 'web', '--listen', `127.0.0.1:${port}`])
    expect(run).toMatchObject({ code: 5, stdout: '' })
    expect(run.stderr).toBe(
      `Error: Cannot listen on 127.0.0.1:${port}: it is in use\nHint: Choose another, or end the process that listens there\n`,
    )
  })

  test.each([
    [
      'hostnam: x',
      'it has the unknown key hostnam\nHint: Did you mean hostname? Known keys: instance_id, image_id, hostname',
    ],
    [
      'interfaces: [{maac: x}]',
      'interfaces.0 has the unknown key maac\nHint: Did you mean mac? Known keys: mac, network_id',
    ],
    ['public_keys: [{key: x}]', 'public_keys.0.key must be a public key, such as ssh-ed25519'],
    ['public_keys: [{name: x}]', `public_keys.0.key ${TEXT}\n${EXAMPLE_HINT}`],
    ['hostname: 7', `hostname ${TEXT}\n${EXAMPLE_HINT}`],
    ['interfaces: x', `interfaces must be a list\n${EXAMPLE_HINT}`],
    ['[]', `its contents must be a map of keys and values\n${EXAMPLE_HINT}`],
    ['cpu_cores: 0', 'cpu_cores must be a whole number from 1 to 4096'],
    ['interfaces: [{prefix: 33}]', 'interfaces.0.prefix must be a whole number from 0 to 32'],
    ['public_keys: [{key: "ssh-rsa AAAAAAAAAAAAAAAAAAAA me\\e[2J"}]', 'public_keys.0.key must be a public key'],
    [
      'interfaces: [{mac: "02:00:00:00:00:0a"}, {mac: "02:00:00:00:00:0A"}]',
      'interfaces must have different mac values',
    ],
    ['user_data: "\\0"', 'user_data must not contain control characters'],
  ])('a file with %s', async (text, message) => {
    const path = write('bad.yaml', text)
    const run = await vdcManage(['metadata', 'serve', '--instance', path])
    expect(run).toMatchObject({ code: 3, stdout: '' })
    expect(run.stderr.startsWith(`Error: The file ${path} is not valid: ${message}`)).toBe(true)
  })

  test.each([
    ['no YAML', '"x', /is not valid YAML: Missing closing "quote/],
    ['two documents', 'a: 1\n---\nb: 2', /is not valid YAML: .*multiple documents/],
    ['one key twice', 'hostname: a\nhostname: b', /is not valid YAML: Map keys must be unique/],
    [
      'aliases that multiply',
      `a: &a [${'x,'.repeat(9)}]\nb: &b [${'*a,'.repeat(9)}]\nc: &c [${'*b,'.repeat(9)}]\nd: [${'*c,'.repeat(9)}]`,
      /is not valid YAML: Excessive alias count/,
    ],
    ['deep nesting', '['.repeat(3000), /cannot be read: it is nested too deeply\nHint: Put large user-data/],
    ['aliases without end', `a: &a [x]\nb: ${'*a '.repeat(200)}`, /cannot be read: it has more than 100 aliases/],
    ['too much', 'x'.repeat(70_000), /has more than 65535 bytes/],
  ])('a file with %s', async (_, text, message) => {
    const run = await vdcManage(['metadata', 'serve', '--instance', write('bad.yaml', text)])
    expect(run).toMatchObject({ code: 3, stdout: '' })
    expect(run.stderr).toMatch(message)
  })

  test('files that cannot be read, and keys that are none', async () => {
    const refuse = async (args: string[], message: string) => {
      const run = await vdcManage(['metadata', 'serve', ...args])
      expect(run).toMatchObject({ code: 3, stdout: '' })
      expect(run.stderr.startsWith(`Error: The file ${args[1]} ${message}`)).toBe(true)
    }
    for (const option of ['--instance', '--authorized-key', '--user-data']) {
      await refuse([option, at('none')], 'does not exist\n')
      await refuse([option, at('nothing')], 'is a folder\n')
    }
    await refuse(['--user-data', write('big', 'x'.repeat(65_536))], 'has more than 65535 bytes\n')
    await refuse(['--authorized-key', write('empty', '\n# x\n')], 'has no public key\nHint: ')
    await refuse(
      ['--authorized-key', write('private', `${KEY}\n-----BEGIN OPENSSH PRIVATE KEY-----\n`)],
      'has no public key in line 2\nHint: ',
    )
  })
})
