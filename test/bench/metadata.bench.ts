import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Agent, get } from 'node:http'
import { inject, test } from 'vitest'
import { parseIpv4 } from '../../src/core/ipv4.ts'
import { insertOf, newWakameWithInstances } from '../support/databases/wakame-instances.ts'
import { startServe } from '../support/guests/metadata-server-process.ts'
import { record } from './support/goals.ts'

const REQUESTS = 3000
const ROUNDS = 3
const CLIENTS = 16
const PATH = '/latest/meta-data/local-hostname'
/** Requests per second that the service must answer. */
const NEEDED = 300
/** Leases in the database. The table has no index by address. */
const LEASES = 10_000

/** A server of node:http that answers everything alike. */
const BARE = `const server = require('node:http').createServer((request, response) => response.end('web1'))
server.listen(0, '127.0.0.1', () => console.log('http://127.0.0.1:' + server.address().port))`

/** Returns the requests per second that a server answers to clients that keep their connections. */
async function rateOf(url: string, headers: Record<string, string> = {}): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS })
  const ask = () =>
    new Promise<void>((resolve, reject) => {
      get(url + PATH, { agent, headers }, (response) => {
        if (response.statusCode !== 200) reject(new Error(`status ${response.statusCode}`))
        response.resume().on('end', resolve)
      }).on('error', reject)
    })
  let left = REQUESTS
  const begun = performance.now()
  const work = async () => {
    while (left-- > 0) await ask()
  }
  await Promise.all(Array.from({ length: CLIENTS }, work))
  agent.destroy()
  return (REQUESTS / (performance.now() - begun)) * 1000
}

test('metadata serve beside a bare server of node:http', async () => {
  const database = await newWakameWithInstances(inject('mariadb').port)
  await insertOf(database, 'instances', { uuid: 'web1', hostname: 'web1' })
  await insertOf(database, 'network_vifs', { uuid: 'vif1', instance_id: 1, mac_addr: '525400000001' })
  await insertOf(database, 'network_vif_ip_leases', { network_vif_id: 1, ipv4: parseIpv4('127.0.0.1') as number })
  await database.query(
    `INSERT INTO network_vif_ip_leases (network_id, network_vif_id, ipv4, is_deleted, created_at, updated_at)
      SELECT 1, seq + 9, seq, 0, NOW(), NOW() FROM seq_1_to_${LEASES}`,
  )
  const bare = spawn(process.execPath, ['-e', BARE], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [bareUrl] = await once(bare.stdout, 'data')
  const described = await startServe(['--hostname', 'web1'])
  const living = await startServe([], { database })
  const rates: Record<'bare' | 'described' | 'living', number> = { bare: 0, described: 0, living: 0 }
  for (let round = 0; round < ROUNDS; round++) {
    rates.bare = Math.max(rates.bare, await rateOf(String(bareUrl).trim()))
    rates.described = Math.max(rates.described, await rateOf(described.url))
    rates.living = Math.max(rates.living, await rateOf(living.url))
  }
  bare.kill()
  await described.stop()
  await living.stop()
  await database.remove()
  for (const [kind, what] of [
    ['described', 'metadata serve, one described instance'],
    ['living', `metadata serve, database with ${LEASES.toLocaleString('en')} leases`],
  ] as const)
    record({
      ...{ part: 'metadata', what },
      figure: `${rates[kind].toFixed(0)} requests/s, ${(rates[kind] / rates.bare).toFixed(2)} × node:http (${rates.bare.toFixed(0)})`,
      ...{ goal: `≥ ${NEEDED} requests/s`, isMet: rates[kind] >= NEEDED },
    })
})
