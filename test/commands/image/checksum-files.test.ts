import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { ChecksumList, checksumLine } from '../../../src/disk/hash/checksum-file.ts'
import { allRows, newDatabase, type TestDatabase } from '../../support/databases/databases.ts'
import { hashOf, makeImage, newFolder } from '../../support/files/images.ts'
import { shell, vdcManage } from '../../support/process/cli.ts'

/* Checksum files: PATH.sha256 and PATH.md5 beside a file, and --checksum FILE. */

const folder = newFolder()
const path = join(folder.path, 'disk.qcow2')
const WRONG = '1'.repeat(64)
let [sha256, md5] = ['', '']
let database: TestDatabase

beforeAll(async () => {
  database = await newDatabase('sqlite')
  await makeImage(path)
  ;[sha256, md5] = [hashOf(path, 'sha256'), hashOf(path, 'md5')]
})
beforeEach(() => {
  for (const ending of ['sha256', 'md5']) rmSync(`${path}.${ending}`, { recursive: true, force: true })
})
afterAll(async () => {
  await database.remove()
  folder.remove()
})

const add = (...more: string[]) =>
  vdcManage(['image', 'add', 'local', path, '--account-id', 'a-shpoolxx', ...more], { database, cwd: folder.path })

async function expectRefused(stderr: string | RegExp, ...more: string[]): Promise<void> {
  const before = await allRows(database)
  expect(await add(...more)).toMatchObject({ code: 3, stdout: '', stderr: expect.stringMatching(stderr) })
  expect(await allRows(database)).toEqual(before)
}

describe('image add local', () => {
  test.each([
    ['GNU', 'sha256', () => `${sha256}  disk.qcow2\n`],
    ['GNU, binary', 'sha256', () => `${sha256} *disk.qcow2\n`],
    ['BSD', 'sha256', () => `SHA256 (disk.qcow2) = ${sha256}\n`],
    ['alone', 'sha256', () => sha256.toUpperCase()],
    ['of MD5', 'md5', () => `${md5}  /elsewhere/disk.qcow2\n`],
  ])('accepts a file with a right checksum beside it, %s', async (_, ending, text) => {
    writeFileSync(`${path}.${ending}`, text())
    expect(await add()).toMatchObject({ code: 0, stderr: '' })
  })

  test('refuses a file with a wrong checksum beside it', async () => {
    writeFileSync(`${path}.sha256`, `${WRONG}  disk.qcow2\n`)
    const beside = `${path}.sha256`
    const says = `^Error: The file ${path} has the wrong SHA-256: expected ${WRONG} \\(in ${beside}\\), got ${sha256}\nHint: Download or copy the file again; if ${beside} is out of date, remove it or give --checksum\n$`
    await expectRefused(says)
    await expectRefused(says, '--convert', 'raw')
    // What is given counts.
    expect(await add('--checksum', `sha256:${sha256}`)).toMatchObject({ code: 0, stderr: '' })
    rmSync(beside)
    writeFileSync(`${path}.md5`, `${WRONG.slice(32)}  disk.qcow2\n`)
    await expectRefused(/has the wrong MD5: expected 1{32} \(in .*\.md5\)/)
  })

  test('warns about a checksum file that does not list the file', async () => {
    writeFileSync(`${path}.sha256`, `${WRONG}  other.qcow2\n`)
    expect(await add()).toMatchObject({
      code: 0,
      stderr: `Warning: The checksum file ${path}.sha256 does not list disk.qcow2, so it was ignored\n`,
    })
  })

  test('refuses a checksum file that contradicts itself or is no small regular file', async () => {
    const beside = `${path}.sha256`
    writeFileSync(beside, `${WRONG}  disk.qcow2\n${sha256}  disk.qcow2\n`)
    await expectRefused(/has several sha256 checksums for disk.qcow2/)
    rmSync(beside)
    symlinkSync('/etc/passwd', beside)
    await expectRefused(/sha256 is a symbolic link\nHint: Remove it, or give the checksum with --checksum/)
    rmSync(beside)
    mkdirSync(beside)
    await expectRefused(/sha256 is not a regular file/)
    rmSync(beside, { recursive: true })
    await execa('mkfifo', [beside])
    await expectRefused(/sha256 is not a regular file/)
    rmSync(beside)
    await execa('truncate', ['-s', '5M', beside])
    await expectRefused(/sha256 has more than 4194304 bytes/)
  })

  test('takes the checksum from a file that --checksum names', async () => {
    const sums = join(folder.path, 'SHA256SUMS')
    writeFileSync(sums, `${WRONG}  other.qcow2\n${sha256}  disk.qcow2\n`)
    for (const name of [sums, 'SHA256SUMS'])
      expect(await add('--checksum', name)).toMatchObject({ code: 0, stderr: '' })
    writeFileSync(sums, `${WRONG}  disk.qcow2\n`)
    await expectRefused(/has the wrong SHA-256: expected 1{64}/, '--checksum', sums)
    writeFileSync(sums, `${WRONG}  other.qcow2\n`)
    await expectRefused(/SHA256SUMS has no MD5 or SHA-256 checksum for disk.qcow2/, '--checksum', sums)
    await expectRefused(/NONE.SUMS does not exist/, '--checksum', '/NONE.SUMS')
    await expectRefused(/checksum must be sha256:/, '--checksum', 'abc')
  })
})

