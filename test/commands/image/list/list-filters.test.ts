import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { allRows, ENGINES, newDatabase, type TestDatabase } from '../../../support/databases/databases.ts'
import { insert } from '../../../support/databases/wakame.ts'
import { runLines, shell, vdcManage, vdcManageJson } from '../../../support/process/cli.ts'
import { expectRefused } from '../../../support/refusals.ts'

const SHA256 = 'ab'.repeat(32)
const MD5 = '0123456789abcdef0123456789abcdef'

/** Runs lines in one shell. Each must be refused with its message and write nothing. */
async function expectAllRefused(database: TestDatabase, lines: readonly [line: string, message: string][]) {
  const before = await allRows(database)
  const input = lines.map(([line]) => `${line}\n`).join('')
  const run = await vdcManage([], { database, input })
  expect(run).toMatchObject({ code: 9, stdout: '' })
  const messages = run.stderr.split(/^(?=.*Error: )/m)
  for (const [index, [line, message]] of lines.entries())
    expect([line, messages[index]]).toEqual([line, expect.stringContaining(message)])
  expect(await allRows(database)).toEqual(before)
}

describe.each(ENGINES)('image list on %s', (engine) => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await newDatabase(engine)
    const at = (day: number) => ({ created_at: `2026-03-0${day} 12:00:00`, updated_at: `2026-03-0${day} 12:00:00` })
    await insert(database, 'accounts', { uuid: 'team' })
    await insert(database, 'backup_storages', { id: 7, uuid: 'far', base_uri: 'file:///srv/far/' })
    await insert(database, 'backup_objects', { uuid: 'lucid', backup_storage_id: 7, checksum: MD5.toUpperCase() })
    await insert(database, 'backup_objects', { uuid: 'plain', backup_storage_id: 8, checksum: 'f'.repeat(32) })
    await insert(database, 'resource_labels', {
      resource_uuid: 'bo-lucid',
      name: 'vdc-manage.sha256',
      string_value: SHA256,
    })
    await insert(database, 'images', {
      uuid: 'lucid',
      display_name: 'ubuntu-10.04',
      backup_object_id: 'bo-lucid',
      description: 'the first',
      ...at(1),
    })
    await insert(database, 'images', {
      uuid: 'precise',
      display_name: 'ubuntu-12.04',
      account_id: 'a-team',
      arch: 'x86',
      backup_object_id: 'bo-plain',
      parent_image_id: 'wmi-lucid',
      ...at(2),
    })
    await insert(database, 'images', {
      uuid: 'win',
      display_name: 'Windows 2012',
      account_id: 'a-team',
      os_type: 'windows',
      file_format: 'vhdx',
      state: 'pending',
      is_public: 1,
      service_type: 'lb',
      ...at(3),
    })
    await insert(database, 'images', {
      uuid: 'gone',
      display_name: 'ubuntu-8.04',
      account_id: 'a-team',
      state: 'deleted',
      deleted_at: '2026-03-05 00:00:00',
      ...at(1),
    })
    await insert(database, 'images', { uuid: 'odd', display_name: 'odd', state: 'bogus', arch: 'arm', ...at(4) })
  })
  afterAll(() => database.remove())

  test('finds images for each option', async () => {
    const asked: [string, string[]][] = [
      ["--name 'ubuntu-*'", ['lucid', 'precise']],
      ["--name 'ubuntu-*' --all", ['lucid', 'precise', 'gone']],
      ["--display-name 'ubuntu-*'", ['lucid', 'precise']],
      ["--name 'UBUNTU*'", []],
      ["--name '[uW]*' --sort name:desc", ['precise', 'lucid', 'win']],
      ['--state pending', ['win']],
      ['--state pending --state available', ['lucid', 'precise', 'win']],
      ['--state deleted', ['gone']],
      ['--state bogus', ['odd']],
      ['--arch x86 --arch arm', ['precise', 'odd']],
      ['--os-type windows', ['win']],
      ['--os_type windows', ['win']],
      ['--file-format vhdx', ['win']],
      ['--service-type lb', ['win']],
      ['--public', ['win']],
      ['--is-public', ['win']],
      ['--no-public --arch x86', ['precise']],
      ['--parent lucid', ['precise']],
      ['--storage-id bkst-far', ['lucid']],
      [`--checksum ${MD5}`, ['lucid']],
      [`--checksum md5:${'F'.repeat(32)} --checksum ${SHA256}`, ['lucid', 'precise']],
      [`--checksum sha256:${SHA256.toUpperCase()}`, ['lucid']],
      ['--created-after 2026-03-02 --created-before 2026-03-04', ['precise', 'win']],
      ["--created-after '2026-03-02 12:00:01'", ['win', 'odd']],
      ['--created-before 1w --deleted', ['gone']],
      ['--deleted', ['gone']],
      ['--sort created:desc --limit 2', ['odd', 'win']],
      ['--sort created:desc --limit 2 --after wmi-win', ['precise', 'lucid']],
      ['--sort created:desc --after gone', []],
      ['--sort arch,name', ['odd', 'precise', 'win', 'lucid']],
      ['--account-id a-team', ['lucid', 'precise']],
      ['--account-id a-team --name ubuntu-1?.04 --sort name:desc --limit 1', ['precise']],
      ['--account-id a-team --owned --sort name', ['win', 'precise']],
      ['--account-id a-team --deleted', ['gone']],
    ]
    for (const command of ['list', 'show']) {
      // The number of accounts separates the results.
      const lines = asked.flatMap(([options]) => [`image ${command} --quiet ${options}`, 'account list --count'])
      const answers = `\n${(await runLines(lines, { database })).join('\n')}`.split('\n3')
      expect(answers.length).toBe(asked.length + 1)
      for (const [index, [options, ids]] of asked.entries())
        expect(options + answers[index]).toBe(options + ids.map((id) => `\nwmi-${id}`).join(''))
    }
  })

  test('counts images', async () => {
    const count = (...options: string[]) => vdcManage(['image', 'list', '--count', ...options], { database })
    expect(await count()).toMatchObject({ code: 0, stdout: '4\n', stderr: '' })
    expect(await count('--name', 'none')).toMatchObject({ code: 0, stdout: '0\n', stderr: '' })
    expect(await vdcManageJson(['image', 'show', '--count', '--all'], { database })).toEqual({ count: 5 })
    for (const option of ['--sort=name', '--limit=1', '--after=wmi-lucid', '--quiet']) {
      const run = await count(option)
      expect(run).toMatchObject({ code: 2, stdout: '' })
      expect(run.stderr).toMatch(/^Error: --\w+ and --\w+ cannot be used together$/m)
    }
    expect(await vdcManage(['image', 'list', '--all', '--deleted'], { database })).toMatchObject({
      code: 2,
      stdout: '',
    })
  })

  test('prints all values of a row', async () => {
    expect(await vdcManageJson(['image', 'list', '--name', 'ubuntu-10.04'], { database })).toEqual([
      {
        id: 'wmi-lucid',
        display_name: 'ubuntu-10.04',
        description: 'the first',
        account_id: 'a-shpoolxx',
        arch: 'x86_64',
        os_type: 'linux',
        file_format: 'raw',
        virtual_size: 1048576,
        allocation_size: 524288,
        state: 'available',
        visibility: 'shared pool',
        is_public: false,
        is_cacheable: false,
        protected: false,
        service_type: 'std',
        root_device: null,
        parent_image_id: null,
        backup_object_id: 'bo-lucid',
        backup_storage_id: 'bkst-far',
        checksum: MD5.toUpperCase(),
        created_at: '2026-03-01T12:00:00Z',
        updated_at: '2026-03-01T12:00:00Z',
        deleted_at: null,
      },
    ])
    const [odd] = await vdcManageJson(['image', 'list', '--state', 'bogus'], { database })
    expect(odd).toMatchObject({ allocation_size: null, checksum: null, backup_storage_id: null })
  })

  test('lists one page after another in a shell loop', async () => {
    const run = await shell(
      'last=; while page=$(vdc-manage image list --quiet --sort name:desc --limit 3 $last) && [ "$page" ]; do echo "$page"; last="--after $(echo "$page" | tail -1)"; done',
      { database },
    )
    expect(run).toMatchObject({ code: 0, stderr: '', stdout: 'wmi-precise\nwmi-lucid\nwmi-odd\nwmi-win\n' })
  })

  test('refuses invalid options with a hint', async () => {
    await expectRefused(database, ['image', 'list', '--state', 'availible'], {
      exit: 3,
      message: "--state 'availible' is not known, and no image has it",
      hint: 'Did you mean available? Known values: available, creating, pending, deleted, init',
    })
    await expectRefused(database, ['image', 'list', '--after', 'wmi-none'], {
      exit: 4,
      message: 'Image wmi-none does not exist',
    })
    await expectAllRefused(database, [
      [
        "image list --name 'a[b'",
        "--name 'a[b' is not a valid pattern: [ has no matching ]\nHint: Write \\[ to match the character [",
      ],
      [
        'image list --arch X86',
        "--arch 'X86' is not known, and no image has it\nHint: Did you mean x86? Known values: x86, x86_64",
      ],
      [
        'image list --file-format iso',
        "--file-format 'iso' is not known, and no image has it\nHint: Known values: raw",
      ],
      ['image list --checksum abc', '--checksum must be sha256: and 64 hexadecimal digits, or md5: and 32'],
      [
        'image list --created-after 7m',
        "--created-after '7m' is not a valid time\nHint: Use a time such as 2026-11-24",
      ],
      [
        'image list --sort colour',
        "Cannot sort the list by 'colour'\nHint: Separate keys with commas, each with an optional :asc or :desc",
      ],
      [
        'image list --sort nmae:desc',
        "Cannot sort the list by 'nmae:desc'\nHint: Did you mean name? Separate keys with commas",
      ],
      ['image list --sort name:dsc', "Cannot sort the list by 'name:dsc'\nHint: End a sort key"],
      ['image list --sort name:', "Cannot sort the list by 'name:'\nHint: End a sort key with :asc or :desc"],
      ['image list --limit 0', '--limit must be a whole number, 1 or more'],
      ['image list --after bo-lucid', "'bo-lucid' is not a valid image ID"],
      ['image list --parent none', 'Image wmi-none does not exist'],
      ['image list --storage-id FAR', 'Backup storage bkst-FAR does not exist'],
      ['image list --account-id a-none --name *', 'Account a-none does not exist'],
    ])
  })
})

