import { truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { constants, crc32, deflateRawSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { progressLine } from '../../../src/cli/progress/progress-line.ts'
import { countRows, newDatabase, type TestDatabase } from '../../support/databases/databases.ts'
import { bootSector, newFolder } from '../../support/files/images.ts'
import { shell } from '../../support/process/cli.ts'
import { readSlowly } from '../../support/process/slow-reads.ts'
import { startTerminal, type Terminal, type TerminalOptions } from '../../support/process/tmux.ts'

const MIB = 2 ** 20
const GIB = 2 ** 30
const ADD = 'vdc-manage image add local --account-id a-shpoolxx'
/** The long and the short form of the bar. */
const LONG = /^Hashing \[#*\.*\] +\d+% +[\d.]+ [KMG]iB\/\d+ [MG]iB +[\d.]+ [KMG]iB\/s +\d+:\d\d left$/m
const SHORT = /^Hashing \[#*\.*\] +\d+% +[\d.]+ [KMG]iB\/s +\d+:\d\d$/m

let database: TestDatabase
const folder = newFolder()
const packed = join(folder.path, 'packed.raw.gz')
beforeAll(async () => {
  database = await newDatabase('sqlite')
  writeFileSync(packed, packedGib())
})
afterAll(async () => {
  await database.remove()
  folder.remove()
})
const open: Terminal[] = []
afterEach(async () => {
  for (const terminal of open.splice(0)) await terminal.close()
})

async function run(line: string, options: Partial<TerminalOptions> = {}): Promise<Terminal> {
  const terminal = await startTerminal(line, { database, home: folder.path, cwd: folder.path, ...options })
  open.push(terminal)
  return terminal
}

let files = 0
/** Creates a sparse raw image. */
function newSparse(size: number): string {
  const path = join(folder.path, `disk${++files}.raw`)
  writeFileSync(path, bootSector())
  truncateSync(path, size)
  return path
}

/** Returns a command that adds a new disk of 64 MiB, and takes some seconds to hash it. */
function addSlowly(delay = 40): string {
  const path = newSparse(64 * MIB)
  return readSlowly(`${ADD} ${path}`, [path], delay)
}

/**
 * Returns a disk of 1 GiB, compressed with gzip. Its zeros are compressed once and repeated, because compressing all
 * takes 6 s.
 */
function packedGib(): Buffer {
  const zeros = Buffer.alloc(2 ** 20)
  const start = Buffer.concat([bootSector(), zeros.subarray(512)])
  const [first, next] = [start, zeros].map((bytes) =>
    deflateRawSync(bytes, { level: 1, finishFlush: constants.Z_FULL_FLUSH }),
  ) as [Buffer, Buffer]
  let crc = crc32(start)
  for (let mib = 1; mib < 1024; mib++) crc = crc32(zeros, crc)
  const end = Buffer.from([3, 0, 0, 0, 0, 0, 0, 0, 0, 0])
  end.writeUInt32LE(crc, 2)
  end.writeUInt32LE(GIB, 6)
  const header = Buffer.from('1f8b0800000000000003', 'hex')
  return Buffer.concat([header, first, ...Array<Buffer>(1023).fill(next), end])
}

describe('the progress bar', () => {
  test.each([
    [80, LONG],
    [40, SHORT],
  ])('at %i columns shows rate and time left, and disappears at the end', async (width, shown) => {
    const terminal = await run(addSlowly(150), { width })
    const line = shown.exec(await terminal.until(shown))?.[0] as string
    expect(line.length).toBeLessThan(width)
    expect(await terminal.exitCode()).toBe(0)
    expect(await terminal.screen()).toMatch(/^wmi-\w{8}\nexit code 0$/)
  })

  test('follows the width of the terminal, and leaves nothing behind', async () => {
    // Lines above, because a terminal cannot restore what has scrolled off its top.
    const terminal = await run(`seq 5; ${addSlowly(250)}`, { width: 100 })
    await terminal.until(LONG)
    await terminal.resize(40)
    await terminal.until(SHORT)
    // The longer line is gone, although the terminal had wrapped it.
    await expect.poll(() => terminal.screen()).not.toMatch(/left|iB\/6/)
    await terminal.resize(100)
    await terminal.until(LONG)
    expect(await terminal.exitCode()).toBe(0)
    expect(await terminal.screen()).toMatch(/^1\n2\n3\n4\n5\nwmi-\w{8}\nexit code 0$/)
  })

  test('is shown while unpacking', async () => {
    const terminal = await run(readSlowly(`vdc-manage backupobject add --from-file ${packed}`, [packed], 400))
    await terminal.until(/^Unpacking \[#*\.*\] +\d+% +[\d.]+ [KM]iB\/[\d.]+ MiB +[\d.]+ [KM]iB\/s +\d+:\d\d left$/m)
    expect(await terminal.exitCode()).toBe(0)
    expect(await terminal.screen()).toMatch(/^bo-\w{8}\nexit code 0$/)
  })

  test('is not shown on a dumb terminal, or without a terminal', async () => {
    const dumb = await run(addSlowly(), { env: { TERM: 'dumb' } })
    expect(await dumb.exitCode()).toBe(0)
    expect(await dumb.screen()).toMatch(/^wmi-\w{8}\nexit code 0$/)
    expect(await shell(addSlowly(), { database })).toMatchObject({
      code: 0,
      stderr: '',
      stdout: expect.stringMatching(/^wmi-\w{8}\n$/),
    })
    // Only stderr matters.
    const piped = await run(`${addSlowly(150)} | cat`)
    await piped.until(LONG)
    expect(await piped.exitCode()).toBe(0)
  })

  test('is not shown for quick work', async () => {
    // On a busy machine quick work may take long, so one attempt without a bar is enough.
    for (let attempt = 1; ; attempt++) {
      const path = newSparse(MIB)
      const terminal = await run(
        `${ADD} ${path} 2> ${path}.err; script -qec "${ADD} ${path}" ${path}.log > ${path}.out`,
      )
      expect(await terminal.exitCode()).toBe(0)
      const seen = await shell(`cat ${path}.err ${path}.log ${path}.out`)
      if (!seen.stdout.includes('Hashing')) break
      if (attempt === 5) expect(seen.stdout).not.toMatch(/Hashing/)
    }
  })
})

describe('Ctrl-C', () => {
  test.each([80, 40])(
    'while a bar of %i columns is shown exits with 130, prints one line, and stores nothing',
    async (width) => {
      const before = await countRows(database)
      const terminal = await run(`${ADD} ${newSparse(200 * GIB)}`, { width })
      await terminal.until(/^Hashing/m)
      const pressed = Date.now()
      await terminal.press('C-c')
      expect(await terminal.exitCode()).toBe(130)
      expect(Date.now() - pressed).toBeLessThan(60_000)
      expect(await terminal.screen()).toMatch(/^Error: Interrupted\nexit code 130$/)
      expect(await countRows(database)).toEqual(before)
    },
  )

  test('in the shell returns to the prompt below the message, even before a database is open', async () => {
    const terminal = await run('vdc-manage')
    await terminal.untilLine('vdc-manage>> ')
    await terminal.type(`${ADD.replace('vdc-manage ', '')} ${newSparse(200 * GIB)}`)
    await terminal.press('Enter')
    await terminal.until(LONG)
    await terminal.press('C-c')
    const screen = await terminal.until(/^vdc-manage>>$(?![\s\S])/m)
    expect(screen).toMatch(
      /raw\nInterrupting\. Press Ctrl-C again to end vdc-manage\nError: Interrupted\nvdc-manage>>$/,
    )
  })
})

test('a progress line shows what fits into its width', () => {
  const position = { title: 'Hashing', done: 1.5 * GIB, total: 64 * 1024 * GIB, rate: 600 * 2 ** 20, elapsed: 61 }
  const bar = (share: number, columns: number) => '#'.repeat(Math.round(share * columns)).padEnd(columns, '.')
  const line = (width: number, more: object = {}) => progressLine({ ...position, ...more }, width, bar)
  expect(line(77)).toBe('Hashing [.....................]   0%  1.5 GiB/64 TiB  600 MiB/s 31:04:06 left')
  expect(line(40)).toBe('Hashing [.....]   0%  600 MiB/s 31:04:06')
  expect(line(37)).toBe('Hashing   0%  600 MiB/s 31:04:06')
  expect(line(37, { total: 2 * GIB })).toBe('Hashing [####.]  75%  600 MiB/s  0:01')
  expect(line(30)).toBe('Hashing   0%  600 MiB/s 31:04:')
  expect(line(77, { rate: 0 })).toMatch(/ -:-- left$/)
  expect(line(200, { done: 9, total: 8 })).toMatch(/^Hashing \[#{40}\] 100% .* 0:00 left$/)
  expect(line(77, { title: 'Looking inside', total: undefined })).toBe('Looking inside 1:01')
  expect(line(16, { title: 'Looking inside', total: undefined })).toBe('Looking inside 1')
  for (const width of [0, 1, 10, 20, 37, 50, 60, 77, 117]) expect(line(width).length).toBeLessThanOrEqual(width)
})
