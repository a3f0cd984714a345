import { chmodSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import mysql from 'mysql2/promise'
import type { TestProject } from 'vitest/node'
import { parseDatabaseUri } from '../../../src/config/config.ts'
import { openRegistry } from '../../../src/registry/open.ts'
import { migrateDatabase } from '../../../src/registry/schema.ts'
import { startServer } from '../databases/mariadb.ts'

/* The server, folder and databases that all test files share. */

declare module 'vitest' {
  interface ProvidedContext {
    mariadb: { port: number; socket: string }
    /** The folder for files of tests. It is removed at the end of the run, even after failures. */
    folder: string
    /** Databases with only the schema, to be copied: a name on the server, and a path. */
    templates: { mariadb: string; sqlite: string }
  }
}

async function makeTemplates(port: number, folder: string) {
  const names = { mariadb: 'template', sqlite: join(folder, 'template.sqlite') }
  const connection = await mysql.createConnection({ host: '127.0.0.1', port, user: 'root' })
  await connection.query(`CREATE DATABASE ${names.mariadb} CHARACTER SET utf8mb4`)
  await connection.end()
  for (const uri of [`mysql://root@127.0.0.1:${port}/${names.mariadb}`, `sqlite://${names.sqlite}`]) {
    const registry = await openRegistry(parseDatabaseUri(uri, 'the test'))
    await migrateDatabase(registry, { unlock: false })
    await registry.close()
  }
  return names
}

/** The global set-up of vitest: one server and one folder for all test files. */
export default async function setup({ provide }: TestProject) {
  // Workers return the memory of large buffers to the system (see execArgv in vitest.config.ts).
  process.env.MALLOC_MMAP_THRESHOLD_ = '131072'
  const server = await startServer()
  const folder = mkdtempSync(join(tmpdir(), 'vdc-manage-test-'))
  chmodSync(folder, 0o755)
  provide('mariadb', { port: server.port, socket: server.socket })
  provide('folder', realpathSync(folder))
  // The list of image folders of this host must not change.
  process.env.XDG_STATE_HOME = join(realpathSync(folder), 'state')
  provide('templates', await makeTemplates(server.port, folder))
  return async () => {
    await server.remove()
    rmSync(folder, { recursive: true, force: true })
  }
}
