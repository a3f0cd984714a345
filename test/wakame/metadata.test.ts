import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import { parseIpv4 } from '../../src/core/ipv4.ts'
import { ENGINES, newDatabase, type TestDatabase } from '../support/databases/databases.ts'
import { startProxy, type Verdict } from '../support/databases/mysql-proxy.ts'
import { insertOf, newWakameWithInstances } from '../support/databases/wakame-instances.ts'
import { newFolder } from '../support/files/images.ts'
import { curl, type Received } from '../support/guests/metadata-clients.ts'
import { type ServeProcess, startServe } from '../support/guests/metadata-server-process.ts'
import { vdcManage } from '../support/process/cli.ts'
import { freePort } from '../support/process/free-port.ts'

const NAMES = ['web1', 'web2', 'web3']
/** The warning about a query of more than 4 seconds, which a busy machine may need. */
const LATE = 'Warning: The database did not answer within 4 seconds'
const number = (address: string) => parseIpv4(address) as number

/** Inserts web1 to web3 with the addresses 127.0.0.2 to 127.0.0.4, as instances 1 to 3 with interfaces 1 to 3. */
async function insertThree(database: TestDatabase): Promise<void> {
  for (const table of ['instances', 'network_vifs', 'network_vif_ip_leases', 'network_vif_security_groups'])
    await database.query(`TRUNCATE ${table}`)
  for (const table of ['security_groups', 'ssh_key_pairs']) await database.query(`TRUNCATE ${table}`)
  for (const [index, name] of NAMES.entries()) {
    const id = index + 1
    await insertOf(database, 'ssh_key_pairs', { uuid: `key${id}`, public_key: `ssh-rsa AAAA${id} ${name}\n` })
    await insertOf(database, 'security_groups', { uuid: `group${id}` })
    await insertOf(database, 'instances', {
      ...{ uuid: name, hostname: name, ssh_key_pair_id: id, user_data: `I am ${name}\n` },
      request_params: id === 1 ? '--- !map:HashWithIndifferentAccess \ninstance_spec_id: is-large\n' : '--- {}\n',
    })
    await insertOf(database, 'network_vifs', {
      ...{ uuid: `vif${id}`, instance_id: id, mac_addr: `52540000000${id}`, nat_network_id: 2 },
    })
    await insertOf(database, 'network_vif_ip_leases', { network_vif_id: id, ipv4: number(`127.0.0.${id + 1}`) })
    await insertOf(database, 'network_vif_security_groups', { network_vif_id: id, security_group_id: id })
  }
}

/** Requests a URL until the answer is not 503, which it is if a busy machine takes more than 4 seconds to look it up. */
async function answered(url: string, ...options: string[]): Promise<Received> {
  const deadline = Date.now() + 60_000
  for (;;) {
    const received = await curl(url, ...options)
    if (received.status !== 503 || Date.now() > deadline) return received
  }
}

