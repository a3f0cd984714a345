import { createHash, randomBytes } from 'node:crypto'
import { chmodSync, linkSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { keyOf } from '../../../../src/disk/download/partial-folder.ts'
import { ourName } from '../../../../src/disk/folder/work-folder.ts'
import { newDatabase, type TestDatabase } from '../../../support/databases/databases.ts'
import { type FileServer, type Respond, sendFile, startFileServer } from '../../../support/downloads/file-server.ts'
import { bootSector, newFolder } from '../../../support/files/images.ts'
import { environment, PROGRAM, type Run, vdcManage } from '../../../support/process/cli.ts'

/* image add url: connections that break, and programs that are interrupted or killed. */

const SIZE = 3 * 2 ** 20
const disk = Buffer.concat([bootSector(), randomBytes(SIZE - 512)])
const sha256 = createHash('sha256').update(disk).digest('hex')
const other = Buffer.concat([bootSector(), randomBytes(SIZE - 512)])
const otherSha256 = createHash('sha256').update(other).digest('hex')

const folder = newFolder()
let database: TestDatabase
const servers: FileServer[] = []

beforeAll(async () => {
  database = await newDatabase('sqlite')
})
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()))
})
afterAll(async () => {
  await database.remove()
  folder.remove()
})

async function serve(respond: Respond): Promise<FileServer> {
  const server = await startFileServer(respond)
  servers.push(server)
  return server
}

let folders = 0
/** Returns a new folder for downloads. */
function newInto(): string {
  const into = join(folder.path, `into${++folders}`)
  mkdirSync(into)
  return into
}

const words = (server: FileServer, into: string, more: string[] = [], sum = sha256) => [
  ...['image', 'add', 'url', `${server.origin}/disk.raw`, '--into', into, '--account-id', 'a-shpoolxx'],
  ...['--checksum', `sha256:${sum}`, ...more],
]
const add = (...args: Parameters<typeof words>): Promise<Run> => vdcManage(words(...args), { database })
const start = (...args: Parameters<typeof words>) =>
  execa(PROGRAM, words(...args), { env: environment({ database }), extendEnv: false, reject: false, stdin: 'ignore' })
const ranges = ({ requests }: FileServer) => requests.map(({ headers }) => headers.range)

/** The bytes of the partial download in a folder; 0 if there is none. */
function partialBytes(into: string): number {
  const [name] = readdirSync(into).filter((each) => each.startsWith('.vdc-manage-partial.'))
  if (name === undefined) return 0
  return statSync(join(into, name, 'bytes'), { throwIfNoEntry: false })?.size ?? 0
}

async function expectDone(run: Run, into: string, bytes = disk): Promise<void> {
  expect(run).toMatchObject({ code: 0, stdout: expect.stringMatching(/^wmi-\w{8}\n$/), stderr: '' })
  expect(readFileSync(join(into, 'disk.raw')).equals(bytes)).toBe(true)
  expect(readdirSync(into)).toEqual(['disk.raw'])
  const verified = await vdcManage(['image', 'verify', run.stdout.trim()], { database })
  expect(verified).toMatchObject({ code: 0, stdout: `${run.stdout.trim()}: ok\n` })
}

