import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { freePort } from '../process/free-port.ts'
import type { MetadataServer } from './metadata-server.ts'

const CONNECTOR = fileURLToPath(new URL('connector.js', import.meta.url))

/** A virtual machine that runs a disk, under emulation. */
export interface RunningGuest {
  /** Returns what the guest has written to its serial console. */
  console(): string
  /**
   * Waits until sshd answers, and returns its host key, as in the `.pub` file of the guest. Fails, with the end of the
   * console, after some seconds.
   */
  hostKey(seconds: number): Promise<string>
  /** Waits until the key of the metadata opens a session of root. Fails, with the end of the console, after some seconds. */
  letsIn(key: string, hostKey: string, seconds: number): Promise<void>
  /**
   * Runs commands as root over SSH, and returns their output. Fails if they do, or if the guest has another host key.
   *
   * @param key the path of a private key.
   * @param hostKey as in the `.pub` file of the guest.
   */
  ssh(key: string, hostKey: string, commands: string): Promise<string>
  /** Waits until the guest has powered off. */
  ended(seconds: number): Promise<void>
  /** Ends QEMU. */
  stop(): Promise<void>
}

/**
 * Boots a qcow2 disk, which the guest changes. Its network has DHCP, the metadata server at 169.254.169.254,
 * and nothing else. QEMU ends when this process does.
 *
 * @param console a path for the file of the serial console.
 */
export async function bootDisk(disk: string, console: string, metadata: MetadataServer): Promise<RunningGuest> {
  const port = await freePort()
  const network = [
    'user,id=n0,net=168.0.0.0/5,host=172.16.0.1,dns=172.16.0.3,dhcpstart=172.16.0.10,restrict=on',
    `guestfwd=tcp:169.254.169.254:80-cmd:${process.execPath} ${CONNECTOR} ${new URL(metadata.url).port}`,
    `hostfwd=tcp:127.0.0.1:${port}-:22`,
  ]
  const qemu = spawn(
    'setpriv',
    [
      ...['--pdeathsig', 'KILL', 'qemu-system-x86_64'],
      // Without graphics, the BIOS sends to the serial console what it and GRUB print.
      ...['-machine', 'pc,accel=tcg,graphics=off', '-cpu', 'max', '-m', '512', '-display', 'none'],
      ...['-no-reboot', '-nodefaults', '-monitor', 'none'],
      ...['-sandbox', 'on,obsolete=deny,spawn=allow,resourcecontrol=deny'],
      ...['-drive', `file=${disk},format=qcow2,if=virtio,cache=unsafe`],
      ...['-serial', `file:${console}`, '-netdev', network.join()],
      ...['-device', 'virtio-net-pci,netdev=n0,mac=52:54:00:12:34:56', '-device', 'virtio-rng-pci'],
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  let messages = ''
  qemu.stderr.on('data', (text) => (messages += text))
  const text = () => (existsSync(console) ? readFileSync(console, 'latin1') : '')
  const isRunning = () => qemu.exitCode === null && qemu.signalCode === null
  const failed = (what: string) => new Error(`${what}\n${messages}${text().slice(-3000)}`)
  const retry = async (seconds: number, what: string, attempt: () => Promise<string | undefined>) => {
    const end = Date.now() + seconds * 1000
    for (;;) {
      const result = await attempt()
      if (result !== undefined) return result
      if (!isRunning() || Date.now() > end) throw failed(`No ${what} within ${seconds} s`)
      await setTimeout(500)
    }
  }
  const ssh: RunningGuest['ssh'] = async (key, hostKey, commands) => {
    const known = `${console}.known-hosts`
    writeFileSync(known, `guest ${hostKey}\n`)
    return (await execa('ssh', [...sshOptions(key, known), '-p', String(port), 'root@127.0.0.1', commands])).stdout
  }
  return {
    console: text,
    async hostKey(seconds) {
      const scan = ['-T', '20', '-t', 'ed25519', '-p', String(port), '127.0.0.1']
      const keys = () => execa('ssh-keyscan', scan, { reject: false })
      return retry(seconds, 'host key', async () => / (ssh-ed25519 \S+)/.exec((await keys()).stdout)?.[1])
    },
    async letsIn(key, hostKey, seconds) {
      await retry(seconds, 'session', () => ssh(key, hostKey, 'echo in').catch(() => undefined))
    },
    ssh,
    async ended(seconds) {
      const end = Date.now() + seconds * 1000
      for (; isRunning(); await setTimeout(500)) if (Date.now() > end) throw failed(`Still running after ${seconds} s`)
    },
    stop: () => stop(qemu),
  }
}

async function stop(qemu: ChildProcess): Promise<void> {
  if (qemu.exitCode !== null || qemu.signalCode !== null) return
  qemu.kill('SIGKILL')
  await once(qemu, 'exit')
}

function sshOptions(key: string, known: string): string[] {
  const options = [
    ...['BatchMode=yes', 'ConnectTimeout=60', 'IdentitiesOnly=yes'],
    ...['HostKeyAlias=guest', 'StrictHostKeyChecking=yes', `UserKnownHostsFile=${known}`],
  ]
  return ['-F', 'none', '-i', key, ...options.flatMap((option) => ['-o', option])]
}
