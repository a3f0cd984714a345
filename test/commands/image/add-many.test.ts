import { copyFileSync, linkSync, mkdirSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { countRows, ENGINES, newDatabase, type TestDatabase } from '../../support/databases/databases.ts'
import { bootSector, hashOf, makeImage, newFolder } from '../../support/files/images.ts'
import { environment, PROGRAM, type RunOptions, shell, vdcManage } from '../../support/process/cli.ts'
import { startTerminal } from '../../support/process/tmux.ts'

const OWNER = ['--account-id', 'a-shpoolxx']
const oneLine = (text: string) => text.replaceAll(/\s+/g, ' ').trim()
const ID = /^wmi-\w{8}$/

const folder = newFolder()
const at = (name: string) => join(folder.path, name)
const GOOD = ['one.qcow2', 'two.qcow2', 'three.qcow2']
let database: TestDatabase

beforeAll(async () => {
  for (const name of GOOD) await makeImage(at(name), { size: '8M' })
  writeFileSync(at('page.qcow2'), '<!DOCTYPE html>')
})
afterAll(() => folder.remove())
beforeEach(async () => {
  database = await newDatabase('sqlite')
})
afterEach(() => database.remove())

function add(words: readonly string[], options: RunOptions = {}) {
  return vdcManage(['image', 'add', 'local', ...words, ...OWNER], { database, cwd: folder.path, ...options })
}

/** Returns the paths of the registered images' files, in the order in which they were stored. */
async function registered(): Promise<string[]> {
  const rows = await database.query(
    'SELECT o.object_key AS name FROM images i JOIN backup_objects o ON i.backup_object_id = o.uuid OR i.backup_object_id = ? || o.uuid ORDER BY i.id',
    ['bo-'],
  )
  return rows.map(({ name }) => String(name))
}

describe('image add local of several files', () => {
  test('prints their IDs in order, one per line', async () => {
    const run = await add(GOOD)
    expect(run).toMatchObject({ code: 0, stderr: '' })
    const ids = run.stdout.split('\n').slice(0, -1)
    expect(ids).toHaveLength(3)
    for (const id of ids) expect(id).toMatch(ID)
    expect(await registered()).toEqual(GOOD)
    const shown = JSON.parse((await vdcManage(['image', 'show', ...ids, '--json'], { database })).stdout)
    expect(shown.map(({ display_name: name }: { display_name: string }) => name)).toEqual(['one', 'two', 'three'])
    expect(await countRows(database)).toMatchObject({ images: 3, backup_objects: 3, backup_storages: 1 })
  })

  test.each([0, 1, 2, 3])('registers the others if the file at position %i is refused', async (position) => {
    const words = GOOD.toSpliced(position, 0, 'page.qcow2')
    const run = await add(words)
    expect(run).toMatchObject({ code: 9, stdout: expect.stringMatching(/^(?:wmi-\w{8}\n){3}$/) })
    expect(run.stderr).toBe(
      `Error: The file ${at('page.qcow2')} is an HTML page, not a disk image\nHint: Check that the path names a disk image\n`,
    )
    expect(await registered()).toEqual(GOOD)
  })

  test('answers with an array in which failures are entries', async () => {
    const run = await add(['one.qcow2', 'page.qcow2', 'nosuch', '--json'])
    expect(run).toMatchObject({ code: 9, stderr: '' })
    expect(JSON.parse(run.stdout)).toEqual([
      expect.objectContaining({ id: expect.stringMatching(ID), display_name: 'one' }),
      { id: 'page.qcow2', error: expect.objectContaining({ code: 'FILE_REFUSED', exit: 3 }) },
      { id: 'nosuch', error: expect.objectContaining({ message: 'The file nosuch does not exist' }) },
    ])
    const lines = (await add(['nosuch', 'two.qcow2', '--format', 'ndjson', '-c', 'id'])).stdout.split('\n')
    expect(lines.map((line) => line && Object.keys(JSON.parse(line)))).toEqual([['id', 'error'], ['id'], ''])
  })

  test('exits with 9 if all are refused, and writes nothing', async () => {
    const before = await countRows(database)
    const run = await add(['nosuch', 'page.qcow2'])
    expect(run).toMatchObject({ code: 9, stdout: '' })
    expect(run.stderr.match(/^Error: /gm)).toHaveLength(2)
    expect(await countRows(database)).toEqual(before)
  })

  test('shares the backup object of a file that is named twice', async () => {
    expect(await add(['one.qcow2', './one.qcow2', at('one.qcow2')])).toMatchObject({ code: 0 })
    expect(await countRows(database)).toMatchObject({ images: 3, backup_objects: 1 })
    expect(await add(['one.qcow2', 'two.qcow2'])).toMatchObject({ code: 0 })
    expect(await countRows(database)).toMatchObject({ images: 5, backup_objects: 2 })
  })

  test('treats hard links as a single command does', async () => {
    linkSync(at('one.qcow2'), at('linked.qcow2'))
    const other = await newDatabase('sqlite')
    for (const name of ['one.qcow2', 'linked.qcow2']) await add([name], { database: other })
    await add(['one.qcow2', 'linked.qcow2'])
    expect(await countRows(database)).toEqual(await countRows(other))
    await other.remove()
  })

  test('takes IDs of backup objects among files, and -- before names', async () => {
    await add(['one.qcow2'])
    const [row] = await database.query('SELECT uuid FROM backup_objects')
    copyFileSync(at('two.qcow2'), at('-two.qcow2'))
    const run = await vdcManage(
      ['image', 'add', 'local', ...OWNER, '--', `bo-${row?.uuid}`.replace('bo-bo-', 'bo-'), '-two.qcow2'],
      { database, cwd: folder.path },
    )
    expect(run).toMatchObject({ code: 0, stderr: '', stdout: expect.stringMatching(/^(?:wmi-\w{8}\n){2}$/) })
    expect(await registered()).toEqual(['one.qcow2', 'one.qcow2', '-two.qcow2'])
  })

  test.each<[string[], number, string]>([
    [['--uuid', 'x', 'one.qcow2', 'two.qcow2'], 2, 'Error: --uuid can be used with only one file\n'],
    [['--display-name', 'x', '-'], 2, 'Error: --display-name can be used with only one file\n'],
    [['--checksum', '0'.repeat(32), '-r', '.'], 2, 'Error: --checksum can be used with only one file\n'],
    [['--md5sum', '0'.repeat(32), 'one.qcow2', 'two.qcow2'], 2, 'Error: --md5sum can be used with only one file\n'],
    [['-0', 'one.qcow2'], 2, 'Error: --null requires -, which stands for the paths on stdin\n'],
    [['-', 'one.qcow2', '-'], 2, 'Error: - reads paths from stdin and can be given only once\n'],
    [['one.qcow2', 'two.qcow2', '--max-size', '1X'], 3, 'Error: --max-size must be a number of bytes'],
    [['one.qcow2', 'two.qcow2', '--storage-id', 'bkst-x'], 3, 'Error: Backup storage bkst-x does not exist\n'],
    [['one.qcow2', 'two.qcow2', '--parent-image-id', 'wmi-x'], 3, 'Error: Parent image wmi-x does not exist\n'],
  ])('refuses %j at once, and writes nothing', async (words, code, says) => {
    const before = await countRows(database)
    const run = await add(words, { input: '' })
    expect(run).toMatchObject({ code, stdout: '' })
    expect(run.stderr.slice(0, says.length)).toBe(says)
    expect(run.stderr.match(/^Error: /gm)).toHaveLength(1)
    expect(await countRows(database)).toEqual(before)
  })

  test('refuses an unknown account once', async () => {
    const run = await vdcManage(['image', 'add', 'local', ...GOOD, '--account-id', 'a-none'], {
      database,
      cwd: folder.path,
    })
    expect(run).toMatchObject({ code: 4, stdout: '' })
    expect(run.stderr.match(/^Error: /gm)).toHaveLength(1)
  })

  test('creates the account with the first one', async () => {
    const words = ['image', 'add', 'local', ...GOOD, '--account-id', 'a-new', '--create-account']
    expect(await vdcManage(words, { database, cwd: folder.path })).toMatchObject({ code: 0, stderr: '' })
  })

  test('stops after a missing qemu-img', async () => {
    const run = await add(GOOD, { env: { PATH: '/nonexistent' }, process: false })
    expect(run.stderr.match(/^Error: .* is not installed$/gm)).toHaveLength(1)
    expect(run).toMatchObject({ code: 6, stdout: '' })
  })

  test('--storage-id, --convert and --dry-run work for several', async () => {
    const dry = await add(['one.qcow2', 'two.qcow2', 'nosuch', '--dry-run', '--json'])
    expect(dry.code).toBe(9)
    const changes = JSON.parse(dry.stdout) as { action: string; table: string; id: string }[]
    const rowsOf = (name: string) => changes.filter(({ table }) => table === name)
    expect(rowsOf('images')).toHaveLength(2)
    expect(rowsOf('backup_objects')).toHaveLength(2)
    // The second file would find the storage of the first.
    expect(rowsOf('backup_storages')).toHaveLength(1)
    expect(await countRows(database)).toMatchObject({ images: 0, backup_storages: 0 })

    const converted = await add(['one.qcow2', 'nosuch', 'two.qcow2', '--convert', 'raw'])
    expect(converted).toMatchObject({ code: 9, stdout: expect.stringMatching(/^(?:wmi-\w{8}\n){2}$/) })
    expect(await registered()).toEqual(['one.raw', 'two.raw'])
    const [storage] = await database.query('SELECT uuid FROM backup_storages')
    mkdirSync(at('other'))
    copyFileSync(at('two.qcow2'), at('other/two.qcow2'))
    const chosen = await add(['one.qcow2', 'other/two.qcow2', '/etc/passwd', '--storage-id', String(storage?.uuid)])
    expect(chosen.stdout).toMatch(/^(?:wmi-\w{8}\n){2}$/)
    expect(chosen.code).toBe(9)
  })

  test('warns about each file before its ID', async () => {
    for (const name of ['noise1.raw', 'noise2.raw']) writeFileSync(at(name), Buffer.alloc(2 ** 20, 0xa5))
    const run = await shell(`vdc-manage image add local noise1.raw one.qcow2 noise2.raw ${OWNER.join(' ')} 2>&1`, {
      database,
      cwd: folder.path,
    })
    expect(run.stdout.replaceAll(/wmi-\w{8}/g, 'ID').replaceAll(/: .* has .*$/gm, '')).toBe(
      'Warning\nID\nID\nWarning\nID\n',
    )
  })

  test('tells what is stored if stdout cannot be written', async () => {
    const line = `vdc-manage image add local one.qcow2 two.qcow2 ${OWNER.join(' ')}`
    const full = await shell(`${line} > /dev/full`, { database, cwd: folder.path })
    expect(full.code).toBe(1)
    expect(full.stderr).toMatch(
      /^Stored: wmi-\w{8}\nStored before this: 1, the last one from one.qcow2\nError: Cannot write to stdout: ENOSPC/,
    )
    const json = await shell(`${line} --json > /dev/full`, { database, cwd: folder.path })
    expect(json.code).toBe(1)
    expect(json.stderr.match(/^Stored: wmi-\w{8}$/gm)).toHaveLength(2)
  })

  test.each(['', '-q', '--format ndjson'])(
    'stops when the reader of stdout is gone, and tells what is stored: %s',
    async (more) => {
      const line = `image add local one.qcow2 two.qcow2 ${OWNER.join(' ')} ${more}`
      const before = (await countRows(database)).images as number
      const closed = await shell(`exec 5> >(:); wait $!; vdc-manage ${line} >&5`, { database, cwd: folder.path })
      expect(closed).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(
          /^Stored: wmi-\w{8}\nStored before this: 1, the last one from one.qcow2\nError: Cannot write to stdout: its reader has closed it\n$/,
        ),
      })
      expect(await countRows(database)).toMatchObject({ images: before + 1 })
      const bulk = await shell(`exec 5> >(:); wait $!; echo '${line}' | vdc-manage -e --tx bulk >&5`, {
        database,
        cwd: folder.path,
      })
      expect(bulk.code).toBe(1)
      expect(bulk.stderr).toMatch(
        /^(?:Stored: wmi-\w{8}\n){2}Error: Cannot write to stdout: its reader has closed it\n$/,
      )
      expect(await countRows(database)).toMatchObject({ images: before + 3 })
    },
  )
})