describe('a connection that is cut', () => {
  test.each([1, 2, 511, 512, 65_536, 65_537, SIZE / 2, SIZE - 65_536, SIZE - 512, SIZE - 1])(
    'at byte %i: only the rest is requested',
    async (cutAt) => {
      const server = await serve((response, request, nth) =>
        sendFile(response, request, disk, nth === 0 ? { cutAt } : {}),
      )
      const into = newInto()
      await expectDone(await add(server, into), into)
      expect(ranges(server)).toEqual([undefined, `bytes=${cutAt}-`])
      expect(server.requests[1]?.headers['if-range']).toBe('"one"')
    },
  )

  test('ten times in one download', async () => {
    const server = await serve((response, request, nth) =>
      sendFile(response, request, disk, nth < 10 ? { cutAt: 200_000 * (nth + 1) } : {}),
    )
    const into = newInto()
    await expectDone(await add(server, into, ['--retries', '1']), into)
    expect(ranges(server)).toEqual([
      undefined,
      ...Array.from({ length: 10 }, (_, at) => `bytes=${200_000 * (at + 1)}-`),
    ])
  })

  test('before the first byte: the whole file is requested again', async () => {
    const server = await serve((response, request, nth) =>
      nth === 0 ? response.socket?.destroy() : sendFile(response, request, disk, nth === 1 ? { cutAt: 0 } : {}),
    )
    const into = newInto()
    await expectDone(await add(server, into), into)
    expect(ranges(server)).toEqual([undefined, undefined, undefined])
  })

  test('without end: gives up, and the next run requests the rest', async () => {
    const server = await serve((response, request, nth) =>
      sendFile(response, request, disk, nth < 2 ? { cutAt: 70_000 + nth } : {}),
    )
    const into = newInto()
    expect(await add(server, into, ['--retries', '1'])).toEqual({
      code: 6,
      signal: undefined,
      stdout: '',
      stderr: `Warning: 70001 bytes of disk.raw are kept: the same command resumes the download\nError: ${server.origin}/disk.raw cannot be downloaded: the connection was cut\n`,
    })
    expect(partialBytes(into)).toBe(70_001)
    await expectDone(await add(server, into), into)
    expect(ranges(server)).toEqual([undefined, 'bytes=70000-', 'bytes=70001-'])
  })

  test('a date of change is as good as an ETag if it is old enough', async () => {
    const modified = 'Tue, 10 Nov 2020 10:00:00 GMT'
    const server = await serve((response, request, nth) =>
      sendFile(response, request, disk, { etag: 'W/"weak"', modified, ...(nth === 0 && { cutAt: 999 }) }),
    )
    const into = newInto()
    await expectDone(await add(server, into), into)
    expect(server.requests[1]?.headers).toMatchObject({ range: 'bytes=999-', 'if-range': modified })
  })

  test.each([
    ['no ETag and no date', { etag: null }],
    ['a weak ETag', { etag: 'W/"weak"' }],
    ['a date of now', { etag: null, modified: new Date().toUTCString(), headers: { Date: new Date().toUTCString() } }],
  ])('%s: the whole file is requested again', async (_, sending) => {
    const server = await serve((response, request, nth) =>
      sendFile(response, request, disk, { ...sending, ...(nth === 0 && { cutAt: 999 }) }),
    )
    const into = newInto()
    await expectDone(await add(server, into), into)
    expect(ranges(server)).toEqual([undefined, undefined])
  })
})

describe('a file that changes on the server during the download', () => {
  test('is downloaded anew', async () => {
    const server = await serve((response, request, nth) =>
      nth === 0
        ? sendFile(response, request, disk, { cutAt: 100_000 })
        : sendFile(response, request, other, { etag: '"two"' }),
    )
    const into = newInto()
    await expectDone(await add(server, into, [], otherSha256), into, other)
    expect(ranges(server)).toEqual([undefined, 'bytes=100000-'])
  })

  test.each([
    ['another ETag', { ETag: '"two"' }],
    ['another size', { 'Content-Range': `bytes 100000-${SIZE}/${SIZE + 1}` }],
    ['another range', { 'Content-Range': `bytes 99999-${SIZE - 1}/${SIZE}` }],
    ['a range that is none', { 'Content-Range': 'bytes x' }],
  ])('a rest with %s is not appended', async (_, headers) => {
    const server = await serve((response, request, nth) => {
      const sending = [{ cutAt: 100_000 }, { headers }, {}][nth] ?? {}
      sendFile(response, request, disk, sending)
    })
    const into = newInto()
    await expectDone(await add(server, into), into)
    expect(ranges(server)).toEqual([undefined, 'bytes=100000-', undefined])
  })

  test('a file that grows without a new ETag fails its checksum, and nothing is kept', async () => {
    const server = await serve((response, request, nth) =>
      sendFile(response, request, nth === 0 ? disk : Buffer.concat([disk, disk]), nth === 0 ? { cutAt: 100_000 } : {}),
    )
    const into = newInto()
    const run = await add(server, into, [], otherSha256)
    expect(run).toMatchObject({ code: 3, stdout: '', stderr: expect.stringContaining('has the wrong sha256 checksum') })
    expect(readdirSync(into)).toEqual([])
  })

  test('bytes of an earlier run that are wrong are downloaded again, once', async () => {
    const server = await serve((response, request, nth) =>
      sendFile(response, request, nth === 0 ? other : disk, nth === 0 ? { cutAt: 100_000 } : {}),
    )
    const into = newInto()
    expect(await add(server, into, ['--retries', '0'])).toMatchObject({ code: 6 })
    await expectDone(await add(server, into), into)
    expect(ranges(server)).toEqual([undefined, 'bytes=100000-', undefined])
  })
})