describe('metadata of the living database', () => {
  let database: TestDatabase
  let server: ServeProcess
  beforeAll(async () => {
    database = await newWakameWithInstances(inject('mariadb').port)
  })
  afterAll(() => database.remove())
  beforeEach(async () => {
    await insertThree(database)
    server = await startServe(['--listen', '127.0.0.1:0'], { database })
  })
  afterEach(async () => {
    expect(await server.stop()).toBe(0)
  })

  const get = (address: string, path = 'meta-data/instance-id') =>
    answered(`${server.url}/latest/${path}`, '--interface', address)
  const whoIs = async (address: string) => {
    const { status, body } = await get(address)
    return status === 200 ? body : status
  }

  test('each of three instances sees itself only, and a stranger gets 404', async () => {
    for (const [index, name] of NAMES.entries()) {
      const address = `127.0.0.${index + 2}`
      const mac = `52:54:00:00:00:0${index + 1}`
      for (const [path, body] of Object.entries({
        'meta-data/instance-id': `i-${name}`,
        'meta-data/wmi-id': 'wmi-lucid',
        'meta-data/ami-id': 'wmi-lucid',
        'meta-data/instance-type': index === 0 ? 'is-large' : 'is.small',
        'meta-data/instance-action': 'running',
        'meta-data/local-hostname': name,
        'meta-data/local-ipv4': address,
        'meta-data/public-ipv4': '',
        'meta-data/mac': mac,
        'meta-data/network': 'nw-inner',
        'meta-data/security-groups': `sg-group${index + 1}`,
        'meta-data/public-keys': `ssh-rsa AAAA${index + 1} ${name}`,
        'meta-data/public-keys/': `0=ssh-key${index + 1}`,
        'meta-data/network/interfaces/macs/': `${mac}/`,
        [`meta-data/network/interfaces/macs/${mac}/x-gateway`]: '127.0.0.1',
        [`meta-data/network/interfaces/macs/${mac}/x-network`]: '127.0.0.0',
        [`meta-data/network/interfaces/macs/${mac}/x-netmask`]: '255.0.0.0',
        [`meta-data/network/interfaces/macs/${mac}/x-broadcast`]: '127.255.255.255',
        'user-data': `I am ${name}\n`,
      }))
        expect([path, await get(address, path)]).toEqual([path, { status: 200, body }])
    }
    expect(await get('127.0.0.1')).toEqual({ status: 404, body: 'Unknown source IP: 127.0.0.1' })
    expect(await get('127.0.0.9', '')).toMatchObject({ status: 404 })
    // A request is logged when its answer is sent, which the client may see first.
    await expect.poll(() => server.log()).toMatch(/^\S+Z 127\.0\.0\.9 - 404 GET \/latest\/ \(curl\/\S+\)$/m)
    expect(server.log()).toMatch(/^\S+Z 127\.0\.0\.2 i-web1 200 GET \/latest\/meta-data\/instance-id \(curl\/\S+\)$/m)
  })

  test('at the same time too', async () => {
    const answers = await Promise.all(
      Array.from({ length: 60 }, async (_, index) => [index % 3, await whoIs(`127.0.0.${(index % 3) + 2}`)] as const),
    )
    for (const [index, id] of answers) expect(id).toBe(`i-${NAMES[index]}`)
  })

  test('an instance that is terminated or does not run, and a lease or an interface that is deleted, are strangers', async () => {
    for (const [change, undo] of [
      [
        "instances SET terminated_at = NOW(), state = 'terminated'",
        "instances SET terminated_at = NULL, state = 'running'",
      ],
      ['instances SET terminated_at = NOW()', 'instances SET terminated_at = NULL'],
      ["instances SET state = 'halted'", "instances SET state = 'running'"],
      ['network_vifs SET deleted_at = NOW()', 'network_vifs SET deleted_at = NULL'],
      ['network_vifs SET instance_id = NULL', 'network_vifs SET instance_id = 1'],
      [
        'network_vif_ip_leases SET deleted_at = NOW(), is_deleted = id',
        'network_vif_ip_leases SET deleted_at = NULL, is_deleted = 0',
      ],
      ['network_vif_ip_leases SET network_vif_id = NULL', 'network_vif_ip_leases SET network_vif_id = 1'],
    ] as const) {
      await database.query(`UPDATE ${change} WHERE id = 1`)
      expect([change, await whoIs('127.0.0.2'), await whoIs('127.0.0.3')]).toEqual([change, 404, 'i-web2'])
      await database.query(`UPDATE ${undo} WHERE id = 1`)
      expect(await whoIs('127.0.0.2')).toBe('i-web1')
    }
    for (const state of ['starting', 'initializing', 'shuttingdown']) {
      await database.query('UPDATE instances SET state = ? WHERE id = 1', [state])
      expect([state, await whoIs('127.0.0.2')]).toEqual([state, 'i-web1'])
    }
    // The address of a terminated instance goes to another one.
    await database.query("UPDATE instances SET terminated_at = NOW(), state = 'terminated' WHERE id = 1")
    await insertOf(database, 'network_vif_ip_leases', { network_vif_id: 2, ipv4: number('127.0.0.2') })
    expect(await whoIs('127.0.0.2')).toBe('i-web2')
  })

  test('an address that two instances have in two networks is answered with 404, and a warning', async () => {
    await insertOf(database, 'network_vifs', {
      uuid: 'vif9',
      instance_id: 3,
      network_id: 2,
      mac_addr: '525400000009',
      device_index: 1,
    })
    await insertOf(database, 'network_vif_ip_leases', { network_vif_id: 4, network_id: 2, ipv4: number('127.0.0.2') })
    expect([await whoIs('127.0.0.2'), await whoIs('127.0.0.4')]).toEqual([404, 'i-web3'])
    expect(await whoIs('127.0.0.2')).toBe(404)
    const warnings = server.log().match(/^Warning: .*/gm) ?? []
    expect(warnings.filter((line) => line !== LATE)).toEqual([
      'Warning: Several running instances have the address 127.0.0.2: it gets no metadata',
    ])
    // One instance may have it twice.
    await database.query('UPDATE network_vifs SET instance_id = 1 WHERE id = 4')
    expect(await get('127.0.0.2', 'meta-data/mac')).toEqual({
      status: 200,
      body: '52:54:00:00:00:01\n52:54:00:00:00:09',
    })
  })

  test('an address outside of the network is public', async () => {
    await insertOf(database, 'network_vif_ip_leases', { network_vif_id: 1, network_id: 2, ipv4: number('203.0.113.7') })
    expect(await get('127.0.0.2', 'meta-data/public-ipv4')).toEqual({ status: 200, body: '203.0.113.7' })
    expect(await get('127.0.0.2', 'meta-data/local-ipv4')).toEqual({ status: 200, body: '127.0.0.2' })
  })

  test('what is missing or cannot be read is left out', async () => {
    await database.query(
      "UPDATE instances SET image_id = 99, ssh_key_pair_id = NULL, request_params = '--- [', user_data = '' WHERE id = 1",
    )
    await database.query('DELETE FROM network_vif_security_groups')
    for (const name of ['wmi-id', 'public-keys', 'instance-type', 'user-data', 'security-groups'])
      expect([name, await get('127.0.0.2', `meta-data/${name}`)]).toEqual([name, { status: 200, body: '' }])
  })

  test('--instance-id acts as one instance, for any caller', async () => {
    const one = await startServe(['--instance-id', 'i-web2'], { database })
    try {
      for (const address of ['127.0.0.1', '127.0.0.2'])
        expect(await answered(`${one.url}/latest/meta-data/local-hostname`, '--interface', address)).toMatchObject({
          ...{ status: 200, body: 'web2' },
        })
      await database.query("UPDATE instances SET state = 'halted' WHERE id = 2")
      expect(await answered(`${one.url}/latest/meta-data/instance-action`)).toMatchObject({ body: 'halted' })
      await database.query('UPDATE instances SET terminated_at = NOW() WHERE id = 2')
      expect(await answered(`${one.url}/latest/meta-data/local-hostname`)).toMatchObject({ status: 404 })
    } finally {
      expect(await one.stop()).toBe(0)
    }
    for (const [id, code, message] of [
      ['i-web2', 4, 'Error: Instance i-web2 does not exist, or is terminated\n'],
      ['i-WEB1', 4, 'Error: Instance i-WEB1 does not exist, or is terminated\n'],
      [
        'wmi-web1',
        3,
        "Error: --instance-id 'wmi-web1' is not a valid ID\nHint: Use i- followed by letters, digits or _\n",
      ],
    ] as const)
      expect(await vdcManage(['metadata', 'serve', '--instance-id', id], { database })).toMatchObject({
        ...{ code, stdout: '', stderr: message },
      })
  })

  test('nothing is written', async () => {
    const tables = (await database.query('SHOW TABLES')).map((row) => String(Object.values(row)[0]))
    const contents = () => database.query(`CHECKSUM TABLE ${tables.join(', ')} EXTENDED`)
    const before = await contents()
    for (const address of ['127.0.0.2', '127.0.0.9']) await get(address, 'user-data')
    expect(await contents()).toEqual(before)
  })

  test('while the database fails, requests get 503 and each fault one warning; then it serves again', async () => {
    let verdict: Verdict = 'pass'
    const proxy = await startProxy(inject('mariadb').port, () => verdict)
    const uri = database.uri.replace(/:\d+\//, `:${proxy.port}/`)
    const through = await startServe([], { database: { uri } })
    const request = [`${through.url}/latest/meta-data/local-hostname`, '--interface', '127.0.0.2'] as const
    const get = () => curl(...request)
    try {
      expect(await answered(...request)).toEqual({ status: 200, body: 'web1' })
      verdict = 'cut'
      for (let i = 0; i < 3; i++)
        expect(await get()).toEqual({ status: 503, body: 'The instance cannot be looked up now' })
      verdict = { errno: 1047, message: 'WSREP has not yet prepared node for application use' }
      expect(await get()).toMatchObject({ status: 503 })
      verdict = 'pass'
      expect(await answered(...request)).toEqual({ status: 200, body: 'web1' })
      verdict = 'swallow'
      expect(await get()).toMatchObject({ status: 503 })
    } finally {
      expect(await through.stop('SIGINT')).toBe(0)
      await proxy.close()
    }
    const warnings = through.log().match(/^(?:Warning|Error|Hint):.*/gm) ?? []
    expect(warnings.filter((line) => line !== LATE)).toEqual([
      expect.stringMatching(/^Warning: .* went away: the connection was lost$/),
      expect.stringMatching(/^Warning: .* cannot be reached: the connection was lost$/),
      expect.stringMatching(/^Warning: .*is not ready/),
    ])
    expect(warnings.at(-1)).toBe(LATE)
  })
})

describe('a database without instances', () => {
  const HINT =
    'Hint: Describe an instance with --instance FILE or with options, or set VDC_MANAGE_DATABASE_URI to the database of Wakame-vdc\n'

  test.each(ENGINES)('is refused: %s', async (engine) => {
    const database = await newDatabase(engine)
    const run = await vdcManage(['metadata', 'serve', '--listen', '127.0.0.1:0'], { database })
    const name = engine === 'sqlite' ? /The registry \/.*sqlite/ : /The database t_\w+/
    expect(run).toMatchObject({ code: 7, stdout: '' })
    expect(run.stderr).toMatch(name)
    expect(run.stderr).toMatch(/ has no instances: it lacks the table instances of Wakame-vdc\n/)
    expect(run.stderr).toContain(HINT)
    await database.remove()
  })

  test('is not created', async () => {
    const folder = newFolder()
    const path = join(folder.path, 'registry.sqlite')
    const run = await vdcManage(['metadata', 'serve', '--listen', '127.0.0.1:0'], {
      database: { uri: `sqlite://${path}` },
    })
    expect(run).toMatchObject({ code: 7, stdout: '' })
    expect(run.stderr).toMatch(`Error: The registry ${path} has no instances: `)
    expect(readdirSync(folder.path)).toEqual([])
    folder.remove()
  })

  test('or one that cannot be reached', async () => {
    const database = { uri: `mysql://root@127.0.0.1:${await freePort()}/wakame_dcmgr` }
    const run = await vdcManage(['metadata', 'serve', '--listen', '127.0.0.1:0'], { database })
    expect(run).toMatchObject({ code: 6, stdout: '' })
  })

  test('a Unix socket has no callers with addresses', async () => {
    const run = await vdcManage(['metadata', 'serve', '--listen', 'unix:/nonexistent/s'])
    expect(run).toMatchObject({
      ...{ code: 2, stdout: '' },
      stderr:
        'Error: On a Unix socket, callers have no address by which their instance is found\n' +
        'Hint: Name the instance with --instance-id, or listen on an IP address\n',
    })
  })
})