describe('paths on stdin', () => {
  test.each<[string, string[], string]>([
    ['lines', ['-'], 'one.qcow2\n\ntwo.qcow2\nthree.qcow2'],
    ['NULs', ['-0', '-'], 'one.qcow2\0\0two.qcow2\0three.qcow2\0'],
    ['NULs, as -0r', ['-0r', '-'], 'one.qcow2\0two.qcow2\0three.qcow2'],
    ['NULs, as -r0', ['-r0', '-'], 'one.qcow2\0two.qcow2\0three.qcow2\0'],
    ['words around it', ['one.qcow2', '-', 'three.qcow2'], 'two.qcow2\n'],
  ])('separated by %s', async (_, words, input) => {
    const run = await add(words, { input })
    expect(run).toMatchObject({ code: 0, stderr: '', stdout: expect.stringMatching(/^(?:wmi-\w{8}\n){3}$/) })
    expect(await registered()).toEqual(GOOD)
  })

  test('are taken exactly: names with newlines, spaces, \\r and bytes that are not UTF-8', async () => {
    const input = Buffer.concat([
      Buffer.from('one.qcow2\r\0 one.qcow2\0a\nb\0'),
      Buffer.from([0xff]),
      Buffer.from('.raw\0one.qcow2\0'),
    ])
    const run = await add(['-0', '-', '--json'], { input })
    expect(run.code).toBe(9)
    const answer = JSON.parse(run.stdout) as { id: string; error?: { message: string } }[]
    expect(answer.map(({ id, error }) => error?.message ?? id.slice(0, 4))).toEqual([
      'The file one.qcow2\r does not exist',
      'The file  one.qcow2 does not exist',
      'The file a\nb does not exist',
      'The path \ufffd.raw is not UTF-8',
      'wmi-',
    ])
  })

  test('one path is several, and none is nothing to do', async () => {
    expect(JSON.parse((await add(['-', '--json'], { input: 'one.qcow2\n' })).stdout)).toHaveLength(1)
    expect(await add(['-'], { input: '\n' })).toEqual({
      code: 0,
      signal: undefined,
      stdout: '',
      stderr: 'No paths on stdin: nothing to do\n',
    })
    expect(await add(['./-'])).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('The file ./- does not exist'),
    })
  })

  test('are registered as they come', async () => {
    const running = execa(PROGRAM, ['image', 'add', 'local', '-', ...OWNER], {
      env: environment({ database }),
      extendEnv: false,
      cwd: folder.path,
    })
    running.stdin.write('one.qcow2\n')
    await new Promise((resolve) => running.stdout.once('data', resolve))
    expect(await registered()).toEqual(['one.qcow2'])
    running.stdin.end('two.qcow2\n')
    expect((await running).stdout).toMatch(/^wmi-\w{8}\nwmi-\w{8}$/)
  })

  test('cannot be read by the lines of a shell whose script is stdin', async () => {
    const run = await vdcManage([], { database, input: `image add local - ${OWNER.join(' ')}\n` })
    expect(run.stderr).toMatch(/^Error: - cannot read paths from stdin, because stdin is the script/)
  })
})

