import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ENGINES, newDatabase, type TestDatabase } from '../../../support/databases/databases.ts'
import { newFolder } from '../../../support/files/images.ts'
import { runLines, vdcManage, vdcManageJson } from '../../../support/process/cli.ts'
import { startTerminal } from '../../../support/process/tmux.ts'

const MD5 = '0'.repeat(32)
/** More than two pages of a list with labels. */
const MANY = 4500

describe.each(ENGINES)('lists with labels and users on %s', (engine) => {
  let database: TestDatabase
  const text = async (line: string) => (await vdcManage(line.split(' '), { database, reject: true })).stdout
  beforeAll(async () => {
    database = await newDatabase(engine)
    const object = (id: string, more = '') =>
      `backupobject add --uuid bo-${id} --display-name ${id} --storage-id bkst-s --object-key ${id}.raw --size 2048 --allocation-size 1024 --checksum ${MD5} ${more}`
    await runLines(
      [
        'backupstorage add --uuid bkst-s --display-name s --base-uri file:///srv/s/ --storage-type local',
        'account add --uuid a-one',
        ...['both', 'disk', 'free', 'left', 'data'].map((id) => object(id)),
        'image add local bo-both --uuid wmi-a --account-id a-one',
        'image add local bo-both --uuid wmi-b --account-id a-one',
        'image add local bo-disk --uuid wmi-c --account-id a-one --file-format qcow2',
        'image add local bo-left --uuid wmi-d --account-id a-one',
        "image label wmi-a owner=kenji 'note=a, b'",
        'image label wmi-b owner=',
        'image del wmi-d',
      ],
      { database },
    )
    await database.query("UPDATE images SET volumes = ? WHERE uuid IN ('a', 'b')", [
      '---\n- :backup_object_id: bo-data\n- :backup_object_id: bo-both\n',
    ])
    await database.query(
      "INSERT INTO resource_labels (resource_uuid, name, value_type, string_value, created_at, updated_at) VALUES ('wmi-A', 'other', 1, 'other', '2020-01-01 00:00:00', '2020-01-01 00:00:00')",
    )
  })
  afterAll(() => database.remove())

  test('labels are text in tables and csv, an object in JSON, and only there if asked for', async () => {
    expect(await vdcManageJson(['image', 'list', '-c', 'id,labels,protected'], { database })).toEqual([
      { id: 'wmi-a', labels: { owner: 'kenji', note: 'a, b' }, protected: false },
      { id: 'wmi-b', labels: { owner: '' }, protected: false },
      { id: 'wmi-c', labels: {}, protected: false },
    ])
    expect(await text('image list -c id,labels --format csv')).toBe(
      'id,labels\nwmi-a,"note=a, b, owner=kenji"\nwmi-b,owner=\nwmi-c,\n',
    )
    expect(await text('image list -c labels,id --format value')).toBe(
      'note=a, b, owner=kenji\twmi-a\nowner=\twmi-b\n\twmi-c\n',
    )
    expect(await text('image list -c id,labels')).toBe(
      'ID     LABELS\nwmi-a  note=a, b, owner=kenji\nwmi-b  owner=\nwmi-c  -\n',
    )
    expect(await text('image list -c labels.owner --sort id:desc --limit 2 --format value')).toBe('\n\n')
    expect(await text('image list -c id,labels --format ndjson --limit 1 --after wmi-a')).toBe(
      '{"id":"wmi-b","labels":{"owner":""}}\n',
    )
    expect((await text('image list -c help')).split('\n')).toContain('labels.NAME')
    expect(Object.keys((await vdcManageJson(['image', 'list'], { database }))[0])).not.toContain('labels')
    expect((await text('image list --format csv')).split('\n')[0]).not.toContain('labels')
  })

  test('backupobject list tells sizes and users apart', async () => {
    const table = await text('backupobject list')
    expect(table).toMatch(/^ID +NAME +ACCOUNT +STORAGE +CONTAINER +VIRTUAL SIZE +FILE SIZE +USERS +STATE /)
    expect(table).toMatch(/^bo-both .* 2 KiB +1 KiB +2 +available /m)
    // The size of a qcow2 file says nothing about its disk.
    expect(table).toMatch(/^bo-disk .* none +- +1 KiB +1 +available /m)
    expect(await vdcManageJson(['backupobject', 'list', '-c', 'id,virtual_size,users,used_by'], { database })).toEqual([
      { id: 'bo-both', virtual_size: 2048, users: 2, used_by: ['wmi-a', 'wmi-b'] },
      { id: 'bo-disk', virtual_size: null, users: 1, used_by: ['wmi-c'] },
      { id: 'bo-free', virtual_size: 2048, users: 0, used_by: [] },
      { id: 'bo-left', virtual_size: 2048, users: 0, used_by: [] },
      { id: 'bo-data', virtual_size: 2048, users: 2, used_by: ['wmi-a', 'wmi-b'] },
    ])
    expect(await text('backupobject list -c used_by,users --format csv --limit 1')).toBe(
      'used_by,users\n"wmi-a, wmi-b",2\n',
    )
    expect(Object.keys((await vdcManageJson(['backupobject', 'list'], { database }))[0])).not.toContain('used_by')
    // A virtual size that was measured for other bytes does not count.
    for (const [name, value] of [
      ['vdc-manage.virtual-size', '4096'],
      ['vdc-manage.md5', MD5],
    ])
      await database.query(
        "INSERT INTO resource_labels (resource_uuid, name, value_type, string_value, created_at, updated_at) VALUES ('bo-disk', ?, 1, ?, '2020-01-01 00:00:00', '2020-01-01 00:00:00')",
        [name as string, value as string],
      )
    const size = async () => (await vdcManageJson(['backupobject', 'list', '-c', 'virtual_size'], { database }))[1]
    expect(await size()).toEqual({ virtual_size: 4096 })
    await database.query("UPDATE backup_objects SET checksum = ? WHERE uuid = 'disk'", ['1'.repeat(32)])
    expect(await size()).toEqual({ virtual_size: null })
  })

  test('backupobject list --unused finds the objects that no living image uses', async () => {
    expect(await text('backupobject list --unused -q')).toBe('bo-free\nbo-left\n')
    expect(await text('backupobject list --unused --count')).toBe('2\n')
    expect(await text('backupobject list --unused --sort id:desc --limit 1 -c id --no-header')).toBe('bo-left\n')
    expect(await text('backupobject list --unused --after bo-free -c id,users --format csv')).toBe(
      'id,users\nbo-left,0\n',
    )
    expect(await text('backupobject list --unused --name fr* --json -c users')).toBe('[\n  {\n    "users": 0\n  }\n]\n')
  })

  test('at a terminal, the default table marks protected images', async () => {
    const home = newFolder()
    const list = 'vdc-manage image list'
    await vdcManage(['image', 'protect', 'wmi-b'], { database, reject: true })
    const terminal = await startTerminal(`${list}; ${list} -c id,state; ${list} --relative | cat; echo end`, {
      database,
      home: home.path,
      width: 80,
    })
    const screen = await terminal.until(/^end$/m)
    await terminal.close()
    home.remove()
    expect(screen.match(/^wmi-a .* available$/gm)).toHaveLength(2)
    expect(screen.match(/^wmi-b .* available, protected$/gm)).toHaveLength(1)
    expect(screen.match(/^wmi-b +available$/gm)).toHaveLength(1)
    expect(screen.match(/, protected/g)).toHaveLength(1)
    await vdcManage(['image', 'unprotect', 'wmi-b'], { database, reject: true })
  })

  test('a list of several pages with labels is complete, in any order', async () => {
    const numbers = Array.from({ length: MANY }, (_, at) => at)
    const now = "'2026-11-24 09:30:00'"
    for (let start = 0; start < MANY; start += 500) {
      const some = numbers.slice(start, start + 500)
      await database.query(
        `INSERT INTO images (account_id, uuid, arch, state, features, volumes, vifs, file_format, instance_model_name, service_type, display_name, boot_dev_type, created_at, updated_at) VALUES ${some
          .map(
            (n) =>
              `('a-many', 'm${n}', 'x86_64', 'available', '', '', '', 'raw', '', 'std', 'name ${n % 7}', 2, ${now}, ${now})`,
          )
          .join(', ')}`,
      )
      await database.query(
        `INSERT INTO resource_labels (resource_uuid, name, value_type, string_value, created_at, updated_at) VALUES ${some
          .map((n) => `('wmi-m${n}', 'n', 1, '${n}', ${now}, ${now})`)
          .join(', ')}`,
      )
    }
    for (const sort of ['name', 'name:desc,id', 'created']) {
      const words = `image list --name name* --sort ${sort} --format value -c id`
      const ids = await text(words)
      expect(ids.split('\n')).toHaveLength(MANY + 1)
      expect(await text(`${words},labels`)).toBe(ids.replace(/^wmi-m(\d+)$/gm, 'wmi-m$1\tn=$1'))
    }
  })
})
