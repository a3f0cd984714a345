import { createServer } from 'node:net'

/** Ports below those that the system gives to programs that ask for any free port (32768 and above). */
const [FIRST_PORT, PORTS] = [10_000, 22_000]
/** Each worker of vitest has its own share of the ports. */
const SHARES = 16
const SHARE = Math.floor(PORTS / SHARES)
const given = new Set<number>()

/**
 * Returns a free loopback port that the system does not give to programs that ask for any free port, and
 * that no other test of this run gets.
 */
export async function freePort(): Promise<number> {
  const first = FIRST_PORT + (Number(process.env.VITEST_POOL_ID ?? 0) % SHARES) * SHARE
  for (;;) {
    const port = first + Math.floor(Math.random() * SHARE)
    if (given.has(port)) continue
    given.add(port)
    if (await isFree(port)) return port
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
  })
}