describe('folders', () => {
  function tree(): string {
    const root = at('tree')
    mkdirSync(join(root, 'below'), { recursive: true })
    copyFileSync(at('one.qcow2'), join(root, 'b.qcow2'))
    copyFileSync(at('one.qcow2'), join(root, 'below/a.qcow2'))
    for (const name of ['README.md', 'SHA256SUMS', 'c.qcow2.sha256']) writeFileSync(join(root, name), 'x')
    writeFileSync(join(root, 'b.qcow2.sha256'), hashOf(at('one.qcow2'), 'sha256'))
    return root
  }

  test('are refused without --recursive, which is named', async () => {
    tree()
    const hint = 'Hint: Give the path of a disk image file in the folder, or all of them with --recursive\n'
    for (const words of [['tree'], ['tree', 'one.qcow2']])
      expect((await add(words)).stderr).toBe(`Error: ${at('tree')} is a folder, not a regular file\n${hint}`)
  })

  test('are walked with --recursive; what lies beside images is skipped, and said', async () => {
    tree()
    const run = await add(['--recursive', 'tree', 'two.qcow2'])
    expect(run).toMatchObject({ code: 0, stderr: 'Skipped in tree: README.md, SHA256SUMS, c.qcow2.sha256\n' })
    expect(await registered()).toEqual(['b.qcow2', 'below/a.qcow2', 'two.qcow2'])
  })

  test('a file that is refused is an error, as if it were named', async () => {
    const root = tree()
    writeFileSync(join(root, 'broken.qcow2'), '<!DOCTYPE html>')
    const run = await add(['-r', 'tree', 'nosuch/'])
    expect(run).toMatchObject({ code: 9, stdout: expect.stringMatching(/^(?:wmi-\w{8}\n){2}$/) })
    expect(run.stderr.match(/^Error: .*$/gm)).toEqual([
      `Error: The file ${root}/broken.qcow2 is an HTML page, not a disk image`,
      'Error: The file nosuch/ does not exist',
    ])
  })

  test('without images are nothing to do', async () => {
    mkdirSync(at('empty'))
    expect(await add(['-r', 'empty', '--json'])).toMatchObject({
      code: 0,
      stdout: '[]\n',
      stderr: 'No disk images in empty: nothing to do\n',
    })
  })
})

