import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { newFolder } from '../../support/files/images.ts'
import { ROOT } from '../../support/process/cli.ts'

const folder = newFolder()
afterAll(() => folder.remove())

test('the connector of a guest that takes no answers ends, also if the service has long closed the connection', async () => {
  const path = join(folder.path, 'service')
  const server = createServer().listen(path)
  await once(server, 'listening')
  const connector = spawn(process.execPath, [join(ROOT, 'dist/metadata-connector.cjs'), path], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  try {
    const [service] = (await once(server, 'connection')) as [Socket]
    service.on('error', () => {})
    service.end(Buffer.alloc(64 << 20))
    // Nothing reads its stdout, and its stdin stays open.
    expect(await once(connector, 'exit')).toEqual([0, null])
  } finally {
    connector.kill('SIGKILL')
    server.close()
  }
})
