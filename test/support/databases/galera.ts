import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { execa } from 'execa'
import mysql from 'mysql2/promise'
import { expect, inject, test } from 'vitest'
import { parseDatabaseUri } from '../../../src/config/config.ts'
import { openRegistry } from '../../../src/registry/open.ts'
import { migrateDatabase } from '../../../src/registry/schema.ts'
import { ROOT } from '../process/cli.ts'
import { freePort } from '../process/free-port.ts'
import type { Row } from './databases.ts'

/*
 * A Galera cluster of three real nodes on loopback, each with its own data folder, ports and
 * socket. The second and third node start with a copy of the first one's data, so that they
 * fetch only later changes.
 */

const PROVIDER = '/usr/lib/galera/libgalera_smm.so'
const SCRIPTS = join(ROOT, 'node_modules/.cache/galera/usr/bin')
const PATH = [process.env.PATH, '/usr/sbin', '/sbin', SCRIPTS].join(delimiter)

function isThere(): boolean {
  const has = (program: string) => PATH.split(delimiter).some((folder) => existsSync(join(folder, program)))
  return existsSync(PROVIDER) && has('wsrep_sst_rsync') && has('rsync') && has('mariadbd')
}

/** Whether Galera is installed. If not, its tests are skipped, or fail in CI. */
export const hasGalera = isThere()

/** Adds a test that fails if `GALERA=required` and Galera is missing. For each test file that needs Galera. */
export function requireGaleraInCi(): void {
  test('Galera is installed, or not required', ({ skip }) => {
    if (!hasGalera && process.env.GALERA !== 'required')
      skip('galera-4 is not installed: skipping the tests of a cluster')
    expect(hasGalera).toBe(true)
  })
}

/** A node of a cluster. */
export interface Node {
  name: string
  port: number
  socket: string
  /** Kills it. */
  kill(): Promise<void>
  /** Starts it again, and waits until it has caught up. */
  rejoin(): Promise<void>
  /** Runs SQL on it directly, in the database `registry`. */
  query(sql: string, values?: (string | number | null)[]): Promise<Row[]>
  /** Waits until it takes queries and has caught up. */
  untilReady(): Promise<void>
  /** Makes it refuse all queries with error 1047 while `isRejecting`, also on open connections. */
  reject(isRejecting: boolean): Promise<void>
}

/** A cluster, and a database on it with the schema of our migrations. */
export interface Cluster {
  nodes: Node[]
  /** Returns the URI of the database on a node. */
  uri(node: number, user?: string): string
  remove(): Promise<void>
}

/**
 * Starts three nodes.
 *
 * @param isPatient true if nodes give up a silent one after a minute, not after 5 s as by default: for tests that
 *   end none.
 */
