import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { allRows, newDatabase, type TestDatabase } from '../../support/databases/databases.ts'
import { makeImage, newFolder } from '../../support/files/images.ts'
import { runLines, vdcManage } from '../../support/process/cli.ts'
import { newProgramFolder } from '../../support/process/programs.ts'
import { expectRefused, type Refusal } from '../../support/refusals.ts'

/* What is refused before a virtual machine starts. */

const folder = newFolder()
const at = (name: string) => join(folder.path, name)
let database: TestDatabase
beforeAll(async () => {
  database = await newDatabase('sqlite')
  for (const name of ['plain', 'changed', 'other']) await makeImage(at(`${name}.qcow2`))
  await execa('sh', ['-c', `gzip -c ${at('plain.qcow2')} > ${at('packed.qcow2.gz')}`])
  const add = (id: string, file = `${id}.qcow2`) =>
    `image add local ${at(file)} --uuid wmi-${id} --account-id a-shpoolxx`
  await runLines(
    [
      ...['plain', 'changed', 'other'].map((id) => add(id)),
      add('protected', 'plain.qcow2'),
      add('gone', 'plain.qcow2'),
      'image protect wmi-protected',
      'image del wmi-gone',
      'image modify wmi-other --file-format vmdk',
      'backupstorage add --uuid bkst-far --display-name far --base-uri http://far/ --storage-type webdav',
      `backupobject add --uuid bo-far --display-name far --storage-id bkst-far --object-key f.raw --size 512 --checksum ${'0'.repeat(32)}`,
      'image add local bo-far --uuid wmi-far --account-id a-shpoolxx',
    ],
    { database },
  )
  writeFileSync(at('changed.qcow2'), 'x', { flag: 'a' })
  writeFileSync(at('taken'), 'mine')
  writeFileSync(at('text'), 'text '.repeat(512))
  writeFileSync(at('bad.yml'), 'hostname: [1]\n')
  writeFileSync(at('alone.yml'), 'interfaces: []\n')
  writeFileSync(at('long'), 'x'.repeat(100_000))
  mkdirSync(at('tmp'))
})
afterAll(async () => {
  await database.remove()
  folder.remove()
})

const PLAIN = 'plain.qcow2'

