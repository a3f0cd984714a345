import { execa } from 'execa'

/** Times of a command, in milliseconds. */
export interface Times {
  wall: number
  /** User and system time, including children. */
  processor: number
}

/**
 * Runs a command and measures it with bash's `time`. Discards its stdout.
 *
 * @throws if its exit code is not 0.
 */
export async function timesOf(command: readonly string[], env: Record<string, string>): Promise<Times> {
  const script = 'TIMEFORMAT=$\'\\n%3R %3U %3S\'; time "$@" > /dev/null'
  const { stderr } = await execa('bash', ['-c', script, 'bash', ...command], { env, extendEnv: false })
  const [wall, user, system] = (stderr.split('\n').at(-1) as string).split(' ').map((seconds) => Number(seconds) * 1000)
  return { wall: wall as number, processor: (user as number) + (system as number) }
}

/** Returns the wall time of `work` in milliseconds. */
export async function wallTime(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now()
  await work()
  return performance.now() - begun
}

/** Returns the median. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] as number
}
