import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newDatabase, type TestDatabase } from '../support/databases/databases.ts'
import { makeImage, newFolder } from '../support/files/images.ts'
import { ROOT, runLines, vdcManage } from '../support/process/cli.ts'

const manifest = JSON.parse(readFileSync(join(ROOT, 'oclif.manifest.json'), 'utf8')) as {
  commands: Record<string, { flags: object }>
}
/** Every command with --json, as typed. */
const COMMANDS = Object.entries(manifest.commands)
  .filter(([, { flags }]) => 'json' in flags)
  .map(([id]) => id.replaceAll(':', ' '))

/**
 * Arguments with which a command succeeds, is refused, or names something missing. DISK is a file; OUT does not exist
 * yet.
 */
interface Cases {
  /** Missing if that starts a virtual machine, which other tests do. */
  done?: string
  /** More arguments that succeed, and their schema if it is another. */
  also?: [string, string?][]
  refused?: string
  notFound?: string
  /** Needs no database. */
  isOffline?: true
}
const MD5 = '0'.repeat(32)
const ADD_OBJECT = `--display-name o --storage-id bkst-one --object-key new.raw --size 1024 --checksum ${MD5}`
const CASES: Record<string, Cases> = {
  'account add': { done: '--uuid a-new', also: [['-n', 'dry run']], refused: "--uuid 'a b'" },
  'account list': {
    done: '--all',
    also: [['--count', 'count'], ['--sort created:desc --limit 1']],
    refused: '--sort bogus',
    notFound: '--after a-none',
  },
  'account modify': { done: 'a-team --description x', refused: "'a b' --description x", notFound: 'a-none --disable' },
  'account show': { done: 'a-team', also: [['a-team a-shpoolxx'], ['-']], refused: "'a b'", notFound: 'a-none' },
  'account del': { done: 'a-gone', refused: "'a b'", notFound: 'a-none' },
  'backupstorage add': {
    done: '--display-name s --base-uri https://storage.example/new/ --storage-type webdav',
    refused: '--display-name s --base-uri bogus --storage-type local',
  },
  'backupstorage list': { done: '', also: [['--count', 'count']], refused: '--limit 0', notFound: '--after bkst-none' },
  'backupstorage modify': {
    done: 'bkst-one --node-id n',
    refused: "bkst-one --base-uri 'a b'",
    notFound: 'bkst-none --node-id n',
  },
  'backupstorage show': { done: 'bkst-one', also: [['bkst-one bkst-two']], refused: "'a b'", notFound: 'bkst-none' },
  'backupstorage trust': {
    done: '',
    also: [['FOLDER', 'backupstorage trust'], ['--remove FOLDER']],
    refused: '/etc',
    isOffline: true,
  },
  'backupstorage del': { done: 'bkst-two', refused: "'a b'", notFound: 'bkst-none' },
  'backupobject add': {
    done: ADD_OBJECT,
    also: [[`${ADD_OBJECT} -n`, 'dry run']],
    refused: `${ADD_OBJECT} --state bogus`,
  },
  'backupobject list': {
    done: '',
    also: [['--count', 'count']],
    refused: '--checksum zz',
    notFound: '--storage-id bkst-none',
  },
  'backupobject modify': {
    done: 'bo-one --description d',
    refused: 'bo-one --checksum zz',
    notFound: 'bo-none --description d',
  },
  'backupobject show': { done: 'bo-one', also: [['bo-one bo-two']], refused: "'a b'", notFound: 'bo-none' },
  'backupobject del': { done: 'bo-two', refused: "'a b'", notFound: 'bo-none' },
  'db migrate': { done: '', also: [['-n', 'dry run']] },
  'db status': { done: '' },
  doctor: { done: '' },
  'image add local': {
    done: 'DISK --account-id a-team',
    also: [['DISK --account-id a-team -n', 'dry run']],
    refused: '/dev/null --account-id a-team',
    notFound: 'DISK --account-id a-none',
  },
  'image add url': {
    refused: `ftp://127.0.0.1/x.qcow2 --into FOLDER --account-id a-team --checksum md5:${'0'.repeat(32)}`,
    notFound: `http://127.0.0.1:1/x.qcow2 --into FOLDER --account-id a-none --checksum md5:${'0'.repeat(32)}`,
  },
  'image add volume': {
    done: 'bo-one --account-id a-team',
    refused: 'bo-one --account-id a-team --arch x',
    notFound: 'bo-none --account-id a-team',
  },
  'image check': {
    done: '--root FOLDER/guest --only net.resolv',
    refused: '--root FOLDER/guest --only bogus',
    isOffline: true,
  },
  'image convert': {
    done: 'DISK OUT --to raw',
    also: [['DISK OUT.2 --to raw -n', 'dry run']],
    refused: '/dev/null OUT.3 --to raw',
    isOffline: true,
  },
  'image try': { refused: '/dev/null', isOffline: true },
  'image install': { refused: '/dev/null OUT.qcow2', isOffline: true },
  'image build': { refused: 'OUT.qcow2 --suite Bookworm', isOffline: true },
  'image prepare': { refused: '/dev/null OUT.qcow2', isOffline: true },
  'image list': {
    done: '--account-id a-team',
    also: [['--all --label x'], ['--count', 'count'], ['--sort name --after wmi-one']],
    refused: '--created-after yesterday-ish',
    notFound: '--account-id a-none',
  },
  'image show': {
    done: 'wmi-one',
    also: [['wmi-one wmi-two'], ['wmi-one wmi-none']],
    refused: "'a b'",
    notFound: 'wmi-none',
  },
  'image inspect': {
    done: 'DISK',
    also: [['DISK DISK --no-checksum'], ['/dev/null DISK']],
    refused: 'DISK --arch x',
    isOffline: true,
  },
  'image export': {
    done: 'wmi-disk OUT.qcow2',
    also: [['wmi-disk OUT.2.qcow2 -n', 'dry run']],
    refused: "'a b' OUT.3",
    notFound: 'wmi-none OUT.3',
  },
  'image features': { done: 'wmi-one --virtio', refused: "'a b' --virtio", notFound: 'wmi-none --virtio' },
  'image history': {
    done: 'wmi-one',
    also: [['wmi-one bo-one'], ['wmi-one --at 2199-01-01', 'image history --at']],
    refused: 'wmi-one --at nonsense',
    notFound: 'wmi-none',
  },
  'image label': { done: 'wmi-one a=b', refused: 'wmi-one vdc-manage.x=1', notFound: 'wmi-none a=b' },
  'image modify': {
    done: 'wmi-one --description d',
    also: [['wmi-one --description e -n', 'dry run']],
    refused: 'wmi-one --state bogus',
    notFound: 'wmi-none --description d',
  },
  'image orphans': { done: '', refused: "--storage-id 'a b'", notFound: '--storage-id bkst-none' },
  'image protect': { done: 'wmi-two', refused: "'a b'", notFound: 'wmi-none' },
  'image unprotect': { done: 'wmi-two', refused: "'a b'", notFound: 'wmi-none' },
  'image verify': { done: 'wmi-disk', also: [['--all --quick']], refused: 'wmi-disk --jobs 0', notFound: 'wmi-none' },
  'image del': {
    done: 'wmi-two',
    also: [['wmi-none --ignore-missing'], ['wmi-one -n', 'dry run']],
    refused: "'a b'",
    notFound: 'wmi-none',
  },
  'image undelete': { done: 'wmi-two', refused: "'a b'", notFound: 'wmi-none' },
  'image purge': {
    done: '--yes',
    also: [['--yes -n --older-than 0s', 'dry run']],
    refused: '--yes --older-than soon',
    notFound: 'wmi-none --yes',
  },
  'registry import': { done: 'EXPORT', also: [['EXPORT -n', 'dry run']], refused: '/dev/null' },
}