describe.each([
  ['SIGINT', 130, 'Interrupted'],
  ['SIGTERM', 143, 'Terminated'],
] as const)('%s', (signal, exitCode, says) => {
  test.each(['', '--json'])('leaves nothing half done, and says what is stored (%s)', async (json) => {
    writeFileSync(at('big.raw'), bootSector())
    truncateSync(at('big.raw'), 200 * 2 ** 30)
    const words = ['image', 'add', 'local', ...GOOD, 'big.raw', 'one.qcow2', ...OWNER, ...(json ? [json] : [])]
    const running = execa(PROGRAM, words, {
      env: environment({ database }),
      extendEnv: false,
      reject: false,
      cwd: folder.path,
    })
    while ((await registered()).length < 3) await new Promise((resolve) => setTimeout(resolve, 20))
    running.kill(signal)
    const run = await running
    expect(run.exitCode).toBe(exitCode)
    expect(await registered()).toEqual(GOOD)
    const noted = 'Stored before this: 3, the last one from three.qcow2'
    if (json === '') {
      expect(run.stdout).toMatch(/^wmi-\w{8}\nwmi-\w{8}\nwmi-\w{8}$/)
      expect(run.stderr).toBe(`${noted}\nError: ${says}`)
    } else {
      expect(JSON.parse(run.stdout)).toMatchObject({ error: { exit: exitCode } })
      expect(run.stderr).toMatch(new RegExp(`^(?:Stored: wmi-\\w{8}\n){3}${noted}$`))
    }
  })
})

