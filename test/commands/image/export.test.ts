import { randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newDatabase, type TestDatabase } from '../../support/databases/databases.ts'
import { bootSector, hashOf, newFolder } from '../../support/files/images.ts'
import { environment, PROGRAM, shell, vdcManage, vdcManageJson } from '../../support/process/cli.ts'

const MIB = 2 ** 20
const disk = Buffer.concat([bootSector(), randomBytes(MIB - 512), Buffer.alloc(3 * MIB), randomBytes(512)])

const folder = newFolder()
const at = (name: string) => join(folder.path, name)
let database: TestDatabase
/** Images of a raw disk, of the same packed with gzip, and of a qcow2 disk. */
let [raw, packed, qcow2] = ['', '', '']

const register = async (name: string) =>
  (
    await vdcManage(['image', 'add', 'local', at(name), '--account-id', 'a-shpoolxx'], { database, reject: true })
  ).stdout.trim()

beforeAll(async () => {
  database = await newDatabase('sqlite')
  writeFileSync(at('disk.raw'), disk)
  writeFileSync(at('packed.raw.gz'), gzipSync(disk))
  await execa('qemu-img', ['convert', '-O', 'qcow2', at('disk.raw'), at('disk.qcow2')])
  raw = await register('disk.raw')
  packed = await register('packed.raw.gz')
  qcow2 = await register('disk.qcow2')
})
afterAll(async () => {
  await database.remove()
  folder.remove()
})

let outs = 0
function newOut(): string {
  const out = at(`out${++outs}`)
  mkdirSync(out)
  return out
}
const run = (...words: string[]) => vdcManage(['image', 'export', ...words], { database })

describe('image export writes', () => {
  test.each([
    ['a raw disk as it is', () => raw, 'a.raw', [], 'raw'],
    ['a qcow2 disk as it is', () => qcow2, 'a.qcow2', [], 'qcow2'],
    ['a packed disk unpacked', () => packed, 'a.raw', [], 'raw'],
    ['a raw disk converted', () => raw, 'a.vmdk', ['--to', 'vmdk', '--compress'], 'vmdk'],
    ['a packed disk converted', () => packed, 'a.qcow2', ['--to', 'qcow2'], 'qcow2'],
  ] as const)('%s, with its checksum beside it, which add local verifies', async (_, id, name, more, format) => {
    const out = newOut()
    const path = join(out, name)
    const exported = await run(id(), path, ...more)
    expect(exported).toMatchObject({ code: 0, stdout: `${path}\n`, stderr: '' })
    expect(readdirSync(out).sort()).toEqual([name, `${name}.sha256`])
    expect(readFileSync(`${path}.sha256`, 'utf8')).toBe(`${hashOf(path, 'sha256')}  ${name}\n`)
    expect((await shell(`sha256sum -c ${name}.sha256`, { cwd: out })).stdout).toBe(`${name}: OK\n`)
    await execa('qemu-img', ['compare', '-f', 'raw', '-F', format, at('disk.raw'), path])
    if (more.length === 0 && id() !== packed)
      expect(readFileSync(path).equals(readFileSync(at(id() === raw ? 'disk.raw' : 'disk.qcow2')))).toBe(true)
    const again = ['image', 'add', 'local', path, '--account-id', 'a-shpoolxx']
    expect(await vdcManage(again, { database })).toMatchObject({ code: 0, stderr: '' })
    writeFileSync(path, Buffer.concat([readFileSync(path), Buffer.alloc(512)]))
    expect(await vdcManage(again, { database })).toMatchObject({ code: 3, stdout: '' })
  })

  test('a packed disk as it is stored, holes as holes, and a report with --json', async () => {
    const out = newOut()
    const path = join(out, 'a.raw.gz')
    const report = await vdcManageJson(['image', 'export', packed, path, '--packed'], { database })
    expect(readFileSync(path).equals(readFileSync(at('packed.raw.gz')))).toBe(true)
    expect(report).toMatchObject({ id: packed, path, checksum_file: `${path}.sha256`, sha256: hashOf(path, 'sha256') })
    await run(raw, join(out, 'a.raw'))
    expect(statSync(join(out, 'a.raw')).blocks * 512).toBeLessThan(2 * MIB)
  })

  test('nothing in a dry run', async () => {
    const out = newOut()
    const tried = await run(packed, join(out, 'a.raw'), '-n', '--json')
    expect(JSON.parse(tried.stdout)).toMatchObject([{ action: 'create', path: join(out, 'a.raw'), file_format: 'raw' }])
    expect(readdirSync(out)).toEqual([])
  })
})

