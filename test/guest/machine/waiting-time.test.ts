import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { afterEach, expect, test } from 'vitest'
import { waitingTime } from '../../../src/guest/machine/waiting-time.ts'

const running: ChildProcess[] = []
afterEach(async () => {
  for (const child of running.splice(0)) {
    child.kill('SIGKILL')
    await once(child, 'close')
  }
})

/** Starts a process that never rests, on one processor of this host. Returns its ID. */
function startBusy(processor: string): number {
  const child = spawn('taskset', ['-c', processor, 'sh', '-c', 'while :; do :; done'], { stdio: 'ignore' })
  running.push(child)
  return child.pid as number
}

test('grows while a thread waits for a processor, and is 0 for one that is gone', async () => {
  const [, processor = ''] = /^Cpus_allowed_list:\s*(\d+)/m.exec(readFileSync('/proc/self/status', 'latin1')) ?? []
  const [busy] = [startBusy(processor), startBusy(processor)]
  await expect.poll(() => waitingTime(busy, busy), { timeout: 60_000 }).toBeGreaterThan(500)
  const [child] = running
  child?.kill('SIGKILL')
  await once(child as ChildProcess, 'close')
  running.shift()
  expect(await waitingTime(busy, busy)).toBe(0)
})
