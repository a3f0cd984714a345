import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { newSqlite } from './support/databases/databases.ts'
import { newFolder } from './support/files/images.ts'
import { debianGuest } from './support/guests/disks/debian.ts'
import { makeInstallerCd } from './support/guests/installer-cd.ts'
import { ROOT, shell } from './support/process/cli.ts'
import { IS_THOROUGH } from './support/thorough.ts'

const GUIDE = readFileSync(join(ROOT, 'docs/guide.md'), 'utf8')
/** All commands of the guide, block by block. */
const BLOCKS = [...GUIDE.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, script = '']) => script)
/** If a block fails in which a server runs. */
const END_JOBS = 'jobs -p | xargs -r kill 2>/dev/null || true'
/** Minutes to build, install, prepare and boot Debian, on a busy machine. */
const LIMIT = 45 * 60_000

const database = newSqlite()
const folder = newFolder()
afterAll(async () => {
  await database.remove()
  folder.remove()
})

/** Runs all blocks in one shell, which stops at the first error and ends its jobs. Returns what each block prints. */
async function runGuide(cwd: string): Promise<{ code: number | undefined; blocks: string[] }> {
  const script = BLOCKS.map((block) => `echo "<block>"\n${block}`).join('')
  const { code, stdout } = await shell(`exec 2>&1; set -euo pipefail; trap '${END_JOBS}' EXIT\n${script}`, {
    database,
    cwd,
  })
  return { code, blocks: stdout.split('<block>\n').slice(1) }
}

describe.runIf(IS_THOROUGH)('docs/guide.md', () => {
  test('works from its first line to its last', { timeout: LIMIT }, async () => {
    const cwd = join(folder.path, 'guide')
    mkdirSync(cwd)
    // An operator would answer its questions.
    await makeInstallerCd(join(cwd, 'installer.iso'), await debianGuest())
    const { code, blocks } = await runGuide(cwd)
    expect({ code, last: blocks.at(-1) }).toMatchObject({ code: 0 })
    const [doctor, build, install, prepare, twice, look, metadata, add, keep, list, replace] = blocks as string[]
    expect(doctor).toMatch(/^ok +building /m)
    expect(build).toMatch(/^.*bookworm\.qcow2$/m)
    expect(build).toMatch(/ready: 0 errors/)
    expect(install).toMatch(/^Look at the screen with: vncviewer /m)
    expect(install).toMatch(/^Prepare it with: vdc-manage image prepare /m)
    expect(prepare).toMatch(/^error +ssh\.hostkeys /m)
    expect(prepare).toContain('exit code 3')
    expect(prepare).toMatch(/lucid\.qcow2 .*: ready: 0 errors/)
    expect(twice).toMatch(/ok +machine-id-differs /)
    expect(look).toMatch(/ok +metadata /)
    expect(readFileSync(join(cwd, 'console.log'), 'latin1')).toMatch(/Linux version/)
    expect(readFileSync(join(cwd, 'screen.png')).subarray(1, 4).toString()).toBe('PNG')
    expect(metadata).toContain('http://127.0.0.1:8775')
    // The log of the server may follow on the same line.
    expect(metadata).toMatch(/^demo1/m)
    expect(add).toMatch(/^check: +.*ready/m)
    expect(keep).toMatch(/ok +login /)
    expect(list).toMatch(/^wmi-\w{8} +debian-12 +a-shpoolxx /m)
    expect(replace?.match(/^wmi-\w{8} +debian-12 /gm)).toHaveLength(2)
    expect(existsSync(join(cwd, 'bookworm.qcow2'))).toBe(true)
  })
})
