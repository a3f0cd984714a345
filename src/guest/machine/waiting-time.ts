import { readFile } from 'node:fs/promises'

/**
 * Returns the milliseconds that a thread was ready to run and waited for a processor, since its start; 0 if it has
 * ended, or if the kernel does not count them. The format is that of Linux's sched-stats.rst.
 */
export async function waitingTime(pid: number, thread: number): Promise<number> {
  const line = await readFile(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').catch(() => '')
  // Nanoseconds on a processor, nanoseconds of waiting for one, and how many times it ran.
  const [, waited] = line.split(' ')
  return Number(waited ?? 0) / 1e6
}
