import { lstat, lutimes, readdir } from 'node:fs/promises'

const SLASH = Buffer.from('/')

/**
 * Sets the times of all files in a folder: none is later than `time`, and none has fractions of a second.
 *
 * @param time seconds since 1970.
 * @throws Error of the system.
 */
export async function limitTimes(folder: Buffer, time: number): Promise<void> {
  for (const name of await readdir(folder, { encoding: 'buffer' })) {
    const path = Buffer.concat([folder, SLASH, name])
    const stat = await lstat(path)
    if (stat.isDirectory()) await limitTimes(path, time)
    else await setTime(path, stat.mtimeMs, time)
  }
  await setTime(folder, (await lstat(folder)).mtimeMs, time)
}

async function setTime(path: Buffer, modified: number, time: number): Promise<void> {
  const seconds = Math.min(Math.floor(modified / 1000), time)
  await lutimes(path, seconds, seconds)
}
