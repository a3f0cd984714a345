import { closeSync, existsSync, openSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { withGuestFolder } from '../../../src/guest/appliance/guest-folder.ts'
import { type MachineOptions, withMachine } from '../../../src/guest/machine/machine.ts'
import { newFolder } from '../../support/files/images.ts'
import { makeBusyboxDisk } from '../../support/guests/disks/busybox.ts'

const folder = newFolder()
const disk = join(folder.path, 'busybox.raw')
let fd: number
beforeAll(async () => {
  await makeBusyboxDisk(disk)
  fd = openSync(disk, 'r')
})
afterAll(() => {
  closeSync(fd)
  folder.remove()
})

const controller = new AbortController()
const cancellation = { signal: controller.signal, throwIfRequested() {} }

/** What a machine has sent. */
interface Sent {
  console: string
  fromGuest: Buffer[]
  toGuest: Buffer[]
}

/** Returns options of a machine in the restricted network, and what it sends. */
function optionsIn(path: string, more: Partial<MachineOptions> = {}): { options: MachineOptions; sent: Sent } {
  const sent: Sent = { console: '', fromGuest: [], toGuest: [] }
  const options: MachineOptions = {
    folder: path,
    arch: 'x86_64',
    accel: 'tcg',
    memory: 256,
    disk: { fd, format: 'raw', isWritable: false },
    network: {
      kind: 'restricted',
      mac: '52:54:00:12:34:56',
      metadataSocket: 'metadata',
      fromGuest: (chunk) => void sent.fromGuest.push(chunk),
      toGuest: (chunk) => void sent.toGuest.push(chunk),
    },
    hasSerialFirmware: true,
    cancellation,
    onConsole: (chunk) => (sent.console += chunk.toString('latin1')),
    ...more,
  }
  return { options, sent }
}

describe('a virtual machine', () => {
  test('boots a disk, and sends its console and its packets', async () => {
    const before = readFileSync(disk)
    let pid = 0
    let path = ''
    await withGuestFolder(async (given) => {
      path = given
      const { options, sent } = optionsIn(path, { vnc: { kind: 'unix' } })
      await withMachine(options, async (machine) => {
        expect(machine.vnc).toBe(join(path, 'vnc'))
        expect(existsSync(join(path, 'vnc'))).toBe(true)
        const port = (await machine.sshPort()) ?? 0
        expect(port).toBeGreaterThan(1023)
        // The port is taken.
        const taken = new Promise((resolve) => createServer().once('error', resolve).listen(port, '127.0.0.1'))
        expect(await taken).toMatchObject({ code: 'EADDRINUSE' })
        await expect.poll(() => sent.console, { timeout: 240_000 }).toMatch(/login: /)
        expect(sent.console).toContain('Booting from Hard Disk...')
        expect(sent.console).toContain('Linux version')
        expect(await machine.waited()).toBeGreaterThan(0)
        await machine.powerDown()
        const screen = await machine.screenshot()
        expect(screen.subarray(0, 8).toString('latin1')).toBe('\x89PNG\r\n\x1a\n')
        pid = machine.pid
      })
      // Both directions, as pcap(5), of Ethernet: the guest asks for an address, and is given one.
      for (const chunks of [sent.fromGuest, sent.toGuest]) {
        const bytes = Buffer.concat(chunks)
        expect(bytes.readUInt32LE(0)).toBe(0xa1b2c3d4)
        expect(bytes.indexOf(Buffer.from([0x63, 0x82, 0x53, 0x63]))).toBeGreaterThan(0)
      }
    })
    expect(existsSync(path)).toBe(false)
    expect(() => process.kill(pid, 0)).toThrow('ESRCH')
    expect(readFileSync(disk).equals(before)).toBe(true)
  })
})
