import { copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { describe, expect, test } from 'vitest'
import { newDatabase } from '../../support/databases/databases.ts'
import { hashOf, newFolder } from '../../support/files/images.ts'
import { environment, PROGRAM, ROOT, vdcManage } from '../../support/process/cli.ts'

/** The heavy libraries, each with a string that occurs only in one of its modules. */
const MARKS = { knex: 'Unable to acquire a connection', mysql2: 'sha256_password', libsql: 'databaseOpenWithSync' }

/** Coverage of a function by V8: its ranges, and how often each ran. */
interface Covered {
  ranges: { startOffset: number; endOffset: number; count: number }[]
}

async function loadedLibraries(args: string[], database?: { uri: string }): Promise<string[]> {
  const coverage = newFolder()
  try {
    await vdcManage(args, { env: { NODE_V8_COVERAGE: coverage.path }, reject: true, ...(database ? { database } : {}) })
    const [file] = readdirSync(coverage.path)
    const { result } = JSON.parse(readFileSync(join(coverage.path, file as string), 'utf8')) as {
      result: { url: string; functions: Covered[] }[]
    }
    const bundle = join(ROOT, 'dist/program.cjs')
    const { functions } = result.find(({ url }) => url === `file://${bundle}`) as { functions: Covered[] }
    const source = readFileSync(bundle, 'utf8')
    return Object.entries(MARKS).flatMap(([name, mark]) => {
      // Each module of a library is a function inside two others of the bundle, and runs when it is loaded.
      const at = source.indexOf(mark)
      const [, , module] = functions
        .map(({ ranges }) => ranges[0] as Covered['ranges'][0])
        .filter(({ startOffset, endOffset }) => startOffset <= at && at < endOffset)
        .sort((one, other) => other.endOffset - other.startOffset - (one.endOffset - one.startOffset))
      if (module === undefined) throw new Error(`No module contains '${mark}'`)
      return module.count > 0 ? [name] : []
    })
  } finally {
    coverage.remove()
  }
}

describe('start-up', () => {
  test('--version, --help and completion load no database library', async () => {
    expect(await loadedLibraries(['--version'])).toEqual([])
    expect(await loadedLibraries(['--help'])).toEqual([])
    expect(await loadedLibraries(['image', 'add', 'local', '--help'])).toEqual([])
    expect(await loadedLibraries(['complete', 'zsh', '--', 'image', 'sh'])).toEqual([])
  })

  test('a command loads only the driver of its database', async () => {
    for (const [engine, driver] of [
      ['mariadb', 'mysql2'],
      ['sqlite', 'libsql'],
    ] as const) {
      const database = await newDatabase(engine)
      expect(await loadedLibraries(['image', 'list'], database)).toEqual(['knex', driver])
      await database.remove()
    }
  })

  test('--version prints the version of the package', async () => {
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }
    expect((await vdcManage(['--version'])).stdout).toMatch(new RegExp(`^vdc-manage/${version} linux-`))
  })

  test('--version and --help load no expensive Node.js module', async () => {
    const folder = newFolder()
    const path = join(folder.path, 'modules')
    const tell = `process.on('exit', () => require('node:fs').writeFileSync(${JSON.stringify(path)}, process.moduleLoadList.join('\\n')))`
    writeFileSync(join(folder.path, 'tell.cjs'), tell)
    for (const args of [['--version'], ['image', 'add', 'local', '--help']]) {
      await vdcManage(args, { env: { NODE_OPTIONS: `--require ${join(folder.path, 'tell.cjs')}` }, reject: true })
      const loaded = readFileSync(path, 'utf8').split('\n')
      for (const name of [
        'child_process',
        'crypto',
        'readline',
        'perf_hooks',
        'worker_threads',
        'tls',
        'internal/process/report',
      ])
        expect(loaded).not.toContain(`NativeModule ${name}`)
    }
    folder.remove()
  })

  test('the manifest matches the commands, even if a stale one exists', async () => {
    const folder = newFolder()
    for (const name of ['package.json', 'dist']) cpSync(join(ROOT, name), join(folder.path, name), { recursive: true })
    symlinkSync(join(ROOT, 'node_modules'), join(folder.path, 'node_modules'))
    mkdirSync(join(folder.path, 'scripts'))
    copyFileSync(join(ROOT, 'scripts/manifest.js'), join(folder.path, 'scripts/manifest.js'))
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }
    writeFileSync(join(folder.path, 'oclif.manifest.json'), JSON.stringify({ commands: {}, version }))
    const { stdout } = await execa('node', [join(folder.path, 'scripts/manifest.js'), '--stdout'])
    const manifest = JSON.parse(readFileSync(join(ROOT, 'oclif.manifest.json'), 'utf8')) as { commands: object }
    expect(manifest).toEqual(JSON.parse(stdout))
    const sources = readdirSync(join(ROOT, 'src/commands'), { recursive: true, encoding: 'utf8' })
    const ids = sources.filter((path) => path.endsWith('.ts')).map((path) => path.slice(0, -3).replaceAll('/', ':'))
    expect(Object.keys(manifest.commands).sort()).toEqual(ids.sort())
    folder.remove()
  })

  test('an installed package is complete, including its worker threads', async () => {
    const folder = newFolder()
    await execa('npm', ['pack', '--ignore-scripts', '--pack-destination', folder.path], { cwd: ROOT })
    const archive = readdirSync(folder.path).find((name) => name.endsWith('.tgz')) as string
    await execa('tar', ['-xzf', archive], { cwd: folder.path })
    const root = join(folder.path, 'package')
    symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'))
    const path = join(folder.path, 'disk.raw')
    writeFileSync(path, Buffer.alloc(64 * 2 ** 20))
    const database = await newDatabase('sqlite')
    const { stdout } = await execa(join(root, 'bin/run.js'), ['backupobject', 'add', '--from-file', path, '--json'], {
      env: environment({ database }),
      extendEnv: false,
    })
    expect(JSON.parse(stdout)).toMatchObject({ checksum: hashOf(path, 'md5') })
    await database.remove()
    folder.remove()
  })

  test('the program runs from any directory through a symlink', async () => {
    const folder = newFolder()
    await execa('ln', ['-s', PROGRAM, join(folder.path, 'vdc-manage')])
    const result = await execa(join(folder.path, 'vdc-manage'), ['--version'], { cwd: '/' })
    expect(result.stdout).toMatch(/^vdc-manage\//)
    folder.remove()
  })
})
