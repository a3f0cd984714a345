import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { crc32 } from 'node:zlib'
import { execa } from 'execa'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { newFolder } from '../../support/files/images.ts'
import { environment, PROGRAM, ROOT } from '../../support/process/cli.ts'
import { NOBODY } from '../../support/process/root-home.ts'

/* The V8 code cache of bin/code-cache.js. Its contents are executed, so its place must be safe. */

const HEADER = 4096

const all = newFolder()
chmodSync(all.path, 0o755)
afterAll(() => all.remove())

let count = 0
let home: string
let folder: string
beforeEach(() => {
  home = join(all.path, `home${++count}`)
  folder = join(home, '.cache/vdc-manage')
  mkdirSync(home, { mode: 0o755 })
  chownSync(home, NOBODY, NOBODY)
})

interface Options {
  user?: number
  /** A shell command that runs before the program, as root. */
  before?: string
  /** A shell command that runs after the program, as root. */
  after?: string
  env?: Record<string, string>
}

/** Runs the program as an unprivileged user in a mount namespace. */
async function run(args: string[], { user = NOBODY, before = ':', after = ':', env = {} }: Options = {}) {
  const as = `setpriv --reuid ${user} --clear-groups ${PROGRAM} "$@"`
  const result = await execa(
    'unshare',
    ['-m', 'sh', '-c', `${before}; ${as}; code=$?; ${after}; exit $code`, 'sh', ...args],
    {
      env: environment({ env: { HOME: home, VDC_MANAGE_DATABASE_URI: 'sqlite:///nonexistent/unused', ...env } }),
      extendEnv: false,
      reject: false,
    },
  )
  return { code: result.exitCode, stdout: result.stdout, stderr: result.stderr }
}

/** Runs a command that needs no database. It must succeed with an empty stderr. Returns its stdout. */
async function runWell(args: string[], options: Options = {}): Promise<string> {
  const { code, stdout, stderr } = await run(args, options)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return stdout
}

/** Returns the state of the cache file of this Node.js release. */
function kept(): { path: string; inode: number; parts: string[] } {
  const [name, ...others] = readdirSync(folder)
  expect(others).toEqual([])
  const path = join(folder, name as string)
  const { parts } = JSON.parse(readFileSync(path).toString('latin1', 0, HEADER)) as { parts: string[] }
  return { path, inode: statSync(path).ino, parts }
}

/** Writes a file as its owner would. */
function put(path: string, contents: string | Buffer): void {
  writeFileSync(path, contents)
  chownSync(path, NOBODY, NOBODY)
  chmodSync(path, 0o600)
}

/** A file with the code of `--help`, which does not depend on the home folder. */
let helpFile: { name: string; contents: Buffer } | undefined

/** Makes a cache as `--help` leaves it. */
async function keepHelp(): Promise<void> {
  if (helpFile === undefined) {
    await runWell(['--help'])
    helpFile = { name: basename(kept().path), contents: readFileSync(kept().path) }
    return
  }
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  for (const path of [folder, dirname(folder)]) chownSync(path, NOBODY, NOBODY)
  put(join(folder, helpFile.name), helpFile.contents)
}

/** Changes one byte of a file. */
function flip(path: string, at: number): void {
  const bytes = readFileSync(path)
  bytes[at] = (bytes[at] as number) ^ 0xff
  writeFileSync(path, bytes)
}

const VERSION = /^vdc-manage\//