test.each([
  [80, /^Registering 1 of 3 files \[[#.]+\] +\d+% +\d/m],
  [40, /^Registering 1 of 3 files +\d+% /m],
])('at a terminal of %i columns, one line shows the progress of all until Ctrl-C', async (width, line) => {
  for (const name of ['big1.raw', 'big2.raw']) {
    writeFileSync(at(name), bootSector())
    truncateSync(at(name), 200 * 2 ** 30)
  }
  const words = `vdc-manage image add local --no-color one.qcow2 big1.raw big2.raw ${OWNER.join(' ')}`
  const terminal = await startTerminal(words, { database, home: folder.path, cwd: folder.path, width })
  try {
    await terminal.until(line)
    await terminal.press('C-c')
    expect(await terminal.exitCode()).toBe(130)
    expect(oneLine(await terminal.screen())).toMatch(
      /^wmi-\w{8} Stored before this: 1, the last one from one.qcow2 Error: Interrupted exit code 130$/,
    )
    expect(await registered()).toEqual(['one.qcow2'])
  } finally {
    await terminal.close()
  }
})

test('Ctrl-C ends the wait for more paths on stdin', async () => {
  const running = execa(PROGRAM, ['image', 'add', 'local', '-', ...OWNER], {
    env: environment({ database }),
    extendEnv: false,
    reject: false,
    cwd: folder.path,
  })
  running.stdin.write('one.qcow2\n')
  await new Promise((resolve) => running.stdout.once('data', resolve))
  running.kill('SIGINT')
  // stdin stays open.
  const run = await running
  expect(run).toMatchObject({
    exitCode: 130,
    stderr: expect.stringMatching(/^Stored before this: 1, .*\nError: Interrupted$/),
  })
})

test('SIGKILL leaves whole images only', async () => {
  writeFileSync(at('big.raw'), bootSector())
  truncateSync(at('big.raw'), 200 * 2 ** 30)
  const running = execa(PROGRAM, ['image', 'add', 'local', 'one.qcow2', 'big.raw', ...OWNER], {
    env: environment({ database }),
    extendEnv: false,
    reject: false,
    cwd: folder.path,
  })
  running.stdout.once('data', () => running.kill('SIGKILL'))
  await running
  expect(await countRows(database)).toMatchObject({ images: 1, backup_objects: 1 })
  expect(await add(['one.qcow2', 'two.qcow2'])).toMatchObject({ code: 0 })
})

test('in one transaction of the shell, one refused file undoes all', async () => {
  const lines = (words: string) => [`image add local one.qcow2 ${words} ${OWNER.join(' ')}`].join('\n')
  const failed = await vdcManage(['-e', '--tx', 'bulk'], {
    database,
    cwd: folder.path,
    input: lines('nosuch two.qcow2'),
  })
  expect(failed).toMatchObject({ code: 9, stdout: '' })
  expect(await countRows(database)).toMatchObject({ images: 0, backup_objects: 0 })
  const done = await vdcManage(['-e', '--tx', 'bulk'], { database, cwd: folder.path, input: lines('two.qcow2') })
  expect(done).toMatchObject({ code: 0, stdout: expect.stringMatching(/^(?:wmi-\w{8}\n){2}$/) })
  expect(await registered()).toEqual(['one.qcow2', 'two.qcow2'])
})

test.each(ENGINES)('three processes register the same files on %s', async (engine) => {
  const shared = await newDatabase(engine)
  const runs = await Promise.all([1, 2, 3].map(() => add([...GOOD, 'page.qcow2'], { database: shared, process: true })))
  for (const run of runs) expect(run).toMatchObject({ code: 9, stdout: expect.stringMatching(/^(?:wmi-\w{8}\n){3}$/) })
  expect(await countRows(shared)).toMatchObject({ images: 9, backup_objects: 3, backup_storages: 1 })
  await shared.remove()
})