describe('image try', () => {
  const refusals: [string, string[], Refusal][] = [
    ['an unknown image', ['wmi-none'], { exit: 4, message: 'Image wmi-none does not exist' }],
    ['a deleted image', ['wmi-gone'], { exit: 5, message: /wmi-gone is deleted \(since / }],
    ['an image elsewhere', ['wmi-far'], { exit: 3, message: 'not on this host', hint: 'image try PATH' }],
    ['a changed image', ['wmi-changed'], { exit: 5, message: / bytes, but \d+ are registered/, hint: 'image try /' }],
    ['an image of another format', ['wmi-other'], { exit: 3, message: /other\.qcow2 .*vmdk/ }],
    ['a protected image', ['wmi-protected', '--save'], { exit: 5, message: 'is protected', hint: '--force' }],
    ['a file to save', [PLAIN, '--save'], { exit: 2, message: /plain\.qcow2 is a file$/, hint: 'omit --save' }],
    ['what is not saved, by force', [PLAIN, '--force'], { exit: 2, message: '--force requires --save' }],
    ['a missing file', ['none.raw'], { exit: 3, message: /none\.raw does not exist/ }],
    ['what is not a disk', ['taken'], { exit: 3, message: /taken / }],
    ['a text', ['text'], { exit: 3, message: /text is a text file/, hint: '--file-format raw' }],
    ['a file of another format', [PLAIN, '--file-format', 'raw'], { exit: 3, message: /plain\.qcow2 .*qcow2/ }],
    ['a large disk', [PLAIN, '--max-size', '1K'], { exit: 3, message: /plain\.qcow2 /, hint: '--max-size' }],
    [
      'a registered image of another format',
      ['wmi-plain', '--file-format', 'raw'],
      { exit: 3, message: /plain\.qcow2 .*qcow2/ },
    ],
    ['a device', ['/dev/null'], { exit: 3, message: '/dev/null' }],
    ['a packed file', ['packed.qcow2.gz'], { exit: 3, message: 'must be unpacked to boot', hint: 'image convert ' }],
    [
      'another architecture',
      [PLAIN, '--arch', 'arm64'],
      { exit: 3, message: "must be one of: x86_64, x86; not 'arm64'" },
    ],
    [
      'no memory',
      [PLAIN, '--memory', '15'],
      { exit: 3, message: '--memory must be a whole number from 16 to 1048576' },
    ],
    ['no time', [PLAIN, '--timeout', '0'], { exit: 3, message: '--timeout must be a whole number from 1 to 86400' }],
    ['too much time', [PLAIN, '--timeout', '86401'], { exit: 3, message: '--timeout must be' }],
    [
      'another accelerator',
      [PLAIN, '--accel', 'xen'],
      { exit: 3, message: "must be one of: auto, kvm, tcg; not 'xen'" },
    ],
    ['a screen for all', [PLAIN, '--vnc', '0.0.0.0:5900'], { exit: 3, message: "'0.0.0.0:5900' is neither unix nor" }],
    ['a screen below its ports', [PLAIN, '--vnc', '127.0.0.1:80'], { exit: 3, message: 'neither', hint: '5900' }],
    ['no instance', [PLAIN, '--instance', 'none.yml'], { exit: 3, message: /none\.yml does not exist/ }],
    ['no such instance', [PLAIN, '--instance', 'bad.yml'], { exit: 3, message: /bad\.yml.*hostname/ }],
    [
      'no interface',
      [PLAIN, '--instance', 'alone.yml'],
      { exit: 3, message: /alone\.yml has no interface/, hint: 'Omit' },
    ],
    ['no user-data', [PLAIN, '--user-data', 'none'], { exit: 3, message: /none does not exist/ }],
    ['too much user-data', [PLAIN, '--user-data', 'long'], { exit: 3, message: /long/ }],
    ['a console that exists', [PLAIN, '--console', 'taken'], { exit: 5, message: /taken already exists/ }],
    ['a screenshot that exists', [PLAIN, '--screenshot', 'taken'], { exit: 5, message: /taken already exists/ }],
    [
      'one file for two',
      [PLAIN, '--console', 'none', '--screenshot', './none'],
      { exit: 3, message: /cannot both be written to .*none$/ },
    ],
    ['a console in no folder', [PLAIN, '--console', 'no/console'], { exit: 6, message: 'its folder does not exist' }],
  ]
  test.each(refusals)('refuses %s', async (_, words, refusal) => {
    const before = readdirSync(folder.path)
    const args = words.map((word) => (before.includes(word) || /^(?:no|bad)\w*[./]/.test(word) ? at(word) : word))
    await expectRefused(database, ['image', 'try', ...args], refusal)
    expect(readdirSync(folder.path)).toEqual(before)
  })

  test('refuses to run without QEMU, and writes nothing', async () => {
    const env = { PATH: newProgramFolder(at('bin'), ['mkfifo', 'ssh-keygen']), TMPDIR: at('tmp') }
    const [before, rows] = [readdirSync(folder.path), await allRows(database)]
    const words = ['wmi-plain', '--save', '--accel', 'tcg', '--console', at('log'), '--screenshot', at('log.png')]
    const run = await vdcManage(['image', 'try', ...words], { env, database })
    expect(run).toMatchObject({ code: 6, stdout: '' })
    expect(run.stderr).toBe(
      'Error: QEMU, which runs virtual machines, is not installed\nHint: Install it with: apt-get install --no-install-recommends qemu-system-x86\n',
    )
    expect(readdirSync(folder.path)).toEqual(before)
    expect(readdirSync(at('tmp'))).toEqual([])
    expect(await allRows(database)).toEqual(rows)
  })

  test('takes a text for a raw disk if it is told so', async () => {
    const env = { PATH: at('bin'), TMPDIR: at('tmp') }
    const run = await vdcManage(['image', 'try', at('text'), '--file-format', 'raw', '--accel', 'tcg'], { env })
    expect(run).toMatchObject({ code: 6, stdout: '' })
    expect(run.stderr).toMatch(/^Error: QEMU, which runs virtual machines, is not installed\n/)
  })

  test('says what pipes are missing', async () => {
    const env = { PATH: newProgramFolder(at('no-pipes'), ['ssh-keygen']), TMPDIR: at('tmp') }
    const run = await vdcManage(['image', 'try', at(PLAIN), '--accel', 'tcg'], { env })
    expect(run).toMatchObject({ code: 6, stdout: '' })
    expect(run.stderr).toBe('Error: Pipes for the packets of a guest cannot be made: spawn mkfifo ENOENT\n')
    expect(readdirSync(at('tmp'))).toEqual([])
  })

  test('refuses KVM where it does not run', async () => {
    // A PATH without QEMU, so that it runs nowhere.
    const env = { PATH: at('bin'), TMPDIR: at('tmp') }
    const run = await vdcManage(['image', 'try', at(PLAIN), '--accel', 'kvm'], { env })
    expect(run).toMatchObject({ code: 6, stdout: '' })
    expect(run.stderr).toMatch(/^Error: KVM does not run virtual machines on this host\nHint: .*--accel tcg\n$/)
    expect(readdirSync(at('tmp'))).toEqual([])
  })
})
