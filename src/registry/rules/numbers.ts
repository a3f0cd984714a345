import * as z from 'zod/mini'

/** MiB of memory of a virtual machine: from QEMU's least for a PC to more than hosts have. */
export const machineMemory = () => whole(16, 1 << 20)

/** A whole number within limits. */
export function whole(least: number, most: number) {
  const message = `must be a whole number from ${least} to ${most}`
  return z
    .number(message)
    .check(z.refine((value) => Number.isInteger(value) && value >= least && value <= most, message))
}