describe.each(ENGINES)('other lists on %s', (engine) => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await newDatabase(engine)
    await insert(database, 'backup_storages', { id: 1, uuid: 'near', display_name: 'near' })
    await insert(database, 'backup_storages', { id: 2, uuid: 'far', display_name: 'far', storage_type: 'webdav' })
    await insert(database, 'backup_storages', { id: 3, uuid: 'old', deleted_at: '2026-01-01 00:00:00', node_id: 'n' })
    const size = '9223372036854775807'
    await insert(database, 'backup_objects', { uuid: 'a', display_name: 'A', size: 5, allocation_size: size })
    await insert(database, 'backup_objects', { uuid: 'b', backup_storage_id: 2, size: 7, allocation_size: size })
    await insert(database, 'backup_objects', { uuid: 'c', size: 6, state: 'purged', container_format: 'none' })
    await insert(database, 'accounts', { uuid: 'team', description: 'Team 1', created_at: '2020-01-01 00:00:00' })
    await insert(database, 'accounts', { uuid: 'off', description: 'Team 2', enabled: 0 })
    for (const [uuid, object] of Object.entries({ i: 'bo-a', j: 'bo-b', k: 'bo-a', l: 'bo-B', m: 'bo-c' }))
      await insert(database, 'images', { uuid, account_id: 'a-team', backup_object_id: object })
    await insert(database, 'images', { uuid: 'n', account_id: 'a-TEAM', backup_object_id: 'bo-c' })
    await insert(database, 'images', { uuid: 'o', account_id: 'a-team', state: 'deleted' })
  })
  afterAll(() => database.remove())

  test('find rows for each option', async () => {
    const asked: [string, string[]][] = [
      ['backupobject list --sort size:desc', ['bo-b', 'bo-a']],
      ['backupobject list --all --sort size:desc --limit 1 --after b', ['bo-c']],
      ['backupobject list --name A', ['bo-a']],
      ['backupobject list --state purged', ['bo-c']],
      ['backupobject list --deleted --container-format none', ['bo-c']],
      ['backupobject list --storage-id bkst-far', ['bo-b']],
      ['backupobject list --account-id a-team', []],
      ['backupobject show --account-id a-shpoolxx --service-type std', ['bo-a', 'bo-b']],
      [`backupobject list --checksum ${MD5.toUpperCase()}`, ['bo-a', 'bo-b']],
      ['backupobject list --created-after 1h', []],
      ['backupstorage list --sort name', ['bkst-far', 'bkst-near']],
      ['backupstorage list --storage-type webdav', ['bkst-far']],
      ['backupstorage show --deleted --node-id n', ['bkst-old']],
      ['backupstorage list --name ?ear', ['bkst-near']],
      ['backupstorage list --all --after bkst-near --limit 1', ['bkst-far']],
      ["account list --description 'Team*' --enabled", ['a-team']],
      ['account list --no-enabled', ['a-off']],
      ['account show --created-before 2020-01-02', ['a-off', 'a-team']],
      ['account list --sort description:desc --limit 1', ['a-shpoolxx']],
      ['account list --deleted', []],
    ]
    const lines = asked.flatMap(([words]) => [`${words} --quiet`, 'image list --count'])
    const answers = `\n${(await runLines(lines, { database })).join('\n')}`.split('\n6')
    expect(answers.length).toBe(asked.length + 1)
    for (const [index, [words, ids]] of asked.entries()) {
      const found = (answers[index] as string).split('\n').slice(1)
      expect([words, ...found.sort()]).toEqual([words, ...[...ids].sort()])
      if (words.includes('--sort')) expect(answers[index]).toBe(ids.map((id) => `\n${id}`).join(''))
    }
  })

  test('count the images of an account that are not deleted, and each file once', async () => {
    const [team, off] = await vdcManageJson(['account', 'show', 'a-team', 'off'], { database })
    // Two files of 2^63-1 bytes; purged ones take no space.
    expect(team).toMatchObject({ id: 'a-team', image_count: 5 })
    expect(off).toMatchObject({ id: 'a-off', image_count: 0, image_bytes: 0 })
    const run = await vdcManage(['account', 'show', 'a-team', '--json'], { database })
    expect(run.stdout).toContain('"image_bytes": 18446744073709551614')
  })

  test('refuse invalid options', async () => {
    await expectAllRefused(database, [
      [
        'backupobject list --container-format zip',
        "--container-format 'zip' is not known, and no backup object has it",
      ],
      ['backupobject list --account-id a-none', 'Account a-none does not exist'],
      ['backupobject list --after B', "No backup object has the ID bo-B or the name 'B'"],
      ['backupobject list --sort uri', "Cannot sort the list by 'uri'"],
      ['backupstorage list --storage-type nfs', "--storage-type 'nfs' is not known, and no backup storage has it"],
      ['backupstorage list --after none', 'Backup storage bkst-none does not exist'],
      ['account list --after none', 'Account a-none does not exist'],
      ['account show a-team --limit 1', '--limit is for lists and cannot be used with IDs'],
    ])
  })
})
