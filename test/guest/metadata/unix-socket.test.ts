import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { MetadataService } from '../../../src/guest/metadata/service.ts'
import { startMetadataService } from '../../../src/guest/metadata/start-service.ts'
import { IS_ROOT } from '../../support/attacker.ts'
import { newFolder } from '../../support/files/images.ts'
import { curl } from '../../support/guests/metadata-clients.ts'
import { FULL } from '../../support/guests/metadata-instance.ts'

describe('the socket of the metadata service', () => {
  let folder: ReturnType<typeof newFolder>
  let path: string
  const services: MetadataService[] = []
  beforeEach(() => {
    folder = newFolder()
    path = join(folder.path, 's')
  })
  afterEach(async () => {
    for (const service of services.splice(0)) await service.close()
    folder.remove()
  })

  async function start(at = path): Promise<MetadataService> {
    const options = { imdsV2: 'off', find: async () => FULL, onRequest: () => {} } as const
    const service = await startMetadataService({ path: at }, options)
    services.push(service)
    return service
  }
  const get = (at = path) => curl('http://x/latest/meta-data/instance-id', '--unix-socket', at)
  /** Makes a socket as a process leaves it that is killed. */
  async function leaveSocket(): Promise<void> {
    const code = 'require("net").createServer().listen(process.argv[1], () => process.kill(process.pid, "SIGKILL"))'
    await once(spawn(process.execPath, ['-e', code, path]), 'exit')
  }
  const refused = (message: string | RegExp, code = 'VALUE_REFUSED') =>
    expect.objectContaining({ code, message: expect.stringMatching(message) })

  test('is only for its user, and gone at the end', async () => {
    const service = await start()
    expect(service.endpoint).toEqual({ path })
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(readdirSync(folder.path)).toEqual(['s'])
    expect(await get()).toEqual({ status: 200, body: FULL.id })
    await service.close()
    expect(readdirSync(folder.path)).toEqual([])
  })

  test('replaces that of a process that was killed', async () => {
    await leaveSocket()
    expect(lstatSync(path).isSocket()).toBe(true)
    await start()
    expect(await get()).toMatchObject({ status: 200 })
    expect(readdirSync(folder.path)).toEqual(['s'])
  })

  test('does not replace that of a living process, or another file', async () => {
    await start()
    const { ino } = lstatSync(path)
    const inUse = (at: string) => refused(`^Cannot listen on ${at}: it is in use$`, 'ADDRESS_IN_USE')
    await expect(start()).rejects.toEqual(inUse(path))
    expect(lstatSync(path).ino).toBe(ino)
    expect(await get()).toMatchObject({ status: 200 })
    for (const [name, make] of [
      ['file', (at: string) => writeFileSync(at, 'mine')],
      ['folder', mkdirSync],
      ['link', (at: string) => symlinkSync('file', at)],
      ['dangling', (at: string) => symlinkSync('nowhere', at)],
    ] as const) {
      const at = join(folder.path, name)
      make(at)
      await expect(start(at)).rejects.toEqual(inUse(at))
    }
    expect(readdirSync(folder.path)).toEqual(['dangling', 'file', 'folder', 'link', 's'])
  })

  test('of several that start at the same time, one listens', async () => {
    for (let round = 0; round < 5; round++) {
      await leaveSocket()
      const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => start()))
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
      expect(await get()).toMatchObject({ status: 200 })
      expect(readdirSync(folder.path)).toEqual(['s'])
      for (const service of services.splice(0)) await service.close()
    }
  })

  test('leaves alone what has its path at the end', async () => {
    const service = await start()
    renameSync(path, join(folder.path, 'moved'))
    writeFileSync(path, 'mine')
    await service.close()
    expect(lstatSync(path).isFile()).toBe(true)
    rmSync(path)
  })

  test('is gone at the end, also if its folder was moved', async () => {
    const [before, after] = ['before', 'after'].map((name) => join(folder.path, name)) as [string, string]
    mkdirSync(before)
    const service = await start(join(before, 's'))
    renameSync(before, after)
    await service.close()
    expect(readdirSync(after)).toEqual([])
  })

  test('is not made where there is no folder, with a long path, or where others could replace it', async () => {
    await expect(start(join(folder.path, 'none/s'))).rejects.toEqual(refused(/^No socket can be made in .*ENOENT/))
    writeFileSync(join(folder.path, 'file'), '')
    await expect(start(join(folder.path, 'file/s'))).rejects.toEqual(refused(/ENOTDIR/))
    await expect(start(join(folder.path, 'x'.repeat(100)))).rejects.toEqual(refused(/more than 107 bytes/))
    await expect(start(`${path}/`)).rejects.toEqual(refused(/^The path of a socket cannot end with a slash: /))
    const open = join(folder.path, 'open')
    mkdirSync(open)
    chmodSync(open, 0o777)
    await expect(start(join(open, 's'))).rejects.toEqual(refused(`^No socket is made in ${open}, as other users`))
    expect(readdirSync(open)).toEqual([])
    chmodSync(open, 0o1777)
    await start(join(open, 's'))
    expect(await get(join(open, 's'))).toMatchObject({ status: 200 })
  })

  test.runIf(IS_ROOT)("does not replace another user's socket, or use another user's folder", async () => {
    await leaveSocket()
    chownSync(path, 65534, 65534)
    await expect(start()).rejects.toEqual(refused('in use', 'ADDRESS_IN_USE'))
    const theirs = join(folder.path, 'theirs')
    mkdirSync(theirs)
    chownSync(theirs, 65534, 65534)
    await expect(start(join(theirs, 's'))).rejects.toEqual(refused('other users'))
  })
})