export async function startCluster({ isPatient = false } = {}): Promise<Cluster> {
  const folder = mkdtempSync(join(inject('folder'), 'galera-'))
  chmodSync(folder, 0o755)
  const ports = await Promise.all(Array.from({ length: 15 }, freePort))
  const [first, second, third] = [0, 1, 2].map((number) => makeNode(folder, number, ports, isPatient)) as [
    Maker,
    Maker,
    Maker,
  ]
  const user = process.getuid?.() === 0 ? ['--user=root'] : []
  // A starting server removes leftovers from its temporary folder, including files of other servers.
  const temporary = join(folder, 'install.tmp')
  mkdirSync(temporary)
  const install = [
    '--no-defaults',
    `--datadir=${first.data}`,
    `--tmpdir=${temporary}`,
    '--auth-root-authentication-method=normal',
    '--skip-test-db',
  ]
  await execa('mariadb-install-db', [...install, ...user], { env: { PATH } })
  await first.start(['--wsrep-new-cluster'])
  await first.node.query('CREATE DATABASE registry CHARACTER SET utf8mb4')
  await first.node.query('USE registry')
  const uri = (number: number, user = 'root') =>
    `mysql://${user}@127.0.0.1:${[first, second, third][number]?.node.port}/registry`
  const registry = await openRegistry(parseDatabaseUri(uri(0), 'the test'))
  await migrateDatabase(registry, { unlock: false })
  await registry.close()
  await first.stop()
  for (const { data } of [second, third]) {
    cpSync(first.data, data, { recursive: true })
    const state = join(data, 'grastate.dat')
    writeFileSync(state, readFileSync(state, 'utf8').replace('safe_to_bootstrap: 1', 'safe_to_bootstrap: 0'))
    // The rsync daemon writes as nobody if root starts it.
    chmodSync(data, 0o777)
  }
  chmodSync(first.data, 0o777)
  await first.start(['--wsrep-new-cluster'])
  // Two nodes that join at the same time may lose each other on a busy host.
  await second.start()
  await third.start()
  return {
    nodes: [first.node, second.node, third.node],
    uri,
    async remove() {
      await Promise.all([first, second, third].map((node) => node.node.kill()))
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

interface Maker {
  data: string
  node: Node
  start(options?: string[]): Promise<void>
  stop(): Promise<void>
}

function makeNode(folder: string, number: number, ports: readonly number[], isPatient: boolean): Maker {
  const patience = isPatient ? ';evs.suspect_timeout=PT60S;evs.inactive_timeout=PT120S' : ''
  const portOf = (node: number, which: number) => ports[node * 5 + which] as number
  const [port, base, ist, sst] = [0, 1, 2, 3].map((which) => portOf(number, which)) as [number, number, number, number]
  const name = `node${number + 1}`
  const [data, temporary, socket, log] = ['data', 'tmp', 'sock', 'log'].map((kind) =>
    join(folder, `${name}.${kind}`),
  ) as [string, string, string, string]
  mkdirSync(temporary)
  writeFileSync(log, '')
  const options = [
    '--no-defaults',
    ...(process.getuid?.() === 0 ? ['--user=root'] : []),
    `--datadir=${data}`,
    `--tmpdir=${temporary}`,
    `--socket=${socket}`,
    `--port=${port}`,
    '--bind-address=127.0.0.1',
    `--pid-file=${join(folder, `${name}.pid`)}`,
    `--log-error=${log}`,
    '--innodb-buffer-pool-size=64M',
    '--innodb-log-file-size=32M',
    '--max-connections=200',
    // Data need not survive a crash of this host, so nothing waits for the disk.
    '--innodb-flush-log-at-trx-commit=2',
    '--innodb-doublewrite=0',
    '--innodb-flush-method=nosync',
    '--binlog-format=ROW',
    '--innodb-autoinc-lock-mode=2',
    '--wsrep-on=ON',
    `--wsrep-provider=${PROVIDER}`,
    '--wsrep-cluster-name=vdc-manage-test',
    `--wsrep-node-name=${name}`,
    `--wsrep-node-address=127.0.0.1:${base}`,
    `--wsrep-cluster-address=gcomm://${[0, 1, 2].map((node) => `127.0.0.1:${portOf(node, 1)}`).join(',')}`,
    `--wsrep-provider-options=base_port=${base};gmcast.listen_addr=tcp://127.0.0.1:${base};ist.recv_addr=127.0.0.1:${ist};gcache.size=64M${patience}`,
    '--wsrep-sst-method=rsync',
    `--wsrep-sst-receive-address=127.0.0.1:${sst}`,
  ]
  let child: ChildProcess | undefined
  let connection: mysql.Connection | undefined

  async function start(more: string[] = []): Promise<void> {
    child = spawn('mariadbd', [...options, ...more], { stdio: 'ignore', env: { PATH } })
    for (const deadline = Date.now() + 180_000; Date.now() < deadline; await sleep(100)) {
      if (child.exitCode !== null || child.signalCode !== null) break
      try {
        connection = await mysql.createConnection({ host: '127.0.0.1', port, user: 'root', dateStrings: true })
        connection.on('error', () => {})
        const [[row]] = (await connection.query("SHOW STATUS LIKE 'wsrep_local_state_comment'")) as unknown as [Row[]]
        if (row?.Value === 'Synced') return await use()
        await connection.end()
      } catch {
        // It is still starting.
      }
    }
    throw new Error(`${name} did not start:\n${readFileSync(log, 'utf8').slice(-4000)}`)
  }

  /** Selects the database of the tests, if it exists. */
  async function use(): Promise<void> {
    await connection?.query('USE registry').catch(() => {})
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    connection?.destroy()
    connection = undefined
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = new Promise((resolve) => child?.once('exit', resolve))
    child.kill(signal)
    await ended
  }

  const node: Node = {
    name,
    port,
    socket,
    kill: () => end('SIGKILL'),
    async rejoin() {
      const { stderr } = await execa(
        'mariadbd',
        [...options.filter((option) => !option.startsWith('--log-error')), '--wsrep-recover'],
        {
          env: { PATH },
        },
      )
      const position = /Recovered position:? *([0-9a-f-]+:-?[0-9]+)/.exec(stderr)?.[1]
      await start(position === undefined ? [] : [`--wsrep-start-position=${position}`])
    },
    async query(sql, values = []) {
      if (connection === undefined) throw new Error(`${name} is not running`)
      const [rows] = (await connection.query(sql, values)) as unknown as [Row[]]
      return rows
    },
    async untilReady() {
      for (let row: Row | undefined; row?.Value !== 'Synced'; await sleep(50))
        [row] = await node.query("SHOW STATUS LIKE 'wsrep_local_state_comment'")
    },
    async reject(isRejecting) {
      await node.query(`SET GLOBAL wsrep_reject_queries = ${isRejecting ? 'ALL' : 'NONE'}`)
    },
  }
  return { data, node, start, stop: () => end('SIGTERM') }
}
