import { copyFileSync, mkdirSync, renameSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { closeImageFile, openImageFile } from '../../../../src/disk/file/image-file.ts'
import { bootSector, hashOf, makeImage, newFolder } from '../../../support/files/images.ts'
import { environment, PROGRAM, type RunOptions, shell, vdcManage } from '../../../support/process/cli.ts'
import { startTerminal, type Terminal } from '../../../support/process/tmux.ts'

const GIB = 2 ** 30
/** It must not be used. */
const database = { uri: 'bogus://nowhere' }
const folder = newFolder()
const root = join(folder.path, 'pictures')
const at = (name: string) => join(root, name)

beforeAll(async () => {
  mkdirSync(at('below'), { recursive: true })
  await makeImage(at('a.qcow2'), { size: '1G' })
  await makeImage(at('below/b.vmdk'), { format: 'vmdk', size: '64M' })
  writeFileSync(at('noise.raw'), Buffer.alloc(2 ** 20, 0xa5))
  writeFileSync(at('page.qcow2'), '<!DOCTYPE html>')
  writeFileSync(at('SHA256SUMS'), 'x')
  await shell('qemu-img create -q -f qcow2 -F qcow2 -b a.qcow2 -o data_file=apart.raw both.qcow2 64M; rm apart.raw', {
    cwd: root,
  })
})
afterAll(() => folder.remove())
const open: Terminal[] = []
afterEach(async () => {
  for (const terminal of open.splice(0)) await terminal.close()
})

function inspect(words: readonly string[], options: RunOptions = {}) {
  return vdcManage(['image', 'inspect', ...words], { database, cwd: folder.path, ...options })
}

async function run(line: string, width: number): Promise<Terminal> {
  const terminal = await startTerminal(line, { database, home: folder.path, cwd: folder.path, width })
  open.push(terminal)
  return terminal
}

const ORDER = ['a.qcow2', 'below/b.vmdk', 'both.qcow2', 'noise.raw', 'page.qcow2']

describe('image inspect of several files', () => {
  test('prints JSON, csv and text in a pipe as before, in the order of the names', async () => {
    const { stdout, stderr, code } = await inspect(['-r', 'pictures', '--json'])
    expect({ stderr, code }).toEqual({ stderr: 'Skipped in pictures: SHA256SUMS\n', code: 3 })
    const reports = JSON.parse(stdout)
    expect(reports.map(({ path }: { path: string }) => path)).toEqual(ORDER.map(at))
    expect(reports.map(({ acceptable }: { acceptable: boolean }) => acceptable)).toEqual([
      true,
      true,
      false,
      true,
      false,
    ])
    expect(reports[0]).toMatchObject({ md5: hashOf(at('a.qcow2'), 'md5'), sha256: hashOf(at('a.qcow2'), 'sha256') })
    for (const [position, path] of ORDER.entries())
      expect((await inspect([at(path), '--json'])).stdout).toBe(`${JSON.stringify(reports[position], undefined, 2)}\n`)
    const csv = await inspect(['--recursive', 'pictures', '--format', 'csv', '-c', 'path,file_format'])
    expect(csv.stdout.split('\n').slice(0, 2)).toEqual(['path,file_format', `${at('a.qcow2')},qcow2`])
    const text = await inspect(['-r', 'pictures', '--no-checksum'])
    expect(text.stdout.match(/^path: +.*$/gm)?.map((line) => line.split(/ +/)[1])).toEqual(ORDER.map(at))
  })

  test('takes paths from stdin, and prints each report as it is known', async () => {
    const files = ORDER.map(at).join('\0')
    const run = await inspect(['-0', '-', '--format', 'ndjson'], { input: files })
    expect(run.stdout.split('\n').slice(0, -1)).toHaveLength(5)
    const running = execa(PROGRAM, ['image', 'inspect', '-'], {
      env: environment({ database }),
      extendEnv: false,
      reject: false,
      cwd: root,
    })
    running.stdin.write('a.qcow2\n')
    const [first] = (await new Promise<Buffer>((resolve) => running.stdout.once('data', resolve)))
      .toString()
      .split('\n')
    expect(first).toContain(at('a.qcow2'))
    running.stdin.end()
    expect((await running).exitCode).toBe(0)
  })

  test.each<[string[], number, string]>([
    [['-r', 'pictures', '--checksum', '0'.repeat(32)], 2, 'Error: --checksum can be used with only one file\n'],
    [['--null', 'x'], 2, 'Error: --null requires -, which stands for the paths on stdin\n'],
    [['-r', 'pictures', '--max-size', '1X'], 3, 'Error: --max-size must be a number of bytes'],
  ])('refuses %j', async (words, code, says) => {
    const run = await inspect(words)
    expect(run).toMatchObject({ code, stdout: '' })
    expect(run.stderr.replace(/^Skipped.*\n/, '').slice(0, says.length)).toBe(says)
  })

  test('names --recursive for a folder', async () => {
    expect((await inspect(['pictures', at('a.qcow2')])).stderr).toBe(
      `Error: ${root} is a folder, not a regular file\nHint: Give the path of a disk image file in the folder, or all of them with --recursive\n`,
    )
  })

  test('is a table if one is asked for, with all reasons below', async () => {
    const { stdout, stderr, code } = await inspect(['-r', 'pictures', '--format', 'table'])
    expect(code).toBe(3)
    expect(stdout).toBe(
      [
        'PATH                   RESULT   FORMAT  VIRTUAL SIZE  FILE SIZE  PACKED  ARCH',
        'pictures/a.qcow2       ok       qcow2   1 GiB         192 KiB    no      -',
        'pictures/below/b.vmdk  ok       vmdk    64 MiB        64 KiB     no      -',
        'pictures/both.qcow2    refused  qcow2   64 MiB        192 KiB    no      -',
        'pictures/noise.raw     warning  raw     1 MiB         1 MiB      no      -',
        'pictures/page.qcow2    refused  -       -             15 B       no      -',
        '',
      ].join('\n'),
    )
    expect(stderr.match(/^(?:Error|Warning): .*$/gm)).toEqual([
      expect.stringMatching(/^Error: .*both.qcow2 refers to the backing file a.qcow2/),
      expect.stringMatching(/^Error: .*both.qcow2 refers to the external data file apart.raw/),
      expect.stringMatching(/^Warning: .*noise.raw has no known partition table/),
      expect.stringMatching(/^Error: .*page.qcow2 is an HTML page/),
    ])
  })
})

describe('at a terminal, image inspect of several files', () => {
  test('is a table that fits 80 columns', async () => {
    const terminal = await run('vdc-manage image inspect --no-color -r pictures', 80)
    expect(await terminal.exitCode()).toBe(3)
    const screen = await terminal.screen()
    expect(screen).toMatch(
      /^PATH +RESULT +FORMAT +VIRTUAL SIZE +FILE SIZE +PACKED +ARCH\npictures\/a.qcow2 +ok +qcow2 /m,
    )
    expect(screen.indexOf('Error:')).toBeGreaterThan(screen.indexOf('pictures/page.qcow2'))
  })

  test('leaves out columns at 40, and cuts paths at their start', async () => {
    mkdirSync(join(folder.path, 'a-folder-with-a-long-name'), { recursive: true })
    for (const name of ['lucid-1.qcow2', 'lucid-2.qcow2'])
      copyFileSync(at('a.qcow2'), join(folder.path, 'a-folder-with-a-long-name', name))
    const terminal = await run('vdc-manage image inspect --no-color -r a-folder-with-a-long-name', 40)
    expect(await terminal.exitCode()).toBe(0)
    expect(await terminal.screen()).toMatch(
      /^PATH +RESULT +FORMAT\n….*-name\/lucid-1.qcow2 +ok +qcow2\n….*-name\/lucid-2.qcow2 +ok +qcow2\nNot shown in 40 columns: VIRTUAL SIZE,/,
    )
    for (const line of (await terminal.screen()).split('\n')) expect(line.length).toBeLessThanOrEqual(40)
  })

  test('prints one file as before', async () => {
    const terminal = await run('vdc-manage image inspect --no-color --no-checksum pictures/a.qcow2', 80)
    expect(await terminal.exitCode()).toBe(0)
    expect(await terminal.screen()).toMatch(/^path: .*\nacceptable: +yes\nfile_format: +qcow2$/m)
  })

  test('shows the progress of all, and prints the table so far after Ctrl-C', async () => {
    for (const name of ['big1.raw', 'big2.raw']) {
      writeFileSync(join(folder.path, name), bootSector())
      truncateSync(join(folder.path, name), 100 * GIB)
    }
    const terminal = await run('vdc-manage image inspect --no-color pictures/a.qcow2 big1.raw big2.raw', 80)
    await terminal.until(/^Inspecting 1 of 3 files \[[#.]+\] +\d+% /m)
    await terminal.press('C-c')
    expect(await terminal.exitCode()).toBe(130)
    expect(await terminal.screen()).toMatch(/^PATH .*\npictures\/a.qcow2 +ok .*\nError: Interrupted\nexit code 130$/m)
  })
})

test('a link that replaced a file of a folder since it was found is refused', async () => {
  const path = at('swapped.qcow2')
  copyFileSync(at('a.qcow2'), path)
  await closeImageFile(await openImageFile(path, { isReal: true }))
  renameSync(path, at('moved.qcow2'))
  symlinkSync('moved.qcow2', path)
  await expect(openImageFile(path, { isReal: true })).rejects.toMatchObject({
    code: 'FILE_REFUSED',
    message: `The file ${path} changed while it was being registered`,
  })
  await closeImageFile(await openImageFile(path))
})
