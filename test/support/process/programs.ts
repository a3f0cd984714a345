import { execFileSync } from 'node:child_process'
import { mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'

/** What an inspection runs. */
const OF_INSPECTION = ['env', 'setpriv', 'qemu-img', 'sh']

/** Makes a folder, for PATH, with links to what an inspection runs and to more programs of this host. Returns its path. */
export function newProgramFolder(path: string, more: readonly string[] = []): string {
  mkdirSync(path)
  symlinkSync(process.execPath, join(path, 'node'))
  for (const name of [...OF_INSPECTION, ...more]) {
    const program = execFileSync('sh', ['-c', 'command -v "$1"', 'sh', name], { encoding: 'utf8' })
    symlinkSync(program.trim(), join(path, name))
  }
  return path
}