describe('image add local of several files with --checksum FILE', () => {
  const several = (words: string[], more: string[]) =>
    vdcManage(['image', 'add', 'local', ...words, '--account-id', 'a-shpoolxx', ...more], {
      database,
      cwd: folder.path,
    })
  const sums = join(folder.path, 'SHA256SUMS')
  const names = ['a/same.qcow2', 'b/same.qcow2', 'c.qcow2']
  const lineOf = (name: string) => checksumLine(hashOf(join(folder.path, name), 'sha256'), name)

  beforeAll(async () => {
    for (const each of ['a', 'b']) mkdirSync(join(folder.path, each))
    for (const [at, name] of names.entries()) await makeImage(join(folder.path, name), { size: `${at + 1}M` })
  })

  test('finds each file by the longest end of its path', async () => {
    writeFileSync(sums, names.map((name) => lineOf(name).replace('  ', '  ./')).join(''))
    for (const words of [names, ['--recursive', 'a', 'b']])
      expect(await several(words, ['--checksum', sums])).toMatchObject({ code: 0, stderr: '' })
    expect(await several(names, ['--checksum', sums, '--convert', 'raw'])).toMatchObject({ code: 0 })
    for (const name of names) rmSync(join(folder.path, name.replace('qcow2', 'raw')))
  })

  test.each([[[]], [['--convert', 'raw']]])('refuses each file that is wrong or not listed, %s', async (more) => {
    writeFileSync(sums, `${WRONG}  b/same.qcow2\n${lineOf('a/same.qcow2')}`)
    const run = await several(names, ['--checksum', sums, ...more])
    expect(run).toMatchObject({ code: 9, stdout: expect.stringMatching(/^wmi-\w{8}\n$/) })
    expect(run.stderr).toMatch(/b\/same.qcow2 has the wrong SHA-256: expected 1{64}, got/)
    expect(run.stderr).toContain(`Error: ${sums} has no MD5 or SHA-256 checksum for c.qcow2\n`)
    rmSync(join(folder.path, 'a/same.raw'), { force: true })
  })

  test('reads a pipe once', async () => {
    writeFileSync(sums, names.map(lineOf).join(''))
    const words = [...names, '--account-id', 'a-shpoolxx'].join(' ')
    const run = await shell(`vdc-manage image add local ${words} --checksum <(cat SHA256SUMS)`, {
      cwd: folder.path,
      database,
    })
    expect(run).toMatchObject({ code: 0, stderr: '' })
  })

  test('refuses a checksum file that does not exist once, before any file', async () => {
    expect(await several(names, ['--checksum', './NONE'])).toEqual({
      code: 3,
      signal: undefined,
      stdout: '',
      stderr: 'Error: The file ./NONE does not exist\n',
    })
  })
})

describe('a checksum file', () => {
  test('lists a file in several folders: the one that a path ends with counts', () => {
    const list = new ChecksumList(`${WRONG}  ./a/x\n${WRONG.replaceAll('1', '2')}  b/x\n${WRONG}  y\n`, 'SUMS')
    expect(list.of('/srv/a/x')).toMatchObject([{ hex: WRONG }])
    expect(list.of('/srv/b/x')).toMatchObject([{ hex: WRONG.replaceAll('1', '2') }])
    expect(list.of('/elsewhere/y')).toMatchObject([{ hex: WRONG }])
    for (const path of ['x', '/srv/c/x', '/srv/ba/x'])
      expect(() => list.of(path)).toThrow(/several sha256 checksums for x/)
  })

  test('can name files with newlines and backslashes, as sha256sum does', async () => {
    const name = 'a\\b\nc'
    writeFileSync(join(folder.path, name), 'x')
    const { stdout } = await shell("sha256sum -- 'a\\b\nc'", { cwd: folder.path })
    const hex = hashOf(join(folder.path, name), 'sha256')
    expect(checksumLine(hex, name)).toBe(stdout)
    expect(new ChecksumList(stdout, 'SUMS').of(name)).toEqual([{ algorithm: 'sha256', hex }])
  })

  test.each([
    [
      'signed text',
      `-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n${WRONG}  a\n-----BEGIN PGP SIGNATURE-----\nxyz\n`,
      1,
    ],
    ['several algorithms', `MD5 (a) = ${WRONG.slice(32)}\nSHA256 (a) = ${WRONG}\n`, 2],
    ['an algorithm that is unknown', `SHA1 (a) = ${WRONG.slice(24)}\n${WRONG.slice(24)}  a\n`, 0],
    ['a tag that does not fit', `SHA512 (a) = ${WRONG}\n`, 0],
    ['a similar name', `${WRONG}  ba\n${WRONG}  a.gz\n`, 0],
  ])('with %s', (_, text, count) => {
    expect(new ChecksumList(text, 'SUMS').of('a')).toHaveLength(count)
  })
})