describe('a server', () => {
  test('that ignores ranges sends the whole file again', async () => {
    const server = await serve((response, request, nth) =>
      sendFile(response, request, disk, { ignoresRanges: true, ...(nth === 0 && { cutAt: 100_000 }) }),
    )
    const into = newInto()
    await expectDone(await add(server, into), into)
    expect(ranges(server)).toEqual([undefined, 'bytes=100000-'])
  })

  test('that claims too large a size gets no endless requests', async () => {
    const server = await serve((response, request, nth) => {
      if (request.headers.range !== undefined) return sendFile(response, request, disk)
      sendFile(response, request, disk, { headers: { 'Content-Length': SIZE + 5 }, cutAt: SIZE })
      expect(nth).toBeLessThan(10)
    })
    const into = newInto()
    const run = await add(server, into, ['--retries', '3'])
    expect(run).toMatchObject({ code: 6, stdout: '' })
    expect(server.requests.length).toBeLessThan(10)
  })

  test('that did not tell the size says that nothing is missing', async () => {
    const server = await serve((response, request, nth) => {
      if (nth > 0) return sendFile(response, request, disk)
      response.writeHead(200, { ETag: '"one"' })
      response.write(disk, () => response.socket?.end())
    })
    const into = newInto()
    await expectDone(await add(server, into), into)
    expect(ranges(server)).toEqual([undefined, `bytes=${SIZE}-`])
  })
})

