import { existsSync, mkdtempSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { allRows, newDatabase, type TestDatabase } from '../../support/databases/databases.ts'
import { hashOf, newFolder } from '../../support/files/images.ts'
import { PACKERS, pack, wordyDisk } from '../../support/files/packed-images.ts'
import { environment, PROGRAM, vdcManage, vdcManageJson } from '../../support/process/cli.ts'
import { processesIn } from '../../support/process/processes.ts'
import { startTerminal } from '../../support/process/tmux.ts'
import { expectRefused } from '../../support/refusals.ts'

const DISK = wordyDisk()
const folder = newFolder()
const at = (name: string) => join(folder.path, name)
const newOut = () => mkdtempSync(at('out-'))
/** A file in each packing, and how its refusal calls it. */
const FILES = {
  'disk.qcow2.xz': 'compressed with xz',
  'disk.qcow2.zst': 'compressed with zstd',
  'disk.qcow2.bz2': 'compressed with bzip2',
  'disk.qcow2.zip': 'a zip archive',
  'disk.ova': 'an OVA, a whole virtual machine',
  'disk.tar.xz': 'a tar archive compressed with xz',
}
const NAMES = Object.entries(FILES)
const CONTAINERS: Record<string, string> = { 'disk.ova': 'ova', 'disk.tar.xz': 'tar.xz' }
const containerOf = (name: string) => CONTAINERS[name] ?? name.replace(/.*\./, '')
let database: TestDatabase

beforeAll(async () => {
  database = await newDatabase('sqlite')
  writeFileSync(at('disk.raw'), DISK)
  await pack(folder.path, 'qemu-img convert -O qcow2 FILE OUT', 'disk.raw', 'disk.qcow2')
  for (const [ending, command] of Object.entries(PACKERS))
    await pack(folder.path, command, 'disk.qcow2', `disk.qcow2.${ending}`)
  await pack(folder.path, 'qemu-img convert -O vmdk -o subformat=streamOptimized FILE OUT', 'disk.raw', 'disk.vmdk')
  writeFileSync(at('disk.ovf'), '<?xml version="1.0"?>\n')
  const lines = ['disk.ovf', 'disk.vmdk'].map((name) => `SHA256(${name})= ${hashOf(at(name), 'sha256')}\n`)
  writeFileSync(at('disk.mf'), lines.join(''))
  await pack(folder.path, 'tar -cf OUT disk.ovf disk.mf FILE', 'disk.vmdk', 'disk.ova')
  await pack(folder.path, 'tar -cJf OUT FILE', 'disk.qcow2', 'disk.tar.xz')
})
afterAll(async () => {
  await database.remove()
  folder.remove()
})

async function expectSameDisk(path: string): Promise<void> {
  await execa('qemu-img', ['compare', '-q', at('disk.raw'), path])
}

describe.each(NAMES)('%s', (name, title) => {
  const path = at(name)
  const why = `The file ${path} is ${title}, which the agents cannot unpack`
  const hint = `Register a copy with --convert qcow2, or make one: vdc-manage image convert ${path} OUT.qcow2 --to qcow2`

  test('is looked into by image inspect', async () => {
    const fileFormat = name === 'disk.ova' ? 'vmdk' : 'qcow2'
    const run = await vdcManage(['image', 'inspect', path, '--json'])
    expect(run).toMatchObject({ code: 3, stderr: '' })
    expect(JSON.parse(run.stdout)).toMatchObject({
      acceptable: false,
      container_format: containerOf(name),
      file_format: fileFormat,
      virtual_size: DISK.length,
      allocation_size: readFileSync(path).length,
      warnings: [],
      refusals: [{ message: why, hint }],
      error: { code: 'FILE_REFUSED', message: why, hint, exit: 3 },
    })
    const text = await vdcManage(['image', 'inspect', path])
    expect(text).toMatchObject({ code: 3, stderr: `Error: ${why}\nHint: ${hint}\n` })
    expect(text.stdout).toMatch(new RegExp(`^file_format: +${fileFormat}$`, 'm'))
  })

  test('is converted', async () => {
    const out = newOut()
    for (const to of ['qcow2', 'raw']) {
      const result = join(out, `disk.${to}`)
      expect(await vdcManage(['image', 'convert', path, result, '--to', to])).toMatchObject({
        code: 0,
        stdout: `${result}\n`,
        stderr: '',
      })
      await expectSameDisk(result)
    }
    expect(readdirSync(out).sort()).toEqual(['disk.qcow2', 'disk.raw'])
    const dry = await vdcManageJson(['image', 'convert', path, join(out, 'dry.raw'), '--to', 'raw', '--dry-run'])
    expect(dry).toMatchObject([{ action: 'create', path: join(out, 'dry.raw'), file_format: 'raw' }])
  })

  test('is registered only as a copy', async () => {
    const home = newOut()
    const here = join(home, name)
    await execa('cp', [path, home])
    // A compressed file is not unpacked for that, so what is inside is not known.
    const as = (name: string) => why.replace(path, name).replace('a tar archive ', '')
    const add = ['image', 'add', 'local', here, '--account-id', 'a-shpoolxx']
    await expectRefused(database, add, { exit: 3, message: as(here), hint: hint.replace(path, here) })
    const object = ['backupobject', 'add', '--from-file', here, '--account-id', 'a-shpoolxx']
    await expectRefused(database, object, { exit: 3, message: as(here) })
    const wrong = `sha256:${'0'.repeat(64)}`
    await expectRefused(database, [...add, '--convert', 'qcow2', '--checksum', wrong], {
      exit: 3,
      message: `The file ${here} has the wrong SHA-256`,
    })
    expect(readdirSync(home)).toEqual([name])
    const before = await allRows(database)
    const dry = [...add, '--convert', 'qcow2', '--dry-run']
    expect(await vdcManage(dry, { database })).toMatchObject({ code: 0 })
    expect(await allRows(database)).toEqual(before)

    const run = await vdcManage([...add, '--convert', 'qcow2', '--checksum', hashOf(here, 'sha256')], { database })
    expect(run).toMatchObject({ code: 0, stderr: '', stdout: expect.stringMatching(/^wmi-\w{8}\n$/) })
    const image = await vdcManageJson(['image', 'show', run.stdout.trim()], { database })
    expect(image).toMatchObject({ file_format: 'qcow2', display_name: 'disk', virtual_size: DISK.length })
    expect(image.backup_object).toMatchObject({ uri: `file://${home}/disk.qcow2`, container_format: 'none' })
    expect(readdirSync(home).sort()).toEqual([name, 'disk.qcow2'].sort())
    await expectSameDisk(join(home, 'disk.qcow2'))
    expect(await vdcManage(['image', 'verify', run.stdout.trim()], { database })).toMatchObject({ code: 0 })
  })

  test('is not looked into as a guest', async () => {
    expect(await vdcManage(['image', 'check', path])).toMatchObject({ code: 3, stderr: expect.stringContaining(hint) })
  })
})

test('an OVA without a manifest is converted with a warning', async () => {
  await pack(folder.path, 'tar -cf OUT disk.ovf FILE', 'disk.vmdk', 'plain.ova')
  const result = join(newOut(), 'disk.qcow2')
  expect(await vdcManage(['image', 'convert', at('plain.ova'), result, '--to', 'qcow2'])).toMatchObject({
    code: 0,
    stderr: `Warning: The file ${at('plain.ova')} has no manifest, so its disk could not be compared with a checksum\n`,
  })
})

test('an OVA that does not match its manifest is not converted', async () => {
  writeFileSync(at('wrong.mf'), `SHA1(disk.vmdk)= ${'0'.repeat(40)}\n`)
  await pack(folder.path, 'tar -cf OUT disk.ovf wrong.mf FILE', 'disk.vmdk', 'wrong.ova')
  const out = newOut()
  const run = await vdcManage(['image', 'convert', at('wrong.ova'), join(out, 'disk.qcow2'), '--to', 'qcow2'])
  expect(run).toMatchObject({ code: 3, stdout: '' })
  expect(run.stderr).toContain('is a damaged or changed OVA: "disk.vmdk" does not match the manifest: expected 0000')
  expect(readdirSync(out)).toEqual([])
})

test('names in an archive are escaped', async () => {
  const script =
    'import zipfile,sys; z=zipfile.ZipFile(sys.argv[1],"w"); z.writestr("\\x1b[31mred","a"); z.writestr("b","b")'
  await execa('python3', ['-c', script, at('red.zip')])
  const { stderr } = await vdcManage(['image', 'convert', at('red.zip'), at('red.qcow2'), '--to', 'qcow2'])
  expect(stderr).toContain('holds 2 files: "\\u001b[31mred", "b" …')
})

test('a missing program is named with its package, when it is needed', async () => {
  const bin = newOut()
  for (const program of ['env', 'setpriv', 'qemu-img', 'sh'])
    symlinkSync((await execa('which', [program])).stdout, join(bin, program))
  symlinkSync(process.execPath, join(bin, 'node'))
  const env = { PATH: bin }
  for (const [ending, program, pack] of [
    ['xz', 'xz', 'xz-utils'],
    ['zst', 'zstd', 'zstd'],
    ['bz2', 'bzip2', 'bzip2'],
  ]) {
    const path = at(`disk.qcow2.${ending}`)
    const missing = `Error: ${program} is not installed\nHint: Install it with: apt-get install ${pack}\n`
    const result = join(bin, 'disk.raw')
    for (const words of [
      ['inspect', path],
      ['convert', path, result, '--to', 'raw'],
    ])
      expect(await vdcManage(['image', ...words], { env })).toMatchObject({ code: 6, stdout: '', stderr: missing })
    expect(existsSync(result)).toBe(false)
    const add = ['image', 'add', 'local', path, '--account-id', 'a-shpoolxx']
    expect(await vdcManage(add, { env, database })).toMatchObject({ code: 3 })
  }
  const zip = ['image', 'convert', at('disk.qcow2.zip'), join(bin, 'disk.raw'), '--to', 'raw']
  expect(await vdcManage(zip, { env })).toMatchObject({ code: 0 })
})

describe('while it is unpacked', () => {
  /** Unpacks to 25 GiB of zeros, as many streams, which takes longer than any test waits. */
  beforeAll(async () => {
    await pack(folder.path, 'head -c 32M /dev/zero | bzip2 > OUT', '', 'zeros.bz2')
    writeFileSync(
      at('endless.raw.bz2'),
      Buffer.alloc(800 * readFileSync(at('zeros.bz2')).length, readFileSync(at('zeros.bz2'))),
    )
  })
  const isUnpacking = (pid: number) => readFileSync(`/proc/${pid}/cmdline`, 'latin1').startsWith('bzip2\0')

  test.each([
    ['SIGINT', 130, 'Error: Interrupted'],
    ['SIGTERM', 143, 'Error: Terminated'],
    ['SIGKILL', undefined, ''],
  ] as const)('%s ends it and the program that unpacks it, and leaves nothing', async (signal, exitCode, says) => {
    const [cwd, tmp] = [newOut(), newOut()]
    const running = execa(PROGRAM, ['image', 'convert', at('endless.raw.bz2'), 'out.qcow2', '--to', 'qcow2'], {
      env: environment({ env: { TMPDIR: tmp } }),
      extendEnv: false,
      reject: false,
      stdin: 'ignore',
      cwd,
    })
    await expect.poll(() => processesIn(cwd).some(isUnpacking), { timeout: 60_000 }).toBe(true)
    running.kill(signal)
    const run = await running
    expect(run).toMatchObject({ stdout: '', stderr: says })
    expect(run.exitCode).toBe(exitCode)
    await expect.poll(() => processesIn(cwd)).toEqual([])
    expect([...readdirSync(cwd), ...readdirSync(tmp)]).toEqual([])
  })

  test.each([80, 40])('a terminal of %i columns shows its progress, and Ctrl-C ends it', async (width) => {
    const cwd = newOut()
    const line = `vdc-manage image convert ../endless.raw.bz2 ${basename(cwd)}.qcow2 --to qcow2`
    const terminal = await startTerminal(line, { database, home: folder.path, cwd, width })
    try {
      await terminal.until(/^Unpacking/m)
      await terminal.press('C-c')
      expect(await terminal.exitCode()).toBe(130)
      expect(await terminal.screen()).toBe('Error: Interrupted\nexit code 130')
    } finally {
      await terminal.close()
    }
    expect(readdirSync(cwd)).toEqual([])
  })
})
