import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ENGINES, newDatabase, newMariadb, type TestDatabase } from '../../support/databases/databases.ts'
import { newFolder } from '../../support/files/images.ts'
import { type Run, shell, vdcManage, vdcManageJson } from '../../support/process/cli.ts'
import {
  ADD,
  imageIds,
  imagesNotWhole,
  linesOf,
  newDatabaseWithObject,
  OBJECT,
  runScript,
  startScript,
  watchImages,
} from '../../support/process/scripts.ts'

/*
 * The shell as a script interpreter: output, line ends and errors. Word splitting, transactions and the terminal have
 * their own tests.
 */

const folder = newFolder()
afterAll(() => folder.remove())
let files = 0
function newFile(content: string): string {
  const path = join(folder.path, `script${++files}`)
  writeFileSync(path, content)
  return path
}

const ID = 'wmi-[a-z0-9]{8}'

describe.each(ENGINES)('on %s', (engine) => {
  let database: TestDatabase
  const newImages = watchImages(() => database)
  beforeAll(async () => {
    database = await newDatabaseWithObject(engine)
  })
  afterAll(() => database.remove())

  test('runs the script of the installation guide', async () => {
    const own = await newDatabase(engine)
    const path = newFile(`# Register the image of the installation guide
backupstorage add \\
  --uuid bkst-local \\
  --display-name "local storage" \\
  --base-uri "file:///var/lib/wakame-vdc/images/" \\
  --storage-type local \\
  --description "storage on the local filesystem"

  # its object
backupobject add \\
  --uuid bo-ubuntu14043ple \\
  --display-name "Ubuntu 14.04.3 (Trusty Tahr) root partition" \\
  --storage-id bkst-local \\
  --object-key ubuntu-14.04.3-x86_64-30g-passwd-login-enabled.raw.tgz \\
  --container-format tgz \\
  --size=312530432 --allocation-size=312530604 --checksum=81bb27d621f2d1e90ce24625a1dcb311
#image del wmi-ubuntu14043ple
image add local bo-ubuntu14043ple \\
  --account-id a-shpoolxx --uuid wmi-ubuntu14043ple \\
  --root-device label:root \\
  --display-name "Ubuntu 14.04.3 (Trusty Tahr)"
`)
    expect(await shell(`set -o pipefail; grep -v '\\s*#' ${path} | vdc-manage -e`, { database: own })).toMatchObject({
      code: 0,
      stdout: 'bkst-local\nbo-ubuntu14043ple\nwmi-ubuntu14043ple\n',
      stderr: '',
    })
    expect(await own.query('SELECT base_uri, description FROM backup_storages')).toEqual([
      { base_uri: 'file:///var/lib/wakame-vdc/images/', description: 'storage on the local filesystem' },
    ])
    expect(await own.query('SELECT size, allocation_size, checksum, container_format FROM backup_objects')).toEqual([
      {
        size: 312530432,
        allocation_size: 312530604,
        checksum: '81bb27d621f2d1e90ce24625a1dcb311',
        container_format: 'tgz',
      },
    ])
    expect(await own.query('SELECT uuid, backup_object_id, root_device, display_name FROM images')).toEqual([
      {
        uuid: 'ubuntu14043ple',
        backup_object_id: 'bo-ubuntu14043ple',
        root_device: 'label:root',
        display_name: 'Ubuntu 14.04.3 (Trusty Tahr)',
      },
    ])
    await own.remove()
  })

  test('stores names and descriptions exactly', async () => {
    const texts = [
      '日本語の説明 – 東京',
      '😀 👩‍👩‍👧',
      'it\'s "quoted" \\ $HOME `id` *',
      '# no comment',
      'x'.repeat(255),
    ]
    const quote = (text: string) => `'${text.replaceAll("'", "'\\''")}'`
    const long = 'x'.repeat(60_000)
    const lines = texts.map((text) => `${ADD} --description ${quote(text)} --display-name=${quote(text)}`)
    const run = await runScript(
      database,
      [...lines, `${ADD} --description ${long}`, `${ADD} --description 'a\tb'`],
      ['-e'],
    )
    expect(run).toMatchObject({ code: 0, stderr: '' })
    const shown = await vdcManageJson(['image', 'show', ...linesOf(run.stdout)], { database })
    expect(shown.map((image: { description: string }) => image.description)).toEqual([...texts, long, 'a\tb'])
    expect(shown.slice(0, texts.length).map((image: { display_name: string }) => image.display_name)).toEqual(texts)
    expect(
      (await database.query('SELECT description FROM images ORDER BY id DESC LIMIT 7')).map((row) => row.description),
    ).toEqual([...texts, long, 'a\tb'].reverse())
    await newImages()

    const tooLong = await runScript(database, [`${ADD} --description ${'日'.repeat(60_000)}`], ['-e'])
    expect(tooLong).toMatchObject({ code: 3, stdout: '' })
    expect(tooLong.stderr).toMatch(/^Error: --description must not be longer than .*\nLine 1 failed: .{1,200}\n$/)
    expect(await newImages()).toEqual([])
  })

  test('keeps a size of 2^53+1 exactly', async () => {
    const size = '9007199254740993'
    const add = 'backupobject add --display-name big --storage-id bkst-one --object-key big.raw --container-format none'
    const run = await runScript(
      database,
      [`${add} --size=${size} --allocation-size ${size} --checksum=81bb27d621f2d1e90ce24625a1dcb311`],
      ['-e'],
    )
    expect(run).toMatchObject({ code: 0, stderr: '' })
    const shown = await runScript(database, [`backupobject show ${run.stdout.trim()} --json`], ['-e'])
    expect(shown.stdout).toMatch(new RegExp(`"size": "?${size}"?`))
    await runScript(database, [`backupobject del ${run.stdout.trim()}`])
  })

  describe('if stdout closes early', () => {
    /** A shell that feeds the program a line, and the other lines after a reader has taken the first ID and gone. */
    const untilGone = (command: string, others: string) =>
      `gone=$(mktemp -u); { echo '${ADD}'; until [ -e $gone ]; do sleep 0.05; done; ${others}; } | ${command} | (head -1; exec <&-; touch $gone); code=\${PIPESTATUS[1]}; rm $gone; exit $code`

    test.each(['each', 'none'])('--tx %s: IDs that were not read are printed on stderr', async (tx) => {
      await newImages()
      const nineteen = `for i in {2..20}; do echo '${ADD}'; done`
      const run = await shell(untilGone(`vdc-manage --tx ${tx}`, nineteen), { database })
      const [first, ...others] = await newImages()
      expect(others).toHaveLength(19)
      expect(run).toMatchObject({ code: 9, stdout: `${first}\n` })
      for (const id of others) expect(run.stderr).toContain(`Stored: ${id}\n`)
      expect(run.stderr.match(/^Line \d+ failed: /gm)).toHaveLength(19)
    })

    test('-e: the script ends at the first lost ID', async () => {
      const run = await shell(untilGone('vdc-manage -e', `echo '${ADD}'; echo '${ADD}'`), { database })
      const [first, second, ...others] = await newImages()
      expect(others).toEqual([])
      expect(run).toMatchObject({ code: 1, stdout: `${first}\n` })
      expect(run.stderr).toContain(`Stored: ${second}\n`)
      expect(run.stderr).toContain('Line 2 failed: ')
    })

    test('--tx bulk: IDs that were not read are printed on stderr after the commit', async () => {
      const feed = `for i in {1..20}; do echo '${ADD}'; done`
      const run = await shell(`exec 3> >(true); wait $!; ${feed} | vdc-manage --tx bulk >&3`, { database })
      const ids = await newImages()
      expect(ids).toHaveLength(20)
      expect(run.code).toBe(1)
      expect(run.stderr).toBe(
        `${ids.map((id) => `Stored: ${id}\n`).join('')}Error: Cannot write to stdout: its reader has closed it\n`,
      )
      const full = await shell(`printf '%s\\n' '${ADD}' '${ADD}' | vdc-manage --tx bulk > /dev/full`, { database })
      const more = await newImages()
      expect(more).toHaveLength(2)
      expect(full.code).toBe(1)
      expect(full.stderr).toMatch(
        new RegExp(`^Stored: ${more[0]}\nStored: ${more[1]}\nError: Cannot write to stdout: ENOSPC`),
      )
    })

    test('a list cut short is not an error, and later lines run', async () => {
      expect(await runScript(database, Array(200).fill(ADD), ['--tx', 'bulk'])).toMatchObject({ code: 0 })
      const all = await imageIds(database)
      await newImages()
      for (const list of ['image list', 'image list --quiet', 'image list --json']) {
        const lines = `${list}\n${list}\nimage modify ${all[0]} --description "after ${list}"\n`
        const path = newFile(lines)
        const run = await shell(`vdc-manage -f ${path} | head -1; exit "\${PIPESTATUS[0]}"`, { database })
        expect(run).toMatchObject({ code: 0, stderr: '' })
        expect(linesOf(run.stdout)).toHaveLength(1)
        expect(await vdcManageJson(['image', 'show', all[0] as string], { database })).toMatchObject({
          description: `after ${list}`,
        })
      }
    })
  })
})

