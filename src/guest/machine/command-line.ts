import { type Network, networkArguments } from './network.ts'
import { FIRST_PASSED, MONITOR } from './process.ts'
import { type VncPlace, vncArguments } from './vnc.ts'

/** Architectures of virtual machines: 64-bit PCs, and PCs whose processor runs 32-bit systems only. */
export const MACHINE_ARCHES = ['x86_64', 'x86'] as const
/** One of MACHINE_ARCHES. */
export type MachineArch = (typeof MACHINE_ARCHES)[number]

/** A disk of a virtual machine. */
export interface MachineDisk {
  /** An open descriptor of this process: what was inspected is what boots. */
  fd: number
  /** As qemu names it. */
  format: string
  /** Whether it is changed. Otherwise changes go to a temporary file. */
  isWritable: boolean
}

/** What a virtual machine consists of. */
export interface MachineHardware {
  arch: MachineArch
  accel: 'kvm' | 'tcg'
  /** MiB. */
  memory: number
  disk: MachineDisk
  /** An open descriptor of an ISO image, from which the machine boots. */
  cd?: number
  network: Network
  /** Where its screen can be looked at. */
  vnc?: VncPlace
  /** Whether the firmware, and boot loaders that use it, print on the serial console, too. */
  hasSerialFirmware: boolean
}

/** The program for all of MACHINE_ARCHES. */
export const QEMU = 'qemu-system-x86_64'

/** Returns QEMU's arguments. The disk is its descriptor FIRST_PASSED, and the CD the one after that. */
export function machineArguments(hardware: MachineHardware): string[] {
  const { arch, accel, memory, disk, cd, network, vnc, hasSerialFirmware } = hardware
  return [
    ...['-machine', `pc,accel=${accel}${hasSerialFirmware ? ',graphics=off' : ''}`],
    ...['-cpu', arch === 'x86' ? 'max,lm=off' : 'max', '-m', String(memory)],
    // Its monitor tells why the machine ended, and then ends QEMU.
    ...['-nodefaults', '-no-user-config', '-no-reboot', '-no-shutdown'],
    // guestfwd starts programs; they need elevateprivileges=allow, which is the default.
    ...['-sandbox', 'on,obsolete=deny,spawn=allow,resourcecontrol=deny'],
    ...['-chardev', `socket,id=monitor,fd=${MONITOR}`, '-mon', 'chardev=monitor,mode=control'],
    ...['-chardev', 'stdio,id=console,signal=off', '-serial', 'chardev:console'],
    ...['-display', 'none', '-vga', 'std', ...vncArguments(vnc)],
    ...driveArguments(disk),
    ...(cd === undefined ? [] : cdArguments),
    ...networkArguments(network),
    ...['-device', 'virtio-rng-pci'],
  ]
}

function driveArguments({ format, isWritable }: MachineDisk): string[] {
  // Opened anew by QEMU, so that its locks end with it. What is not written to needs to survive nothing, and neither does
  // a new disk, which is worthless if this host crashes.
  // If the host has no space, the guest is told of it, or the machine stops and tells.
  const kept = isWritable ? 'discard=unmap,werror=report' : 'snapshot=on,werror=enospc'
  const drive = `file=/dev/fd/${FIRST_PASSED},format=${format},if=virtio,cache=unsafe,${kept}`
  return ['-drive', drive]
}

const cdArguments = [
  ...['-drive', `file=/dev/fd/${FIRST_PASSED + 1},format=raw,if=ide,media=cdrom,readonly=on`],
  ...['-boot', 'order=d'],
]