describe('a program that is', () => {
  const held = () =>
    serve((response, request, nth) => sendFile(response, request, disk, nth === 0 ? { holdAt: 1_000_000 } : {}))

  test.each([
    ['SIGINT', 130, 'Interrupted'],
    ['SIGTERM', 143, 'Terminated'],
  ] as const)('interrupted by %s keeps what it has, and the next run requests the rest', async (signal, code, says) => {
    const server = await held()
    const into = newInto()
    const running = start(server, into)
    await expect.poll(() => partialBytes(into)).toBe(1_000_000)
    running.kill(signal)
    expect(await running).toMatchObject({
      exitCode: code,
      stdout: '',
      stderr: `Warning: 1000000 bytes of disk.raw are kept: the same command resumes the download\nError: ${says}`,
    })
    await expectDone(await add(server, into), into)
    expect(ranges(server)).toEqual([undefined, 'bytes=1000000-'])
  })

  test('killed leaves what it has, and the next run requests the rest', async () => {
    const server = await held()
    const into = newInto()
    const running = start(server, into)
    await expect.poll(() => partialBytes(into)).toBe(1_000_000)
    running.kill('SIGKILL')
    await running
    const [left = ''] = readdirSync(into)
    expect(statSync(join(into, left)).mode & 0o777).toBe(0o700)
    expect(statSync(join(into, left, 'bytes')).mode & 0o777).toBe(0o600)
    expect((await vdcManage(['image', 'orphans'], { database })).stdout).not.toContain('partial')
    await expectDone(await add(server, into), into)
    expect(ranges(server)).toEqual([undefined, 'bytes=1000000-'])
  })

  test('killed for good: another download into the folder removes what is older than a week', async () => {
    const server = await serve((response, request, nth) =>
      sendFile(response, request, disk, nth === 0 ? { holdAt: 1_000_000 } : {}),
    )
    const into = newInto()
    const running = start(server, into, ['--file-name', 'first.raw'])
    await expect.poll(() => partialBytes(into)).toBe(1_000_000)
    running.kill('SIGKILL')
    await running
    expect(await add(server, into, ['--file-name', 'second.raw'])).toMatchObject({ code: 0 })
    const [left = '', ...rest] = readdirSync(into)
    expect(rest).toEqual(['second.raw'])
    const state = join(into, left, 'state')
    writeFileSync(
      state,
      JSON.stringify({ ...JSON.parse(readFileSync(state, 'utf8')), at: Date.now() - 8 * 86_400_000 }),
    )
    expect(await add(server, into, ['--file-name', 'third.raw'])).toMatchObject({ code: 0 })
    expect(readdirSync(into)).toEqual(['second.raw', 'third.raw'])
  })

  test('running already keeps a second one from the same file', async () => {
    let release = () => {}
    const server = await serve((response, request) => {
      sendFile(response, request, disk, { holdAt: 1_000_000 })
      release = () => response.end(disk.subarray(1_000_000))
    })
    const into = newInto()
    const running = start(server, into)
    await expect.poll(() => partialBytes(into)).toBe(1_000_000)
    expect(await add(server, into)).toEqual({
      code: 5,
      signal: undefined,
      stdout: '',
      stderr: `Error: Another process is downloading ${into}/disk.raw (PID ${running.pid})\nHint: Wait until it ends, and run the same command again: a finished file is used as it is\n`,
    })
    release()
    const { exitCode, stdout } = await running
    await expectDone({ code: exitCode, signal: undefined, stdout: `${stdout}\n`, stderr: '' }, into)
  })

  test('at the same time that is faster has the file that is wanted', async () => {
    const into = newInto()
    const server = await serve((response, request) => {
      writeFileSync(join(into, 'disk.raw'), disk)
      sendFile(response, request, disk)
    })
    await expectDone(await add(server, into), into)
  })

  test('killed while it moves the file into place leaves two names: the file does not change any more', async () => {
    const server = await held()
    const into = newInto()
    const running = start(server, into)
    await expect.poll(() => partialBytes(into)).toBe(1_000_000)
    running.kill('SIGKILL')
    await running
    const [left = ''] = readdirSync(into)
    linkSync(join(into, left, 'bytes'), join(into, 'moved.raw'))
    expect(await add(server, into)).toMatchObject({ code: 0, stderr: '' })
    expect(readFileSync(join(into, 'moved.raw')).equals(disk.subarray(0, 1_000_000))).toBe(true)
    expect(readFileSync(join(into, 'disk.raw')).equals(disk)).toBe(true)
    expect(readdirSync(into)).toEqual(['disk.raw', 'moved.raw'])
  })

  test('killed after another one was faster: what it left is removed when the file is used', async () => {
    const server = await held()
    const into = newInto()
    const running = start(server, into)
    await expect.poll(() => partialBytes(into)).toBe(1_000_000)
    running.kill('SIGKILL')
    await running
    writeFileSync(join(into, 'disk.raw'), disk)
    expect((await add(server, into, ['--dry-run'])).code).toBe(0)
    expect(readdirSync(into)).toHaveLength(2)
    await expectDone(await add(server, into), into)
  })

  test('killed before it knew the file leaves nothing', async () => {
    const server = await serve((response, request) => sendFile(response, request, disk))
    const into = newInto()
    const key = keyOf(new URL(`${server.origin}/disk.raw`), 'disk.raw')
    const left = join(into, ['.vdc-manage-partial', key, ...ourName().slice(0, 2), '0', '0', 'abcdef'].join('.'))
    mkdirSync(left, { mode: 0o700 })
    writeFileSync(join(left, 'state.new'), '{')
    await expectDone(await add(server, into), into)
  })

  test('is not believed of a folder that others can change', async () => {
    const server = await serve((response, request) => sendFile(response, request, disk))
    const into = newInto()
    chmodSync(into, 0o1777)
    const key = keyOf(new URL(`${server.origin}/disk.raw`), 'disk.raw')
    const start = readFileSync(`/proc/${process.pid}/stat`, 'latin1').split(') ').at(-1)?.split(' ')[19]
    const planted = join(into, ['.vdc-manage-partial', key, ...ourName(), start, 'abcdef'].join('.'))
    mkdirSync(planted)
    chmodSync(planted, 0o777)
    expect(await add(server, into)).toMatchObject({ code: 0, stderr: '' })
    rmSync(planted, { recursive: true })
    expect(readdirSync(into)).toEqual(['disk.raw'])
  })

  test('not ours has left a folder of that name: it is not used', async () => {
    const server = await held()
    const into = newInto()
    const running = start(server, into)
    await expect.poll(() => partialBytes(into)).toBe(1_000_000)
    running.kill('SIGKILL')
    await running
    const [left = ''] = readdirSync(into)
    chmodSync(join(into, left), 0o777)
    expect(await add(server, into)).toMatchObject({ code: 0 })
    expect(ranges(server)).toEqual([undefined, undefined])
    expect(readdirSync(into)).toEqual([left, 'disk.raw'])
  })
})