let database: TestDatabase
const folder = newFolder()
const down = { uri: 'mysql://root@127.0.0.1:1/none' }
const filled = (line: string) =>
  line
    .replaceAll('DISK', join(folder.path, 'disk.qcow2'))
    .replaceAll('FOLDER', folder.path)
    .replaceAll('OUT', join(folder.path, 'out.raw'))
    .replaceAll('EXPORT', join(folder.path, 'registry.ndjson'))

beforeAll(async () => {
  database = await newDatabase('sqlite')
  const path = await makeImage(join(folder.path, 'disk.qcow2'))
  const object = (id: string) => `backupobject add --uuid bo-${id} ${ADD_OBJECT.replace('new', id)}`
  await runLines(
    [
      'account add --uuid a-team',
      'account add --uuid a-gone',
      'backupstorage add --uuid bkst-one --display-name s --base-uri https://storage.example/one/ --storage-type webdav',
      'backupstorage add --uuid bkst-two --display-name s --base-uri https://storage.example/two/ --storage-type webdav',
      object('one'),
      object('two'),
      object('three'),
      'image add local bo-one --uuid wmi-one --account-id a-team',
      'image add local bo-three --uuid wmi-two --account-id a-shpoolxx',
      `image add local ${path} --uuid wmi-disk --account-id a-team`,
    ],
    { database },
  )
  mkdirSync(join(folder.path, 'guest/etc'), { recursive: true })
  writeFileSync(join(folder.path, 'guest/etc/os-release'), 'ID=debian\n')
  await exportIt()
})
afterAll(async () => {
  await database.remove()
  folder.remove()
})