describe.runIf(process.getuid?.() === 0)('the code cache', () => {
  test('is written by the first run that needs it, and used by later runs', async () => {
    await runWell(['--version'])
    const first = kept()
    expect(first.parts).toEqual(['version'])
    await runWell(['--version'])
    expect(kept()).toEqual(first)
    await runWell(['--help'])
    const second = kept()
    expect(second.parts).toEqual(['version', 'help'])
    expect(statSync(second.path).size).toBeGreaterThan(HEADER + 100_000)
    await runWell(['--help'])
    await runWell(['--version'])
    expect(kept()).toEqual(second)
  })

  test('is not written by a failing run', async () => {
    expect(await run(['image', 'show', 'wmi-1'])).toMatchObject({ code: 6 })
    expect(existsSync(join(home, '.cache'))).toBe(false)
  })

  test('is private to its user, whatever the umask', async () => {
    await runWell(['--version'], { before: 'umask 000' })
    expect([kept().path, folder, join(home, '.cache')].map((path) => statSync(path).mode & 0o777)).toEqual([
      0o600, 0o700, 0o700,
    ])
  })

  test('of root is in /var/cache, whatever HOME is', async () => {
    const mount = 'mount -t tmpfs -o mode=755 none /var/cache; umask 000'
    const list = async (before: string) => {
      const [, ...names] = (
        await runWell(['--version'], { user: 0, before, after: 'ls -A /var/cache/vdc-manage/' })
      ).split('\n')
      return names
    }
    expect(await list(mount)).toEqual([expect.stringContaining(`-${process.version}-`)])
    for (const hostile of [
      'mkdir /var/cache/vdc-manage; chmod 777 /var/cache',
      'mkdir -m 777 /var/cache/vdc-manage',
      `mkdir /var/cache/vdc-manage; chown ${NOBODY} /var/cache/vdc-manage`,
      `ln -s ${home} /var/cache/vdc-manage`,
    ])
      expect(await list(`${mount}; ${hostile}`)).toEqual([])
    expect(existsSync(join(home, '.cache'))).toBe(false)
  })

  test.each<[string, () => string | undefined]>([
    ['HOME belongs to another user', () => void chownSync(home, 0, 0)],
    ['others can write to HOME', () => void chmodSync(home, 0o777)],
    ['another user created the folder', () => void mkdirSync(folder, { recursive: true, mode: 0o777 })],
    ['the folder is a symlink', () => void symlinkSync(all.path, join(home, '.cache'))],
    ['HOME is empty', () => ''],
    ['HOME is relative', () => '.'],
    ['HOME is /proc', () => '/proc'],
  ])('is not written if %s', async (_, make) => {
    const before = readdirSync(all.path)
    const env = { HOME: make() ?? home }
    expect(await runWell(['--version'], { env })).toMatch(VERSION)
    expect(existsSync(folder) ? readdirSync(folder) : []).toEqual([])
    expect(readdirSync(all.path)).toEqual(before)
  })

  test.each<[string, (path: string) => void]>([
    ['is empty', (path) => put(path, '')],
    ['has other contents', (path) => put(path, 'x'.repeat(2 * HEADER))],
    ['has unrelated JSON', (path) => put(path, 'null'.padEnd(2 * HEADER))],
    ['is truncated', (path) => truncateSync(path, statSync(path).size - 1000)],
    [
      'ends in zeros',
      (path) => {
        const { size } = statSync(path)
        truncateSync(path, size - 5000)
        truncateSync(path, size)
      },
    ],
    ['has a changed byte in its code', (path) => flip(path, HEADER + 50_000)],
    ['names other parts', (path) => flip(path, readFileSync(path).indexOf('help'))],
    [
      'belongs to another build',
      (path) => put(path, readFileSync(path, 'latin1').replace(/"of":"[0-9a-f]{64}/, `"of":"${'0'.repeat(64)}`)),
    ],
    [
      'is a symlink',
      (path) => {
        renameSync(path, `${home}/elsewhere`)
        symlinkSync(`${home}/elsewhere`, path)
      },
    ],
    ['belongs to another user', (path) => chownSync(path, 0, 0)],
    ['is writable by others', (path) => chmodSync(path, 0o666)],
  ])('is rewritten if the file %s', async (_, spoil) => {
    await keepHelp()
    const { path } = kept()
    spoil(path)
    expect(await runWell(['--version'])).toMatch(VERSION)
    expect(kept().parts).toEqual(['version'])
    expect(lstatSync(path)).toMatchObject({ uid: NOBODY })
    expect(lstatSync(path).isFile()).toBe(true)
  })

  test('is rewritten if the file is a FIFO without a writer', async () => {
    await runWell(['--version'])
    const { path } = kept()
    await execa('sh', ['-c', `rm ${path} && mkfifo ${path} && chown ${NOBODY} ${path}`])
    expect(await runWell(['--version'])).toMatch(VERSION)
    expect(lstatSync(path).isFile()).toBe(true)
  })

  test('is rewritten if V8 rejects it', async () => {
    await keepHelp()
    const { path, inode, parts } = kept()
    await runWell(['--help'])
    expect(kept().inode).toBe(inode)
    const code = readFileSync(path).subarray(HEADER)
    code[0] = (code[0] as number) ^ 0xff
    const of = basename(path)
    const header = { of, sum: crc32(code, crc32(JSON.stringify([of, parts]))), parts }
    put(path, Buffer.concat([Buffer.from(JSON.stringify(header).padEnd(HEADER)), code]))
    expect(await runWell(['--version'])).toMatch(VERSION)
    expect(kept().parts).toEqual(['version'])
  })

  test.each<[string, [string[], Options?][]]>([
    [
      'command',
      [[['--version']], [['completion', 'bash']], [['image', 'add', '--help']], [['image', 'list', '--help']]],
    ],
    [
      'set of Node.js options',
      [[['--version']], [['--version'], { env: { NODE_OPTIONS: '--max-old-space-size=512' } }]],
    ],
  ])('has a file for each %s', async (_, runs) => {
    const runAll = async () => {
      for (const [args, options] of runs) await runWell(args, options)
      return readdirSync(folder).map((name) => `${name} ${statSync(join(folder, name)).ino}`)
    }
    const first = await runAll()
    expect(first).toHaveLength(runs.length)
    expect(await runAll()).toEqual(first)
  })

  test('has one file per command, whatever its options and IDs', async () => {
    for (const args of [['wmi-1', '--help'], ['--help'], ['--help', '--json']])
      await runWell(['image', 'show', ...args])
    kept()
  })

  test('is complete after several first runs at once', async () => {
    const runs = await Promise.all(Array.from({ length: 6 }, () => run(['--version'])))
    for (const { code, stdout, stderr } of runs)
      expect([code, stdout, stderr]).toEqual([0, expect.stringMatching(VERSION), ''])
    const { inode } = kept()
    await runWell(['--version'])
    expect(kept().inode).toBe(inode)
  })

  test('drops files of other builds and releases, and leftovers of killed processes', async () => {
    await runWell(['--version'])
    const { path } = kept()
    const old = new Date(Date.now() - 2 * 3_600_000)
    for (const name of ['1111-v20.0.0-x64', `4711.1700000000000.${basename(path)}`]) {
      put(join(folder, name), 'old')
      utimesSync(join(folder, name), old, old)
    }
    put(join(folder, '2222-v22.0.0-x64'), 'of an hour')
    utimesSync(path, old, old)
    await runWell(['completion', 'bash'])
    const names = readdirSync(folder)
    expect(names).toHaveLength(3)
    expect(names).toEqual(expect.arrayContaining(['2222-v22.0.0-x64', basename(path)]))
  })

  test('drops files from the future and the oldest of many, but no folder', async () => {
    mkdirSync(join(folder, '0'), { recursive: true })
    for (const path of [folder, join(home, '.cache')]) chownSync(path, NOBODY, NOBODY)
    const now = Date.now() / 1000
    for (const name of Array.from({ length: 110 }, (_, at) => `${1000 + at}-v22.0.0-x64`)) {
      put(join(folder, name), 'of others')
      const time = name.startsWith('1109') ? now + 86_400 : now - Number(name.slice(0, 4))
      utimesSync(join(folder, name), time, time)
    }
    utimesSync(join(folder, '0'), 0, 0)
    await runWell(['--version'])
    const names = readdirSync(folder)
    expect(names).toHaveLength(1 + 1 + 98)
    // Enough for each command.
    const manifest = JSON.parse(readFileSync(join(ROOT, 'oclif.manifest.json'), 'utf8'))
    expect(98).toBeGreaterThan(Object.keys(manifest.commands).length)
    expect(names).toEqual(expect.arrayContaining(['0', '1000-v22.0.0-x64', '1097-v22.0.0-x64']))
  })

  test('keeps the code of the start if V8 drops it during a long run', async () => {
    const module = join(home, 'module.cjs')
    const functions = Array.from({ length: 300 }, (_, at) => `function f${at}(a) { return [a, ${at}].map(String) }`)
    const calls = functions.map((_, at) => `f${at}(1)`)
    writeFileSync(
      module,
      `/* ${'0'.repeat(64)} */${functions.join(';')};exports.usedParts=new Set([process.argv[2]]);${calls.join(';')}`,
    )
    const script = join(home, 'script.cjs')
    writeFileSync(
      script,
      `const [part, wait] = process.argv.slice(2)
      require(${JSON.stringify(join(dirname(PROGRAM), 'code-cache.js'))}).loadWithCode(${JSON.stringify(module)})
      setTimeout(() => { for (let round = 0; round < 20; round++) gc() }, Number(wait))`,
    )
    const sizeAfter = async (part: string, wait: number) => {
      const program = [process.execPath, '--expose-gc', '--stress-flush-code', script, part, `${wait}`]
      await execa('setpriv', ['--reuid', `${NOBODY}`, '--clear-groups', ...program], {
        env: environment({ env: { HOME: home } }),
        extendEnv: false,
      })
      return statSync(kept().path).size
    }
    const whole = await sizeAfter('1', 2000)
    expect(whole).toBeGreaterThan(HEADER + 300 * 200)
    expect(await sizeAfter('2', 2000)).toBeGreaterThanOrEqual(whole)
    expect(kept().parts).toEqual(['1', '2'])
    // A run whose code was dropped too early leaves the file unchanged.
    expect(await sizeAfter('3', 0)).toBeGreaterThanOrEqual(whole)
  })

  test('is skipped silently if nothing can be written', async () => {
    mkdirSync(folder, { recursive: true })
    for (const path of [folder, join(home, '.cache')]) chownSync(path, NOBODY, NOBODY)
    chmodSync(folder, 0o500)
    expect(await runWell(['--version'])).toMatch(VERSION)
    expect(readdirSync(folder)).toEqual([])
    chmodSync(folder, 0o700)
    expect(
      await runWell(['--version'], {
        before: `mount -t tmpfs -o size=64k,mode=700,uid=${NOBODY} none ${folder}`,
        after: `ls -A ${folder}`,
      }),
    ).toMatch(/^vdc-manage\/\S+ \S+ \S+$/)
  })
})
