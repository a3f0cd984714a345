import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../../process/cli.ts'

const FOLDER = join(ROOT, 'node_modules/.cache/vdc-manage-guests')

/**
 * Returns the path of a file that takes minutes to make, and is kept for later runs until the sources of its
 * makers change. Two runs do not make it at the same time.
 *
 * @param name with an ending, such as debian.qcow2. The tests must not change the file.
 * @param sources the files of its makers; `import.meta.filename` is one.
 */
export async function cached(
  name: string,
  sources: readonly string[],
  make: (path: string) => Promise<void>,
): Promise<string> {
  const hash = createHash('sha256')
  for (const source of sources) hash.update(readFileSync(source))
  const key = hash.digest('hex').slice(0, 16)
  const path = join(FOLDER, `${key}-${name}`)
  mkdirSync(FOLDER, { recursive: true })
  const lock = await locked(join(FOLDER, `${name}.lock`))
  try {
    if (existsSync(path)) return path
    for (const old of readdirSync(FOLDER)) if (old.endsWith(`-${name}`)) rmSync(join(FOLDER, old), { force: true })
    const unfinished = join(FOLDER, `new-${name}`)
    await make(unfinished)
    renameSync(unfinished, path)
    return path
  } finally {
    lock.stdin?.end()
  }
}

/** Locks a file until stdin of the returned process ends, at the latest when this process ends. */
async function locked(path: string): Promise<ChildProcess> {
  const holder = spawn('flock', [path, 'sh', '-c', 'echo locked; exec cat'], { stdio: ['pipe', 'pipe', 'inherit'] })
  await once(holder.stdout, 'data')
  return holder
}