async function exportIt() {
  const { stdout } = await vdcManage(['registry', 'export'], { database, reject: true })
  writeFileSync(join(folder.path, 'registry.ndjson'), stdout)
}

const ajv = new Ajv2020({ allowUnionTypes: true })
const validators = new Map<string, ValidateFunction>()
function expectValid(name: string, answer: unknown) {
  const path = join(ROOT, 'test/golden/results', `${name.replaceAll(/[ -]+/g, '-')}.json`)
  const validate = validators.get(name) ?? ajv.compile(JSON.parse(readFileSync(path, 'utf8')))
  validators.set(name, validate)
  expect(validate(answer) ? [] : validate.errors).toEqual([])
}

/** Runs failing lines in one shell. Returns their JSON errors. */
async function errorsOf(lines: readonly string[], uri: { uri: string }) {
  const { stdout } = await vdcManage([], { database: uri, input: `${lines.join('\n')}\n` })
  return stdout
    .split(/(?<=^\}\n)/m)
    .filter((text) => text !== '')
    .map((text) => JSON.parse(text))
}

describe('--json output of every command matches its schema', () => {
  test('for all commands', () => {
    expect(Object.keys(CASES).sort()).toEqual([...COMMANDS].sort())
  })

  test.each(Object.entries(CASES))('%s, on success', async (command, { done, also = [] }) => {
    if (command === 'registry import') await exportIt()
    for (const [args, schema = command] of [...(done === undefined ? [] : [[done] as [string, string?]]), ...also]) {
      const words = `${command} ${filled(args)} --json`.split(' ').filter((word) => word !== '')
      // Each command once alone.
      const run = await vdcManage(words, { database, input: 'a-team\n', alone: args === done })
      const answer = JSON.parse(run.stdout)
      expectValid(schema, answer)
      // Some of several IDs are meant to fail.
      const fails = args.includes('wmi-none ') || args === 'wmi-one wmi-none' ? 9 : args.startsWith('/dev/null') ? 3 : 0
      expect({ args, code: run.code }).toEqual({ args, code: args.includes('--ignore-missing') ? 0 : fails })
    }
  })

  test('registry import, on conflicts', async () => {
    await vdcManage(['account', 'modify', 'a-team', '--description', 'other'], { database, reject: true })
    const run = await vdcManage(['registry', 'import', filled('EXPORT'), '--json'], { database })
    expect(run.code).toBe(5)
    expectValid('registry import', JSON.parse(run.stdout))
    expect(JSON.parse(run.stdout).conflicts).toMatchObject([{ id: 'a-team' }])
  })

  test.each([
    ['refused', [3, 5]],
    ['notFound', [4]],
  ] as const)('on %s errors', async (key, exits) => {
    const lines = Object.entries(CASES).flatMap(([command, cases]) =>
      cases[key] === undefined ? [] : [`${command} ${filled(cases[key])} --json`],
    )
    const errors = await errorsOf(lines, database)
    expect(errors).toHaveLength(lines.length)
    for (const [at, answer] of errors.entries()) {
      const command = Object.keys(CASES).find((name) => lines[at]?.startsWith(`${name} `)) as string
      // A refused file has a report.
      if (!('path' in answer)) expectValid('error', answer)
      else expectValid(command, answer)
      const as = exits.includes(answer.error.exit as never) ? 'expected' : answer.error
      expect({ line: lines[at], as }).toEqual({ line: lines[at], as: 'expected' })
    }
  })

  test('on usage errors', async () => {
    const lines = COMMANDS.map((command) => `${command} --bogus --json`)
    const errors = await errorsOf(lines, database)
    expect(errors).toHaveLength(lines.length)
    for (const answer of errors) {
      expectValid('error', answer)
      expect(answer.error).toMatchObject({ code: 'USAGE', exit: 2, message: expect.stringContaining('--bogus') })
    }
  })

  test('if the database is down', async () => {
    const lines = Object.entries(CASES).flatMap(([command, { done, isOffline }]) =>
      isOffline || done === undefined || command === 'doctor' ? [] : [`${command} ${filled(done)} --json`],
    )
    const errors = await errorsOf(lines, down)
    expect(errors).toHaveLength(lines.length)
    for (const answer of errors) {
      expectValid('error', answer)
      expect(answer.error).toMatchObject({ code: 'DATABASE_UNREACHABLE', exit: 6 })
    }
    const doctor = await vdcManage(['doctor', '--json'], { database: down })
    expect(doctor.code).toBe(6)
    expectValid('doctor', JSON.parse(doctor.stdout))
  })
})
