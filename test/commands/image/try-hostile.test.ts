import { once } from 'node:events'
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, expect, test, vi } from 'vitest'
import { newFolder } from '../../support/files/images.ts'
import { microGuest } from '../../support/guests/disks/micro-guests.ts'
import { vdcManage } from '../../support/process/cli.ts'
import { processesIn } from '../../support/process/processes.ts'

const folder = newFolder()
afterAll(() => folder.remove())

/**
 * User-data that tries to reach this host and others, and then floods the console, the network and the metadata
 * service.
 *
 * @param port of the loopback of this host.
 */
const hostile = (port: number) => `#!/bin/sh
route add default gw 172.16.0.1
tell() { echo "hostile: $*" >/dev/console; }
reach() {
  answer=$(sleep 15 | timeout 20 nc "$1" "$2" 2>&1)
  tell "$1:$2 answers '$answer' $?"
}
reach 172.16.0.1 ${port} &
reach 172.16.0.2 ${port} &
reach 172.16.0.3 53 &
reach 10.0.2.2 ${port} &
reach 169.254.169.254 ${port} &
reach 192.0.2.1 80 &
timeout 4 nslookup example.org 172.16.0.3 >/run/dns 2>&1 || tell no DNS &
wait
for i in $(seq 16); do sleep 6 | timeout 6 nc 169.254.169.254 80 >/dev/null 2>&1 & done
timeout 4 sh -c 'yes xxxxxxxxxxxxxxxx | nc -u 172.16.0.1 9' &
timeout 4 wget -q -O /run/long "http://169.254.169.254/$(head -c 100000 /dev/zero | tr '\\0' x)" &
yes "$(printf '\\033]0;title\\007\\033[2J\\033[31mflood')" | head -c 300000 >/dev/console
yes | tr -d '\\n' | head -c 300000 >/dev/console
wait
echo >/dev/console
`

test.concurrent('a hostile guest reaches nothing, and its floods change nothing', async () => {
  const connections: string[] = []
  const server = createServer((socket) => {
    connections.push(socket.remoteAddress ?? '')
    socket.end('secret')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const [userData, console] = [join(folder.path, 'user-data'), join(folder.path, 'console')]
  writeFileSync(userData, hostile(port))
  const args = ['--accel', 'tcg', '--user-data', userData, '--console', console, '--json']
  const run = await vdcManage(['image', 'try', await microGuest('good'), ...args])
  server.close()
  expect(run).toMatchObject({ code: 0 })
  const printed = readFileSync(console, 'latin1')

  expect(connections).toEqual([])
  const answers = [...printed.matchAll(/hostile: (\S+) answers '(.*?)' (\d+)/g)].map(([, place, answer]) => [
    place,
    answer,
  ])
  expect(answers.filter(([, answer]) => answer?.startsWith("nc: can't connect"))).toHaveLength(6)
  expect(printed).toContain('hostile: no DNS')
  expect(statSync(console).size).toBeLessThan(9 << 20)

  expect(run).toMatchObject({ code: 0 })
  for (const text of ['\\u001b', '\u001b', 'secret']) expect(run.stdout + run.stderr).not.toContain(text)
  const { steps } = JSON.parse(run.stdout)
  expect(steps.filter((step: { result: string }) => step.result !== 'ok')).toEqual([])
  expect(run.stdout.length).toBeLessThan(20_000)
})

test.concurrent('a guest that floods the metadata service with connections is stopped before they use up the host', async () => {
  const userData = join(folder.path, 'flood')
  writeFileSync(
    userData,
    '#!/bin/sh\nfor i in $(seq 3000); do sleep 60 | nc 169.254.169.254 80 >/dev/null 2>&1 & done\nwait\n',
  )
  const temporary = join(folder.path, 'tmp')
  mkdirSync(temporary)
  let most = 0
  const timer = setInterval(() => {
    most = Math.max(most, processesIn(temporary).length)
  }, 20)
  const run = await vdcManage(['image', 'try', await microGuest('good'), '--accel', 'tcg', '--user-data', userData], {
    env: { TMPDIR: temporary },
    process: true,
  })
  clearInterval(timer)
  expect(run).toMatchObject({
    code: 3,
    stderr: 'Error: The guest opened more than 32 connections to the metadata service at once, and was stopped\n',
  })
  expect(run.stdout).toMatch(/ ok {8}metadata /)
  expect(most).toBeGreaterThan(0)
  // It tries 3000. On a busy machine, more than the limit exist before it is stopped.
  expect(most).toBeLessThan(500)
  await vi.waitFor(() => expect(processesIn(temporary)).toEqual([]), { timeout: 60_000 })
})