describe('image export refuses', () => {
  test.each([
    ['an existing file', 'taken.raw', 5, /taken.raw already exists/],
    ['an existing checksum', 'summed.raw', 5, /summed.raw.sha256 already exists/],
    ['a folder', 'dir', 5, /dir is a folder/],
    [
      'a name that says another format',
      'a.qcow2',
      3,
      /a.qcow2 ends in .qcow2, but its format would be raw\nHint: Choose a name that ends in .raw, or convert it with --to\n/,
    ],
    ['a folder that does not exist', 'none/a.raw', 6, /its folder does not exist/],
  ])('%s', async (_, name, code, stderr) => {
    const out = newOut()
    writeFileSync(join(out, 'taken.raw'), 'x')
    writeFileSync(join(out, 'summed.raw.sha256'), 'x')
    mkdirSync(join(out, 'dir'))
    const before = readdirSync(out)
    expect(await run(raw, join(out, name))).toMatchObject({ code, stdout: '', stderr: expect.stringMatching(stderr) })
    expect(readdirSync(out)).toEqual(before)
    expect(readFileSync(join(out, 'taken.raw'), 'utf8')).toBe('x')
  })

  test('to write to stdout', async () => {
    const before = readdirSync(process.cwd())
    expect(await run(raw, '-')).toMatchObject({
      code: 3,
      stdout: '',
      stderr:
        'Error: Images are not written to stdout\nHint: Give the path of a new file; for a file that is called -, ./-\n',
    })
    expect(readdirSync(process.cwd())).toEqual(before)
  })

  test('a file that is not as registered', async () => {
    const changed = Buffer.from(disk)
    changed.writeUInt8((changed[5000] as number) ^ 1, 5000)
    writeFileSync(at('changed.raw'), disk)
    writeFileSync(at('changed.raw.gz'), gzipSync(disk))
    const [id, packedId] = [await register('changed.raw'), await register('changed.raw.gz')]
    writeFileSync(at('changed.raw'), changed)
    const gz = readFileSync(at('changed.raw.gz'))
    // The time in the header of gzip.
    gz.writeUInt8(7, 4)
    writeFileSync(at('changed.raw.gz'), gz)
    const out = newOut()
    for (const words of [[id], [id, '--to', 'qcow2'], [packedId], [packedId, '--packed']]) {
      const [image = '', ...more] = words
      const name = more.includes('qcow2') ? 'a.qcow2' : more.includes('--packed') ? 'a.gz' : 'a.raw'
      expect(await run(image, join(out, name), ...more)).toMatchObject({
        code: 5,
        stderr: expect.stringMatching(
          `has the MD5 .*, but .* is registered\nHint: See what differs with: vdc-manage image verify ${image}\n`,
        ),
      })
    }
    writeFileSync(at('changed.raw'), Buffer.concat([disk, Buffer.alloc(512)]))
    expect(await run(id, join(out, 'a.raw'))).toMatchObject({
      code: 5,
      stderr: expect.stringMatching(/bytes are registered|are registered\n/),
    })
    rmSync(at('changed.raw'))
    expect(await run(id, join(out, 'a.raw'))).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('does not exist'),
    })
    expect(readdirSync(out)).toEqual([])
  })

  test('what is not on this host', async () => {
    const add = `backupstorage add --uuid bkst-far --display-name s --base-uri https://far.example/ --storage-type webdav
backupobject add --uuid bo-far --storage-id bkst-far --object-key a --size 1 --allocation-size 1 --checksum ${'0'.repeat(32)} --display-name a
image add local bo-far --uuid wmi-far --account-id a-shpoolxx\n`
    expect(await vdcManage(['-e'], { database, input: add })).toMatchObject({ code: 0 })
    expect(await run('wmi-far', join(newOut(), 'a'))).toMatchObject({
      code: 3,
      stderr:
        'Error: The file of image wmi-far is not on this host: https://far.example/a\nHint: Export it on the host that has the file\n',
    })
    expect(await run('wmi-none', join(newOut(), 'a'))).toMatchObject({ code: 4 })
  })
})

test('image export leaves nothing when it is interrupted', async () => {
  const out = newOut()
  const running = execa(PROGRAM, ['image', 'export', raw, join(out, 'a.qcow2'), '--to', 'qcow2'], {
    env: environment({ database }),
    extendEnv: false,
    reject: false,
  })
  await expect.poll(() => readdirSync(out).length, { interval: 1 }).toBeGreaterThan(0)
  running.kill('SIGINT')
  const { exitCode } = await running
  // It may be done before the signal arrives.
  const isDone = exitCode === 0 || readdirSync(out).length > 0
  expect(readdirSync(out)).toEqual(isDone ? ['a.qcow2', 'a.qcow2.sha256'] : [])
  if (isDone)
    expect(readFileSync(join(out, 'a.qcow2.sha256'), 'utf8')).toContain(hashOf(join(out, 'a.qcow2'), 'sha256'))
})
