import { Flags } from '@oclif/core'
import { choice } from './common.ts'

/** `--root`: a guest that is unpacked in a folder. */
export const root = () =>
  Flags.string({
    helpValue: 'FOLDER',
    summary: 'Check the guest that is unpacked or mounted in this folder.',
  })

/** A flag that takes checks of guests, by ID or group, several of them separated by commas. */
export const checkNames = (summary: string) =>
  Flags.string({ helpValue: 'ID,...', multiple: true, multipleNonGreedy: true, delimiter: ',', summary })

/** `--strict`: whether warnings count. */
export const strict = () => Flags.boolean({ summary: 'Treat warnings as errors.' })

/**
 * `--accel`: how the virtual machine runs.
 *
 * @param accelerations the values that it takes.
 */
export const accel = (accelerations: readonly string[]) =>
  choice('HOW', accelerations, 'Accelerator of the virtual machine', { value: 'auto' })
