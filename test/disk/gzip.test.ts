import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newDatabase, type TestDatabase } from '../support/databases/databases.ts'
import { newFolder, rawDisk } from '../support/files/images.ts'
import { entryBytes, newEntry } from '../support/files/tar-bytes.ts'
import { vdcManage, vdcManageJson } from '../support/process/cli.ts'
import { expectRefused } from '../support/refusals.ts'

const DISK = rawDisk(100_000)
const HALF = DISK.length / 2
const PACKED = gzipSync(DISK)
/** Larger than one read, so that the data after it is read separately. */
const LARGE = gzipSync(
  Buffer.concat([rawDisk(512), Buffer.from(Array.from({ length: 3_000_000 }, (_, at) => at * at))]),
  { level: 0 },
)

describe('image add local of a gzip file', () => {
  let database: TestDatabase
  const folder = newFolder()
  let files = 0
  beforeAll(async () => {
    database = await newDatabase('sqlite')
  })
  afterAll(async () => {
    await database.remove()
    folder.remove()
  })
  function file(ending: string, ...parts: (Buffer | string)[]): string {
    const path = join(folder.path, `${++files}.${ending}`)
    writeFileSync(
      path,
      Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part))),
    )
    return path
  }
  /** Returns the exit code of the command that the agents run. */
  async function gunzipOf(path: string): Promise<number | undefined> {
    return (await execa('bash', ['-o', 'pipefail', '-c', `cat ${path} | gunzip -c > /dev/null`], { reject: false }))
      .exitCode
  }

  test.each<[string, Buffer | string, number]>([
    ['a newline', '\n', 1],
    ['text', 'not more', 8],
    ['zeros and text', `${'\0'.repeat(8)}{ "metadata_version": "1.1" }FWx0`, 41],
    ['zeros and another member', Buffer.concat([Buffer.alloc(3), PACKED]), 3 + PACKED.length],
    ['many zeros and a byte', Buffer.concat([Buffer.alloc(3_000_000), Buffer.from('x')]), 3_000_001],
    ['the start of a header', '\x1f', 1],
    ['data of compress', '\x1f\x9d\x90', 3],
    ['a header with another method', '\x1f\x8b\x09\0\0\0\0\0\0\x03', 10],
    ['a header with unknown flags', '\x1f\x8b\x08\x80\0\0\0\0\0\x03', 10],
  ])('refuses %s after the gzip data and says how many bytes', async (_, behind, bytes) => {
    for (const members of [[PACKED], [gzipSync(DISK.subarray(0, HALF)), gzipSync(DISK.subarray(HALF))], [LARGE]]) {
      // zlib takes one byte after several members for the start of another one, and reports a truncated file.
      if (members.length > 1 && bytes === 1) continue
      const path = file('raw.gz', ...members, behind)
      // gunzip also unpacks data of compress, which we could not inspect, and may exit with 0.
      if (!behind.toString('latin1').startsWith('\x1f\x9d')) expect(await gunzipOf(path)).not.toBe(0)
      await expectRefused(database, ['image', 'add', 'local', path, '--account-id', 'a-shpoolxx'], {
        exit: 3,
        message: `has ${bytes === 1 ? '1 byte' : `${bytes} bytes`} after its gzip data, where the agents accept only zeros`,
        hint: 'Unpack it and register the result (gunzip may warn): gunzip -c FILE > DISK',
      })
    }
  })

  test('does not count the bytes after a thousand members', async () => {
    const path = file('raw.gz', ...Array.from({ length: 1000 }, () => gzipSync(rawDisk(512))), 'text')
    await expectRefused(database, ['image', 'add', 'local', path, '--account-id', 'a-shpoolxx'], {
      exit: 3,
      message: 'has data after its gzip data, where the agents accept only zeros',
    })
  })

  test('refuses text after a compressed tar archive', async () => {
    const archive = Buffer.concat([entryBytes(newEntry('disk.raw', DISK)), Buffer.alloc(1024)])
    const path = file('tgz', gzipSync(archive), 'text')
    expect((await execa('tar', ['-tzf', path], { reject: false })).exitCode).toBe(2)
    await expectRefused(database, ['image', 'add', 'local', path, '--account-id', 'a-shpoolxx'], {
      exit: 3,
      message: 'has 4 bytes after its gzip data',
    })
  })

  test.each([
    ['an empty member', [gzipSync('')], 'is empty after unpacking'],
    [
      'a wrong CRC',
      [PACKED.subarray(0, -8), '\0\0\0\0', PACKED.subarray(-4)],
      'is damaged or truncated: incorrect data check',
    ],
    ['a wrong length', [PACKED.subarray(0, -4), '\0\0\0\0'], 'is damaged or truncated: incorrect length check'],
    ['half of a second member', [PACKED, PACKED.subarray(0, 50)], 'is damaged or truncated: unexpected end of file'],
    ['half of a trailer', [PACKED.subarray(0, -3)], 'is damaged or truncated: unexpected end of file'],
    ['a wrong header checksum', [header(0x02), '\0\0', PACKED.subarray(10)], 'header crc mismatch'],
    ['an encrypted member', [header(0x20), PACKED.subarray(10)], 'unknown header flags set'],
  ])('refuses %s', async (_, parts, message) => {
    const args = ['image', 'add', 'local', file('raw.gz', ...parts), '--account-id', 'a-shpoolxx']
    await expectRefused(database, args, { exit: 3, message })
  })

  test.each([
    ['zeros after the gzip data', [PACKED, Buffer.alloc(3_000_000)]],
    ['several members', [gzipSync(DISK.subarray(0, HALF)), gzipSync(''), gzipSync(DISK.subarray(HALF))]],
    [
      'a name, a comment and an extra field',
      [header(0x1c), '\x04\0AB\0\0', 'name\0', 'a comment\0', PACKED.subarray(10)],
    ],
  ])('accepts %s', async (_, parts) => {
    const path = file('raw.gz', ...parts)
    expect(await gunzipOf(path)).toBe(0)
    const image = await vdcManageJson(['image', 'add', 'local', path, '--account-id', 'a-shpoolxx'], { database })
    expect(image).toMatchObject({ file_format: 'raw', backup_object: { container_format: 'gz', size: DISK.length } })
  })

  test('image inspect says how many bytes follow the gzip data', async () => {
    const run = await vdcManage(['image', 'inspect', '--no-checksum', file('raw.gz', PACKED, 'text')])
    expect(run).toMatchObject({ code: 3, stdout: expect.stringContaining('has 4 bytes after its gzip data') })
    expect(run.stderr).toContain('gunzip -c FILE > DISK')
  })
})

/** Returns the fixed part of a header with these flags. */
function header(flags: number): Buffer {
  const bytes = Buffer.from(PACKED.subarray(0, 10))
  bytes[3] = flags
  return bytes
}