describe('on SQLite', () => {
  let database: TestDatabase
  const newImages = watchImages(() => database)
  beforeAll(async () => {
    database = await newDatabaseWithObject('sqlite')
  })
  afterAll(() => database.remove())

  describe('output', () => {
    const script = `${ADD}\nimage list --quiet --label none=such\n${ADD}\n`

    test.each(['stdin', '-f -', '--file=-', '-f FILE', '--file FILE'])(
      'is only that of the commands: %s',
      async (way) => {
        const run = way.includes('FILE')
          ? await vdcManage(way.replace('FILE', newFile(script)).split(' '), { database })
          : await runScript(database, script, way === 'stdin' ? [] : way.split(' '))
        const ids = await newImages()
        expect(ids).toHaveLength(2)
        expect(run).toMatchObject({ code: 0, stdout: `${ids.join('\n')}\n`, stderr: '' })
      },
    )

    test.each(['exit', 'quit', '  exit  ', "'quit'", 'exit # the rest is for later'])(
      '%s ends the script',
      async (end) => {
        const run = await runScript(database, [ADD, end, ADD, 'image del wmi-none'])
        const ids = await newImages()
        expect(ids).toHaveLength(1)
        expect(run).toMatchObject({ code: 0, stdout: `${ids[0]}\n`, stderr: '' })
      },
    )

    test.each([
      ['no trailing newline', ADD, 1],
      ['a trailing backslash on the last line', `${ADD} \\`, 1],
      ['a trailing backslash and newline on the last line', `${ADD} \\\n`, 1],
      ['empty input', '', 0],
      ['a newline', '\n', 0],
      ['whitespace', ' \t \n   ', 0],
      ['comments', '# one\n  #two\n\t# three \\\n#four', 0],
      ['a comment ending in a backslash', `# one \\\n${ADD}\n`, 1],
      ['a comment after a command', `${ADD} # --bogus\n${ADD}\t#'\n`, 2],
      ['CRLF', `# one\r\n\r\n${ADD}\r\n${ADD} \\\r\n --arch x86_64\r\nexit\r\n`, 2],
      ['CRLF, without the last LF', `${ADD} --arch x86_64\r`, 1],
      ['a byte order mark', `\ufeff${ADD}\n`, 1],
      ['a byte order mark before a comment', `\ufeff# one\n${ADD}\n`, 1],
    ])('%s', async (_, input, count) => {
      const run = await runScript(database, input, ['-e'])
      const ids = await newImages()
      expect(ids).toHaveLength(count)
      expect(run).toMatchObject({ code: 0, stdout: ids.map((id) => `${id}\n`).join(''), stderr: '' })
    })

    test('a line runs as soon as it is read', async () => {
      const running = startScript(database, undefined)
      const first = new Promise<string>((resolve) =>
        running.process.stdout?.once('data', (data) => resolve(String(data))),
      )
      running.process.stdin?.write(`${ADD}\n`)
      expect(await first).toMatch(new RegExp(`^${ID}\n$`))
      expect(await newImages()).toHaveLength(1)
      running.process.stdin?.end(ADD)
      expect(await running.ended).toMatchObject({ code: 0, stderr: '' })
      expect(await newImages()).toHaveLength(1)
    })

    test('--json applies to its own line, also for errors', async () => {
      const run = await runScript(database, [`${ADD} --json`, 'image show wmi-none --json', ADD, 'image show wmi-none'])
      const [first, second] = await newImages()
      expect(run.code).toBe(9)
      const documents = run.stdout.split(/(?<=^\}\n)/m)
      expect(JSON.parse(documents[0] as string)).toMatchObject({ id: first })
      expect(JSON.parse(documents[1] as string)).toMatchObject({ error: { code: 'IMAGE_NOT_FOUND', exit: 4 } })
      expect(documents[2]).toBe(`${second}\n`)
      expect(run.stderr).toBe(
        'Line 2 failed: image show wmi-none --json\nError: Image wmi-none does not exist\nHint: List all images with: vdc-manage image list --all\nLine 4 failed: image show wmi-none\n',
      )
    })

    test('help and --version work in scripts', async () => {
      const run = await runScript(database, ['help', 'image --help', 'help image add local', 'image', '--version', ADD])
      expect(run).toMatchObject({ code: 0, stderr: '' })
      const args = [[], ['image'], ['image', 'add', 'local'], ['image']]
      const helps: Run[] = []
      for (const words of args) helps.push(await vdcManage([...words, '--help'], { database }))
      const version = await vdcManage(['--version'], { database })
      const [id] = await newImages()
      expect(run.stdout).toBe([...helps, version].map(({ stdout }) => stdout).join('') + `${id}\n`)
    })

    test('? is help, alone, before and after a command; clear does nothing', async () => {
      const lines = [
        '?',
        '? image',
        'image list ?',
        'vdc-manage image list ?',
        'clear',
        'image list --name ?',
        'clear x',
      ]
      const run = await runScript(database, lines)
      const helps: Run[] = []
      for (const words of [[], ['image'], ['image', 'list'], ['image', 'list']])
        helps.push(await vdcManage([...words, '--help'], { database }))
      expect(run).toMatchObject({ code: 9, stdout: expect.not.stringContaining('\u001b') })
      expect(run.stdout.startsWith(helps.map(({ stdout }) => stdout).join(''))).toBe(true)
      expect(run.stderr).toBe('Error: Unexpected argument: x\nLine 7 failed: clear x\n')
    })

    test('a line may start with vdc-manage, as in examples and hints', async () => {
      const lines = ['account list --quiet', 'help image', 'image show wmi-none --json', '--version']
      const pasted = lines.map((line) => `vdc-manage ${line}`)
      const run = await runScript(database, [...pasted, "'vdc-manage' account list -q", 'vdc-manage exit', ADD])
      const bare = await runScript(database, [...lines, 'account list -q'])
      expect(run).toMatchObject({ code: 9, stdout: bare.stdout })
      expect(run.stdout).toMatch(/^a-00000000\na-shpoolxx\n/)
      expect(run.stderr).toBe('Line 3 failed: vdc-manage image show wmi-none --json\n')
      expect(await newImages()).toEqual([])
    })

    test.each(['shell', 'vdc-manage', 'shell -e', '-e', '-f /dev/null', '--tx bulk', 'shell --tx=none'])(
      'refuses a shell within the shell: %s',
      async (line) => {
        const run = await runScript(database, [ADD, line, ADD], ['-e'])
        expect(run.code).toBe(2)
        expect(run.stderr).toBe(`Error: The shell cannot be started in the shell\nLine 2 failed: ${line}\n`)
        expect(await newImages()).toEqual(linesOf(run.stdout))
        expect(linesOf(run.stdout)).toHaveLength(1)
      },
    )
  })

  describe('errors', () => {
    const FAILING = [
      ['image bogus', 2, "Error: There is no command 'image bogus'"],
      [`${ADD} --bogus`, 2, 'Error: Unknown option: --bogus'],
      [`${ADD} --description one --description two`, 2, 'Error: Option --description is given more than once'],
      [`${ADD} --arch=sparc --arch=sparc`, 2, 'Error: Option --arch is given more than once'],
      [`${ADD} --arch sparc`, 3, 'Error: --arch must be one of: '],
      ['image add local bo-none --account-id a-shpoolxx', 4, 'Error: Backup object bo-none does not exist'],
      ['image show wmi-none', 4, 'Error: Image wmi-none does not exist'],
      ['account add --uuid shpoolxx', 5, 'Error: '],
      [`backupobject del ${OBJECT}`, 5, 'Error: '],
      [`${ADD} --description "one`, 2, 'Error: Unmatched " near "one'],
      [`${ADD} --description it's`, 2, "Error: Unmatched ' near 's"],
    ] as const

    test.each(FAILING)('%s: -e stops with exit code %i and names the line', async (line, code, says) => {
      await runScript(database, [ADD])
      await newImages()
      const all = await database.query('SELECT * FROM accounts')
      const script = ['# one', ADD, '', line, ADD, ADD]
      const run = await runScript(database, script, ['-e'])
      const ids = await newImages()
      expect(ids).toHaveLength(1)
      expect(run).toMatchObject({ code, stdout: `${ids[0]}\n` })
      expect(run.stderr).toContain(says)
      expect(run.stderr).toMatch(/^Error: .*\n(Hint: .*\n)?Line 4 failed: .*\n$/)
      expect(run.stderr.endsWith(`Line 4 failed: ${line}\n`)).toBe(true)
      expect(await database.query('SELECT * FROM accounts')).toEqual(all)

      const path = newFile(script.join('\n'))
      for (const options of [['--exit-on-error', '-f'], ['-ef']]) {
        const named = await vdcManage([...options, path], { database })
        expect(named).toMatchObject({ code, stderr: run.stderr.replace('Line 4', `${path}, line 4`) })
        expect(await newImages()).toHaveLength(1)
      }
    })

    test('without -e, other lines run and the exit code is 9', async () => {
      const script = FAILING.flatMap(([line]) => [ADD, line])
      const run = await runScript(database, [...script, ADD])
      const ids = await newImages()
      expect(ids).toHaveLength(FAILING.length + 1)
      expect(run).toMatchObject({ code: 9, stdout: `${ids.join('\n')}\n` })
      for (const [at, [line, , says]] of FAILING.entries()) {
        expect(run.stderr).toContain(`Line ${2 * at + 2} failed: ${line}\n`)
        expect(run.stderr).toContain(says)
      }
      expect(run.stderr.match(/^Line /gm)).toHaveLength(FAILING.length)
      expect(await imagesNotWhole(database)).toEqual([])
    })

    test('refuses unquoted shell operators', async () => {
      await newImages()
      const [one, two] = linesOf((await runScript(database, [ADD, ADD])).stdout)
      const deleted = await database.query('SELECT id FROM images WHERE deleted_at IS NOT NULL')
      const refused: [word: string, line: string][] = [
        [';', `image del ${one} ; image show ${two}`],
        [`${one};`, `image del ${one}; image show ${two}`],
        [';image', `image del ${one} ;image show ${two}`],
        ['&', `image del ${one} &`],
        ['&&', `image del ${one} && image show ${two}`],
        ['||', `image del ${one} || image show ${two}`],
        ['|', `image del ${one} | wc -l`],
        ['|wc', `image del ${one} |wc -l`],
        ['>', `image del ${one} > ids`],
        ['>>ids', `image del ${one} >>ids`],
        ['2>/dev/null', `image del ${one} 2>/dev/null`],
        ['<', `image del - < ids`],
        [';x', `image del ${one} ;"x"`],
        ['&&', 'exit && image list'],
        ['quit;', 'quit;'],
        ['foo>out.txt', 'account add --description foo>out.txt'],
        ['--description=foo>>out.txt', 'account add --description=foo>>out.txt'],
        ['-<ids', `image del -<ids`],
        [`${one}|wc`, `image show ${one}|wc -l`],
        [`${one};image`, `image del ${one};image show ${two}`],
        [`${one}&&image`, `image del ${one}&&image show ${two}`],
        [`${one}&`, `image del ${one}&`],
        ['a=b>c', 'image show a=b>c'],
        ['http://x/?a=1;b=2', 'account add --description http://x/?a=1;b=2'],
      ]
      const words = [`';'`, '\\>', '"2>1"', `'a;'`, 'a\\;', 'a=b">"c', "'a|b'", 'a\\;b', `'|'x`, 'a&b', '"a&"']
      const script = [...refused.map(([, line]) => line), `image show ${words.join(' ')}`]
      const run = await runScript(database, script)
      const told = run.stderr.split(/(?<=^Line \d+ failed: .*\n)/m)
      for (const [at, [word, line]] of refused.entries()) {
        expect(told[at]).toBe(
          `Error: The line was not run: '${word}' ${/^\W+$/.test(word as string) ? 'is' : 'contains'} an operator of the system's shell\n` +
            "Hint: For pipes, redirections and several commands on a line, use the system's shell; if you mean the word itself, quote it\n" +
            `Line ${at + 1} failed: ${line}\n`,
        )
      }
      for (const word of [';', '>', '2>1', 'a;', 'a;', 'a=b>c', 'a|b', 'a;b', '|x', 'a&b', 'a&'])
        expect(told[refused.length]).toContain(`Error: '${word}' is neither the ID nor the display name of an image\n`)
      expect(run).toMatchObject({ code: 9, stdout: '' })
      expect(await database.query('SELECT id FROM images WHERE deleted_at IS NOT NULL')).toEqual(deleted)
      expect(await newImages()).toEqual([one, two])
    })

    test('a line fails if one of its IDs fails', async () => {
      const [id] = linesOf((await runScript(database, [ADD])).stdout)
      const run = await runScript(database, [`image show wmi-none ${id}`, ADD], ['-e'])
      expect(run).toMatchObject({ code: 9, stdout: expect.stringContaining(id as string) })
      expect(run.stderr).toContain('Line 1 failed: ')
      expect(await newImages()).toEqual([id])
    })

    test('names the line where the command starts, and truncates long commands', async () => {
      const run = await runScript(
        database,
        `# one\n\nimage show \\\n  wmi-none \\\n  --json\nimage show wmi-${'x'.repeat(5000)}\n`,
      )
      expect(run.stderr).toMatch(/^Line 3 failed: image show {3}wmi-none {3}--json\n/)
      expect(run.stderr.split('\n').find((line) => line.startsWith('Line 6 failed: '))).toMatch(/x…$/)
      expect(run.stderr.split('\n').every((line) => line.length < 6000)).toBe(true)
    })

    test('refuses an unreadable line together with its continuation', async () => {
      const broken = (what: string) => Buffer.from(what, 'latin1')
      for (const [bytes, says] of [
        ['\0', 'The line contains a NUL byte'],
        ['\xff', 'The line is not valid UTF-8'],
      ] as const) {
        const line = broken(`${ADD} --description "a${bytes}b" \\\n--arch x86_64\n`)
        // Run on its own, the continuation would end the script here.
        const worse = broken(`${ADD} --description a${bytes} \\\nexit\n`)
        const script = Buffer.concat([broken(`${ADD}\n`), line, worse, broken(ADD)])
        const stop = await vdcManage(['-e'], { database, input: script })
        expect(await newImages()).toEqual(linesOf(stop.stdout))
        expect(stop).toMatchObject({ code: 3, stdout: expect.stringMatching(new RegExp(`^${ID}\n$`)) })
        expect(stop.stderr).toMatch(new RegExp(`^Error: ${says}\nLine 2 failed: .*\n$`))

        const go = await vdcManage([], { database, input: script })
        expect(await newImages()).toEqual(linesOf(go.stdout))
        expect(linesOf(go.stdout)).toHaveLength(2)
        expect(go.code).toBe(9)
        expect(go.stderr.match(/^Line .*? failed/gm)).toEqual(['Line 2 failed', 'Line 4 failed'])
        expect(go.stderr).not.toMatch(/\0/)
      }
    })

    test('comments may contain any bytes', async () => {
      const bytes = Buffer.from(`# \xdcbersicht\n  # \0\n${ADD}\n`, 'latin1')
      const run = await vdcManage(['-e'], { database, input: bytes })
      expect(run).toMatchObject({ code: 0, stderr: '' })
      expect(await newImages()).toEqual(linesOf(run.stdout))
    })

    test.each([
      [['-f', '/nope'], 3, 'Error: The script /nope does not exist\n'],
      [['-f', '/'], 3, 'Error: The script / is a directory\n'],
      [['-f', '/etc/passwd/nope'], 3, 'Error: The script /etc/passwd/nope cannot be read: '],
      [['-f', '/proc/self/mem'], 3, 'Error: The script /proc/self/mem cannot be read: EIO'],
      [['-f', '/proc/self/mem', '--tx', 'bulk'], 3, 'Error: The script /proc/self/mem cannot be read: EIO'],
      [['--tx', 'bogus'], 3, "Error: --tx must be one of: each, bulk, none; not 'bogus'\n"],
      [['--tx_mode=bogus'], 3, "Error: --tx must be one of: each, bulk, none; not 'bogus'\n"],
      [['--tx'], 2, 'Error: Option --tx expects '],
      [['-f'], 2, 'Error: Option --file expects a value\n'],
      [['-e', '--bogus'], 2, 'Error: Option -e comes before the command\n'],
    ])('refuses %j without reading stdin', async (args, code, says) => {
      const run = await runScript(database, [ADD], args)
      expect(run).toMatchObject({ code, stdout: '' })
      expect(run.stderr.startsWith(says)).toBe(true)
      expect(await newImages()).toEqual([])
    })

    test('refuses a directory as stdin, and treats closed stdin as empty', async () => {
      expect(await shell('vdc-manage < /', { database })).toMatchObject({
        code: 3,
        stdout: '',
        stderr: 'Error: The script on stdin is a directory\n',
      })
      expect(await shell('vdc-manage <&-', { database })).toMatchObject({ code: 0, stdout: '', stderr: '' })
    })

    test.each([
      ['--tx_mode=bulk'],
      ['--tx_mode bulk'],
      ['--tx-mode=bulk'],
      ['--tx=bulk'],
      ['--exit_on_error --tx bulk'],
    ])('accepts %s', async (args) => {
      const failed = await runScript(database, [ADD, 'image show wmi-none'], args.split(' '))
      expect(failed).toMatchObject({ code: args.startsWith('--exit') ? 4 : 9, stdout: '' })
      expect(await newImages()).toEqual([])
      const run = await runScript(database, [ADD], ['shell', ...args.split(' ')])
      expect(run).toMatchObject({ code: 0, stderr: '' })
      expect(await newImages()).toEqual(linesOf(run.stdout))
    })
  })
})

test('refuses an emoji on a utf8mb3 database, and runs the other lines', async () => {
  const own = await newMariadb(undefined, 'utf8mb3')
  await vdcManage(['db', 'migrate'], { database: own, reject: true })
  await own.query('ALTER TABLE accounts CONVERT TO CHARACTER SET utf8mb3')
  const run = await runScript(own, ['account add --description 日本', 'account add --description 😀', 'account add'])
  expect(run.code).toBe(9)
  expect(run.stderr).toMatch(/^Error: --description contains 😀, .*\n(Hint: .*\n)?Line 2 failed: .*\n$/)
  const stored = await own.query('SELECT uuid, description FROM accounts ORDER BY id DESC LIMIT 2')
  expect(stored.map((row) => `a-${row.uuid}`).reverse()).toEqual(linesOf(run.stdout))
  expect(stored.map((row) => row.description)).toEqual([null, '日本'])
  const bulk = await runScript(own, ['account add', 'account add --description 😀'], ['--tx', 'bulk', '-e'])
  expect(bulk).toMatchObject({ code: 3, stdout: '' })
  expect(await own.query('SELECT COUNT(*) AS n FROM accounts')).toEqual([{ n: 4 }])
  await own.remove()
})
