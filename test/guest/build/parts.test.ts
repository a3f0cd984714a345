import { writeFileSync } from 'node:fs'
import { execa } from 'execa'
import { describe, expect, test } from 'vitest'
import type { BuildOptions } from '../../../src/guest/build/build-options.ts'
import { firstSector } from '../../../src/guest/build/disk/mbr.ts'
import { identityOf } from '../../../src/guest/build/identity.ts'
import { packagesOf } from '../../../src/guest/build/packages.ts'
import { newFolder } from '../../support/files/images.ts'

const OPTIONS: BuildOptions = {
  suite: 'bookworm',
  mirror: undefined,
  kernel: undefined,
  packages: [],
  init: 'script',
  hostName: 'bookworm',
  authorizedKeys: '',
  script: undefined,
  size: 2 ** 32,
  timestamp: 1_700_000_000,
  timeout: 3600,
}

describe('the packages of a guest', () => {
  test.each([
    ['bookworm', 'linux-image-cloud-amd64', true],
    ['sid', 'linux-image-cloud-amd64', true],
    ['bullseye', 'linux-image-cloud-amd64', false],
    ['jammy', 'linux-image-virtual', false],
    ['noble', 'linux-image-virtual', true],
  ])('of %s have %s', (suite, kernel, hasResolved) => {
    const packages = packagesOf({ ...OPTIONS, suite })
    expect(packages.filter((name) => name.startsWith('linux-'))).toEqual([kernel])
    expect(packages.includes('systemd-resolved')).toBe(hasResolved)
  })

  test('have the kernel and the packages that are asked for, once each', () => {
    const packages = packagesOf({ ...OPTIONS, kernel: 'linux-image-amd64', packages: ['udev', 'nginx'] })
    expect(packages).toContain('nginx')
    expect(packages).toContain('linux-image-amd64')
    expect(packages).not.toContain('linux-image-cloud-amd64')
    expect(packages.filter((name) => name === 'udev')).toHaveLength(1)
    expect(packagesOf({ ...OPTIONS, init: 'cloud-init' })).toContain('cloud-init')
  })
})

describe('the identity of a disk', () => {
  test('follows from the options if there is a timestamp', () => {
    const first = identityOf(OPTIONS)
    expect(identityOf({ ...OPTIONS, timeout: 7 })).toEqual(first)
    const others: Partial<BuildOptions>[] = [
      { timestamp: 1_700_000_001 },
      { suite: 'trixie' },
      { packages: ['nginx'] },
      { script: { name: 's', bytes: Buffer.from('#!/bin/sh') } },
    ]
    const uuids = others.map((other) => identityOf({ ...OPTIONS, ...other }).filesystem)
    expect(new Set([first.filesystem, first.hashSeed, ...uuids]).size).toBe(others.length + 2)
    for (const uuid of uuids)
      expect(uuid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  })

  test('is random without a timestamp', () => {
    const ours = { ...OPTIONS, timestamp: undefined }
    expect(identityOf(ours)).not.toEqual(identityOf(ours))
  })
})

test('the first sector is as sfdisk understands it', async () => {
  const folder = newFolder()
  for (const size of [2 ** 29, 2 ** 32, 2047 * 2 ** 30]) {
    const sector = firstSector(Buffer.alloc(512, 0x90), 0x1234abcd, size)
    const path = `${folder.path}/disk`
    writeFileSync(path, sector)
    await execa('truncate', ['--size', String(size), path])
    const { stdout } = await execa('sfdisk', ['--json', path])
    const { partitiontable: table } = JSON.parse(stdout)
    expect(table).toMatchObject({ label: 'dos', id: '0x1234abcd' })
    expect(table.partitions).toMatchObject([{ start: 2048, size: size / 512 - 2048, type: '83', bootable: true }])
    expect(sector.subarray(0, 440).every((byte) => byte === 0x90)).toBe(true)
  }
  folder.remove()
})
