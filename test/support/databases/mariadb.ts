import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { execa } from 'execa'
import mysql from 'mysql2/promise'
import { freePort } from '../process/free-port.ts'

/*
 * A private MariaDB server with its own data folder, socket and loopback port. One is started
 * for all tests. Tests that stop or configure a server start another.
 */

/** A private server. */
export interface PrivateServer {
  port: number
  socket: string
  process: ChildProcess
  /** Starts it again after `stop`, with the same data and port. */
  start(): Promise<void>
  /** Stops it, by default cleanly, and waits for its end. */
  stop(signal?: NodeJS.Signals): Promise<void>
  /** Kills it and removes its data. */
  remove(): Promise<void>
}

const PATH = `${process.env.PATH}:/usr/sbin:/sbin`

export async function startServer(options: string[] = []): Promise<PrivateServer> {
  const folder = mkdtempSync(join(tmpdir(), 'vdc-manage-mariadb-'))
  chmodSync(folder, 0o755)
  const data = join(folder, 'data')
  const socket = join(folder, 'mysqld.sock')
  // A starting server removes leftovers from its temporary folder, including files of other servers.
  const temporary = `--tmpdir=${join(folder, 'tmp')}`
  mkdirSync(join(folder, 'tmp'))
  const port = await freePort()
  const user = process.getuid?.() === 0 ? ['--user=root'] : []
  const install = [
    '--no-defaults',
    `--datadir=${data}`,
    temporary,
    '--auth-root-authentication-method=normal',
    '--skip-test-db',
    ...user,
  ]
  await execa('mariadb-install-db', install, { env: { PATH } })
  const log = join(folder, 'log')

  const server: PrivateServer = {
    port,
    socket,
    process: undefined as never,
    async start() {
      const args = [
        '--no-defaults',
        `--datadir=${data}`,
        temporary,
        `--socket=${socket}`,
        `--port=${port}`,
        '--bind-address=127.0.0.1',
      ]
      args.push(
        `--pid-file=${join(folder, 'pid')}`,
        `--log-error=${log}`,
        '--innodb-buffer-pool-size=64M',
        '--max-connections=200',
        // Data must survive a crash of the server, but not of this host, so nothing waits for the disk.
        '--innodb-flush-log-at-trx-commit=2',
        '--innodb-doublewrite=0',
        '--innodb-flush-method=nosync',
        '--debug-no-sync',
        // A file for each table takes longer to create and to remove.
        '--innodb-file-per-table=0',
        // Statistics in tables take a quarter of the time of each statement that creates or removes a table.
        '--innodb-stats-persistent=0',
      )
      server.process = spawn('mariadbd', [...args, ...user, ...options], { stdio: 'ignore', env: { PATH } })
      await untilReady(port, server.process, log)
    },
    async stop(signal = 'SIGTERM') {
      if (server.process.exitCode !== null || server.process.signalCode !== null) return
      const ended = new Promise((resolve) => server.process.once('exit', resolve))
      server.process.kill(signal)
      await ended
    },
    async remove() {
      await server.stop('SIGKILL')
      rmSync(folder, { recursive: true, force: true })
    },
  }
  writeFileSync(log, '')
  await server.start()
  return server
}

async function untilReady(port: number, child: ChildProcess, log: string): Promise<void> {
  for (let attempt = 0; attempt < 1200; attempt++) {
    if (child.exitCode !== null) throw new Error(`mariadbd ended with ${child.exitCode}, see ${log}`)
    try {
      const connection = await mysql.createConnection({ host: '127.0.0.1', port, user: 'root' })
      await connection.end()
      return
    } catch {
      await sleep(100)
    }
  }
  throw new Error(`mariadbd did not start, see ${log}`)
}
