import { spawn } from 'node:child_process'
import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { inflateRawSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { allRows, newDatabase, type TestDatabase } from '../../../support/databases/databases.ts'
import {
  CLUSTER,
  type Compressed,
  compressedClusters,
  compressedGrains,
  makeCompressed,
} from '../../../support/files/compressed.ts'
import { patch } from '../../../support/files/image-bytes.ts'
import { newFolder } from '../../../support/files/images.ts'
import { environment, PROGRAM, shell, vdcManage } from '../../../support/process/cli.ts'
import { startTerminal } from '../../../support/process/tmux.ts'
import { some } from '../../../support/thorough.ts'

const PLACES = some(20, 2)
const STREAM = ['-o', 'subformat=streamOptimized']

const folder = newFolder()
const at = (name: string) => join(folder.path, name)
let database: TestDatabase
beforeAll(async () => {
  database = await newDatabase('sqlite')
  await makeCompressed(at('zlib.qcow2'), 'qcow2', PLACES)
  await makeCompressed(at('zstd.qcow2'), 'qcow2', PLACES, ['-c', '-o', 'compression_type=zstd'])
  await makeCompressed(at('stream.vmdk'), 'vmdk', PLACES, STREAM)
})
afterAll(async () => {
  await database.remove()
  folder.remove()
})

/** Inspects files in one process. Returns the first refusal of each, or undefined if it is acceptable. */
async function refusalsOf(paths: readonly string[], ...options: string[]): Promise<(string | undefined)[]> {
  const args = ['image', 'inspect', '--no-checksum', '--format', 'ndjson', ...options, ...paths]
  const run = await vdcManage(args, { cwd: folder.path })
  const reports = run.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(reports).toHaveLength(paths.length)
  expect(run.code).toBe(reports.some(({ error }) => error) ? 3 : 0)
  return reports.map(({ refusals }) => refusals[0]?.message)
}

/** Copies a file with one byte changed. */
function flipped(path: string, name: string, place: number, bits: number): string {
  copyFileSync(path, at(name))
  return patch(at(name), [place, Buffer.from([(readFileSync(path)[place] as number) ^ bits])])
}

/**
 * Returns the offset of the first byte, from the middle of a cluster, whose change breaks it. Deflate data has no
 * checksum, so many changes do not.
 */
function fragileByte(file: Buffer, { at: start, length }: Compressed): number {
  for (let place = start + Math.floor(length / 2); place < start + length; place++) {
    const bytes = Buffer.from(file.subarray(start, start + length))
    bytes.writeUInt8(bytes.readUInt8(place - start) ^ 0xff, place - start)
    try {
      if (inflateRawSync(bytes).length < CLUSTER) return place
    } catch {
      return place
    }
  }
  throw new Error('No byte whose change breaks the cluster')
}

describe('--thorough finds a flipped byte, and names the offset in the disk', () => {
  const damaged = (path: string, { diskOffset }: Compressed) =>
    expect.stringMatching(
      new RegExp(`^The file ${path} is damaged: its disk cannot be read at byte ${diskOffset} \\(.+\\)$`),
    )

  test.each<[string, string, (path: string) => Compressed[], (file: Buffer, place: Compressed, n: number) => number]>([
    ['a zlib cluster', 'zlib.qcow2', compressedClusters, fragileByte],
    // The magic number of its frame, because many later bytes can change undetected, too.
    ['a zstd cluster', 'zstd.qcow2', compressedClusters, (_, place, n) => place.at + (n % 4)],
    ['a VMDK grain', 'stream.vmdk', compressedGrains, (_, { at, length }, n) => at + ((n * 977) % length)],
  ])(`in %s: ${PLACES} of ${PLACES} places`, async (_, name, placesIn, byteIn) => {
    const file = readFileSync(at(name))
    const places = placesIn(at(name))
    expect(places).toHaveLength(PLACES)
    const paths = places.map((place, n) => flipped(at(name), `${n}-${name}`, byteIn(file, place, n), 0xff))
    expect(await refusalsOf(paths)).toEqual(paths.map(() => undefined))
    expect(await refusalsOf(paths, '--thorough')).toEqual(places.map((place, n) => damaged(paths[n] as string, place)))
  })

  test('the first of several', async () => {
    const file = readFileSync(at('zlib.qcow2'))
    const places = compressedClusters(at('zlib.qcow2'))
    const path = at('several.qcow2')
    copyFileSync(at('zlib.qcow2'), path)
    for (const place of places.slice(5)) patch(path, [fragileByte(file, place), 'x'], [place.at, '\xff'])
    expect(await refusalsOf([path], '--thorough')).toEqual([damaged(path, places[5] as Compressed)])
  })
})

test('accepts undamaged images of all formats, and writes nothing', async () => {
  const formats = ['qcow2', 'vmdk', 'vdi', 'vpc', 'vhdx', 'parallels', 'qed', 'qcow', 'raw']
  for (const format of formats) await makeCompressed(at(`plain.${format}`), format, 3, [])
  await makeCompressed(at('fixed.vpc'), 'vpc', 3, ['-o', 'subformat=fixed,force_size=on'])
  await shell(
    'gzip -k plain.raw zlib.qcow2 plain.vhdx fixed.vpc && tar czf stream.tgz stream.vmdk && tar cf plain.tar plain.qcow2',
    {
      cwd: folder.path,
    },
  )
  const names = [
    ...formats.map((format) => `plain.${format}`),
    ...['fixed.vpc', 'zlib.qcow2', 'zstd.qcow2', 'stream.vmdk'],
    ...['plain.raw.gz', 'zlib.qcow2.gz', 'plain.vhdx.gz', 'stream.tgz', 'plain.tar'],
  ]
  const before = readdirSync(folder.path)
  const times = names.map((name) => statSync(at(name), { bigint: true }).mtimeNs)
  expect(await refusalsOf(names, '--thorough')).toEqual(names.map(() => undefined))
  for (const name of ['fixed.vpc', 'fixed.vpc.gz'])
    expect(await refusalsOf([name], '--thorough', '--file-format', 'vpc')).toEqual([undefined])
  expect(readdirSync(folder.path)).toEqual(before)
  expect(names.map((name) => statSync(at(name), { bigint: true }).mtimeNs)).toEqual(times)
})

test('reads a sparse disk of 64 TiB at once', async () => {
  await shell('qemu-img create -q -f qcow2 huge.qcow2 64T && gzip -k huge.qcow2', { cwd: folder.path })
  expect(await refusalsOf(['huge.qcow2', 'huge.qcow2.gz'], '--thorough')).toEqual([undefined, undefined])
})

describe('a damaged image', () => {
  let path: string
  let found: string
  beforeAll(() => {
    const [first, second] = compressedGrains(at('stream.vmdk')) as [Compressed, Compressed]
    path = flipped(at('stream.vmdk'), 'damaged.vmdk', second.at + Math.floor(second.length / 2), 1)
    found = `is damaged: its disk cannot be read at byte ${second.diskOffset} (Invalid argument)`
    expect(first.diskOffset).toBe(0)
  })

  test('is found if it is compressed', async () => {
    await shell('gzip -k damaged.vmdk', { cwd: folder.path })
    expect(await refusalsOf(['damaged.vmdk.gz'])).toEqual([undefined])
    expect(await refusalsOf(['damaged.vmdk.gz'], '--thorough')).toEqual([`The file ${path}.gz ${found}`])
  })

  test('is not registered', async () => {
    const before = await allRows(database)
    const args = ['image', 'add', 'local', path, '--account-id', 'a-shpoolxx', '--thorough']
    expect(await vdcManage(args, { database })).toMatchObject({
      code: 3,
      stdout: '',
      stderr: `Error: The file ${path} ${found}\nHint: Download or copy the file again\n`,
    })
    expect(await allRows(database)).toEqual(before)
  })

  test('is not converted, also in a dry run', async () => {
    const args = ['image', 'add', 'local', path, '--account-id', 'a-shpoolxx', '--convert', 'raw', '--thorough']
    expect((await vdcManage(args, { database })).code).toBe(3)
    expect(await vdcManage([...args, '--dry-run'], { database })).toMatchObject({
      code: 3,
      stderr: `Error: The file ${path} ${found}\nHint: Download or copy the file again\n`,
    })
  })

  test('is the only one that differs in image verify', async () => {
    const add = (file: string) => vdcManage(['image', 'add', 'local', file, '--account-id', 'a-shpoolxx'], { database })
    const [good, bad] = [(await add(at('zlib.qcow2'))).stdout.trim(), (await add(path)).stdout.trim()]
    expect((await vdcManage(['image', 'verify', '--all'], { database })).code).toBe(0)
    for (const more of [[], ['--quick']]) {
      const run = await vdcManage(['image', 'verify', '--all', '--thorough', ...more], { database })
      expect(run.code).toBe(8)
      expect(run.stdout.split('\n').sort()).toEqual(['', `${bad}: differs: the file ${found}`, `${good}: ok`].sort())
    }
  })

  test('--thorough is refused for a backup object', async () => {
    const args = ['image', 'add', 'local', 'bo-none', '--account-id', 'a-shpoolxx', '--thorough']
    const run = await vdcManage(args, { database })
    expect(run).toMatchObject({ code: 3, stderr: expect.stringContaining('thorough applies only to files') })
  })
})

describe('qemu-img', () => {
  /** Returns a PATH on which qemu-img runs a script for one subcommand. */
  function pathWith(verb: string, script: string): string {
    const bin = mkdtempSync(join(inject('folder'), 'fake-'))
    const text = `#!/bin/bash\nif [ "$1" = ${verb} ]; then ${script}; fi\nPATH=\${PATH#*:} exec qemu-img "$@"\n`
    writeFileSync(join(bin, 'qemu-img'), text, { mode: 0o755 })
    return `${bin}:${process.env.PATH}`
  }
  const inspect = (name: string, PATH: string, ...more: string[]) =>
    vdcManage(['image', 'inspect', '--no-checksum', at(name), ...more], { env: { PATH } })

  test('has a fixed CPU limit for a check', async () => {
    await shell(
      'qemu-img create -q -f qcow2 small.qcow2 1G && qemu-img create -q -f qcow2 -o preallocation=full large.qcow2 50M',
      { cwd: folder.path },
    )
    const PATH = pathWith('check', 'ulimit -S -t >&2; kill -XCPU $$')
    for (const name of ['small.qcow2', 'large.qcow2'])
      expect(await inspect(name, PATH)).toMatchObject({
        code: 3,
        stderr: `Error: The file ${at(name)} is refused: qemu-img check needs more than 60 s of processor time\nHint: Convert it to an image with larger clusters: qemu-img convert -f qcow2 -O qcow2 -o cluster_size=2M ${at(name)} OUT.qcow2\n`,
      })
    const limit = pathWith('check', 'echo "qemu-img: $(ulimit -S -t)" >&2; exit 1')
    for (const name of ['small.qcow2', 'large.qcow2'])
      expect((await inspect(name, limit)).stderr).toContain('cannot read it: 60\n')
  })

  test('has a CPU limit for reading the disk that depends on stored bytes', async () => {
    const limit = pathWith('convert', 'echo "qemu-img: $(ulimit -S -t)" >&2; exit 1')
    // The virtual size, here 64 TiB, does not count.
    expect((await inspect('huge.qcow2', limit, '--thorough')).stderr).toContain('cannot read it: 121\n')
    const stored = statSync(at('large.qcow2')).blocks * 512
    const seconds = 120 + Math.ceil(stored / (4 * 1024 * 1024))
    expect(seconds).toBeGreaterThan(130)
    expect((await inspect('large.qcow2', limit, '--thorough')).stderr).toContain(`cannot read it: ${seconds}\n`)
    const run = await inspect('huge.qcow2', pathWith('convert', 'kill -XCPU $$'), '--thorough')
    expect(run).toMatchObject({
      code: 3,
      stderr: `Error: The file ${at('huge.qcow2')} is refused: reading the whole disk needs more than 121 s of processor time\nHint: Omit --thorough, or convert the image, which has a higher limit: vdc-manage image convert ${at('huge.qcow2')} OUT.qcow2 --to qcow2\n`,
    })
  })

  test('has a CPU limit for a conversion that depends on stored bytes, plus an hour', async () => {
    const convert = (path: string, PATH: string) =>
      vdcManage(['image', 'convert', at(path), at('limited.raw'), '--to', 'raw'], { env: { PATH } })
    const limit = pathWith('convert', 'echo "qemu-img: $(ulimit -S -t)" >&2; exit 1')
    expect((await convert('huge.qcow2', limit)).stderr).toContain('convert it: 3601\n')
    expect(await convert('huge.qcow2', pathWith('convert', 'kill -XCPU $$'))).toMatchObject({
      code: 3,
      stderr: `Error: The file ${at('huge.qcow2')} is refused: converting it needs more than 3601 s of processor time\nHint: If you trust the image, convert it with qemu-img directly\n`,
    })
    expect(existsSync(at('limited.raw'))).toBe(false)
  })

  test('does not read the disk if a cheaper check refuses it', async () => {
    const PATH = pathWith('convert', `touch ${at('read')}`)
    const args = ['image', 'add', 'local', at('zlib.qcow2'), '--account-id', 'a-nobody', '--thorough']
    expect(await vdcManage(args, { database, env: { PATH } })).toMatchObject({ code: 4 })
    expect(readdirSync(folder.path)).not.toContain('read')
  })

  const SLOW = `printf '    (25.00/100%%)\\r'; echo $$ > ${at('pid')}; exec sleep 60`
  const isAlive = (pid: string) => readdirSync('/proc').includes(pid)

  test('ends if the program is interrupted', async () => {
    const PATH = pathWith('convert', SLOW)
    const args = ['image', 'inspect', '--thorough', at('zlib.qcow2')]
    const running = spawn(PROGRAM, args, { env: environment({ env: { PATH } }), stdio: 'ignore' })
    const ended = new Promise((resolve) => running.once('exit', resolve))
    while (!readdirSync(folder.path).includes('pid') || readFileSync(at('pid'), 'utf8') === '') await sleep(20)
    const pid = readFileSync(at('pid'), 'utf8').trim()
    running.kill('SIGINT')
    expect(await ended).toBe(130)
    while (isAlive(pid)) await sleep(20)
  })

  test('shows its progress at a terminal until Ctrl-C', async () => {
    const terminal = await startTerminal(`vdc-manage image inspect --thorough ${at('zlib.qcow2')}`, {
      database,
      home: folder.path,
      env: { PATH: pathWith('convert', SLOW) },
    })
    try {
      await terminal.until(/^Reading \[#+\.+\] +2[45]% +[\d.]+ [KM]iB\/[\d.]+ [KM]iB /m)
      await terminal.press('C-c')
      expect(await terminal.exitCode()).toBe(130)
    } finally {
      await terminal.close()
    }
  })
})
