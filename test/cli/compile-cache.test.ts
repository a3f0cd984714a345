import { chmodSync, chownSync, existsSync, mkdirSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { environment, PROGRAM } from '../support/cli.ts'
import { newFolder } from '../support/images.ts'
import { NOBODY } from '../support/root-home.ts'

/* In which folder V8's compiled code is kept, as what lies there is executed. Node 20 cannot keep it, so this tells. */

const TELL =
  "import module from 'node:module'; module.enableCompileCache = (folder) => console.error('kept in ' + folder)"

const all = newFolder()
chmodSync(all.path, 0o755)
afterAll(() => all.remove())

let count = 0
let home: string
beforeEach(() => {
  home = join(all.path, `home${++count}`)
  mkdirSync(home, { mode: 0o755 })
  chownSync(home, NOBODY, NOBODY)
})

/** The output of the program, in a shell with a line before it. */
async function told(user: number, before: string, HOME = home): Promise<string> {
  const { stderr } = await execa(
    'unshare',
    ['-m', 'sh', '-c', `${before}; exec setpriv --reuid ${user} --clear-groups ${PROGRAM} --version`],
    {
      env: environment({ env: { HOME, NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(TELL)}` } }),
      extendEnv: false,
    },
  )
  return stderr
}

describe.runIf(process.getuid?.() === 0)('compiled code is kept', () => {
  test('in a folder for its user alone, whatever the umask', async () => {
    const folder = join(home, '.cache/vdc-manage')
    expect(await told(NOBODY, 'umask 000')).toBe(`kept in ${folder}`)
    expect([folder, join(home, '.cache')].map((path) => statSync(path).mode & 0o777)).toEqual([0o700, 0o700])
  })

  test('for root in /var/cache, whatever HOME is', async () => {
    const mount = 'mount -t tmpfs -o mode=755 none /var/cache; umask 000'
    expect(await told(0, mount)).toBe('kept in /var/cache/vdc-manage')
    for (const hostile of [
      'chmod 777 /var/cache',
      'mkdir -m 777 /var/cache/vdc-manage',
      `mkdir /var/cache/vdc-manage; chown ${NOBODY} /var/cache/vdc-manage`,
      `ln -s ${home} /var/cache/vdc-manage`,
    ])
      expect(await told(0, `${mount}; ${hostile}`)).toBe('')
    expect(existsSync(join(home, '.cache'))).toBe(false)
  })

  test.each<[string, () => string | undefined]>([
    ['HOME belongs to somebody else', () => void chownSync(home, 0, 0)],
    ['others can write to HOME', () => void chmodSync(home, 0o777)],
    [
      'somebody else made the folder',
      () => void mkdirSync(join(home, '.cache/vdc-manage'), { recursive: true, mode: 0o777 }),
    ],
    ['the folder is a link', () => void symlinkSync(all.path, join(home, '.cache'))],
    ['HOME is empty', () => ''],
    ['HOME is relative', () => '.'],
    ['HOME is /proc', () => '/proc'],
  ])('nowhere where %s', async (_, make) => {
    expect(await told(NOBODY, 'umask 022', make() ?? home)).toBe('')
  })
})
