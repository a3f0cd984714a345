import { readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newDatabase, type TestDatabase } from '../../../support/databases/databases.ts'
import { makeFull } from '../../../support/files/image-bytes.ts'
import { newFolder, rawDisk } from '../../../support/files/images.ts'
import { type Run, shell, vdcManage } from '../../../support/process/cli.ts'

const MIB = 1024 * 1024
const GIB = 1024 * MIB

const folder = newFolder()
const at = (name: string) => join(folder.path, name)
let database: TestDatabase
beforeAll(async () => {
  database = await newDatabase('sqlite')
})
afterAll(async () => {
  await database.remove()
  folder.remove()
})

const inspect = (name: string) => vdcManage(['image', 'inspect', '--no-checksum', name, '--json'], { cwd: folder.path })
const messageIn = ({ stdout }: Run) => JSON.parse(stdout).error?.message

describe('an image in a container', () => {
  test('must not be larger than its header allows', async () => {
    // 64 MiB of disk, and 5 GiB of file.
    await shell('qemu-img create -q -f qcow2 long.qcow2 64M && truncate -s 5G long.qcow2 && echo >> long.qcow2', {
      cwd: folder.path,
    })
    await shell('tar -S -cf long.tar long.qcow2', { cwd: folder.path })
    const run = await inspect('long.tar')
    expect(run.code).toBe(3)
    expect(messageIn(run)).toBe(
      `The file ${at('long.tar')} is damaged: it unpacks to more than ${4 * 64 * MIB + 4 * GIB} bytes, the limit for its virtual size`,
    )
  })

  test('may be as large as its header allows, even if the header comes late', async () => {
    await shell('qemu-img create -q -f vhdx -o subformat=fixed large.vhdx 5G && tar -S -cf large.tar large.vhdx', {
      cwd: folder.path,
    })
    expect(statSync(at('large.vhdx')).size).toBeGreaterThan(5 * GIB)
    const { stdout } = await inspect('large.tar')
    expect(JSON.parse(stdout)).toMatchObject({ acceptable: true, virtual_size: 5 * GIB })
  })
})

describe.runIf(process.getuid?.() === 0)('a reserve of the filesystem stays free', () => {
  /** Runs a line with TMPDIR on a filesystem of the given size. */
  const onFilesystemOf = (mebibytes: number, line: string) => {
    const mount = `mount -t tmpfs -o size=${mebibytes}m none ${at('small')}`
    return shell(`mkdir -p small && unshare -m sh -c '${mount} && TMPDIR=${at('small')} ${line}'`, {
      cwd: folder.path,
      database,
    })
  }

  test('while an image is unpacked', async () => {
    await makeFull(at('full.qcow2'), 'qcow2')
    await shell('gzip -k full.qcow2', { cwd: folder.path })
    const line = 'vdc-manage image inspect --no-checksum full.qcow2.gz'
    expect((await onFilesystemOf(400, line)).code).toBe(0)
    for (const verb of [line, 'vdc-manage image convert full.qcow2.gz no.raw --to raw']) {
      const run = await onFilesystemOf(270, verb)
      expect(run).toMatchObject({
        code: 6,
        stdout: '',
        stderr: `Error: The image cannot be unpacked in ${at('small')}: ENOSPC: less than 256 MiB of its filesystem would stay free\nHint: Set TMPDIR to a folder with enough space, or unpack it and register the disk image inside\n`,
      })
    }
    expect(readdirSync(folder.path)).not.toContain('no.raw')
  })

  test('while a registry is read from a pipe', async () => {
    await shell('vdc-manage registry export > registry.ndjson', { cwd: folder.path, database })
    const run = await onFilesystemOf(100, 'vdc-manage registry import - < registry.ndjson')
    expect(run.code).toBe(6)
    expect(run.stderr).toContain('ENOSPC: less than 256 MiB of its filesystem would stay free')
  })
})

test('image verify unpacks at most the registered size', async () => {
  writeFileSync(at('disk.raw'), rawDisk(MIB))
  await shell('gzip disk.raw', { cwd: folder.path })
  const args = ['image', 'add', 'local', at('disk.raw.gz'), '--account-id', 'a-shpoolxx']
  const id = (await vdcManage(args, { database, reject: true })).stdout.trim()
  expect((await vdcManage(['image', 'verify', id], { database })).code).toBe(0)
  await shell('truncate -s 64M other.raw && gzip -c other.raw > disk.raw.gz', { cwd: folder.path })
  const run = await vdcManage(['image', 'verify', id], { database })
  expect(run.code).toBe(8)
  expect(run.stdout).toMatch(new RegExp(`^${id}: differs: .*; the file unpacks to more than ${MIB} bytes\n$`))
})
