import { Args, Flags } from '@oclif/core'

/*
 * Flags and arguments that commands share. Their values are checked by the
 * registry; `options` are listed where they help at the prompt.
 */

type Snake<S extends string> = S extends `${infer Head}-${infer Rest}` ? `${Head}_${Snake<Rest>}` : S

/** Flags under the names of the columns that they stand for: `display_name` for `display-name`. */
export function byColumn<T extends object>(flags: T): { [K in keyof T as Snake<K & string>]: T[K] } {
  return Object.fromEntries(Object.entries(flags).map(([name, value]) => [name.replaceAll('-', '_'), value])) as never
}

const text = (helpValue: string, summary: string) => Flags.string({ helpValue, summary })

/** The values that a flag takes, and which it has where it isn't given. */
interface Options {
  options: readonly string[]
  default?: string
}
const choice = ({ options, ...rest }: Options, summary: string) =>
  Flags.string({ options: [...options], ...rest, summary })

export const accountId = (summary: string) => text('a-ID', summary)

export const owner = () =>
  Flags.string({
    helpValue: 'a-ID',
    required: true,
    summary: 'Account that owns it; a-shpoolxx is the pool that all accounts share.',
  })
export const createAccount = () => Flags.boolean({ summary: 'Add the account where it does not exist.' })
export const uuid = (prefix: string) =>
  text(`${prefix}ID`, 'Its id, instead of a generated one; with or without its prefix.')
export const description = () => text('TEXT', 'What it is, for people.')
export const deleted = (what: string) => Flags.boolean({ summary: `Show deleted ${what} too.` })
export const quiet = () => Flags.boolean({ char: 'q', summary: 'Print ids only, one a line.', exclusive: ['json'] })

/** Flags for the attributes of an image. */
export const image = {
  arch: (options: Options) => choice(options, 'Architecture of the machine.'),
  displayName: () => text('TEXT', 'Name for people. Default: the file’s name without endings.'),
  fileFormat: (options: Options) => choice(options, 'Format that the file must have. Default: what it has.'),
  instanceModelName: () => text('NAME', 'Instance model that it is made for.'),
  isCacheable: () => Flags.boolean({ allowNo: true, summary: 'Let hypervisors keep a copy.' }),
  isPublic: () => Flags.boolean({ allowNo: true, summary: 'Let every account use it.' }),
  osType: (options: Options) => choice(options, 'Operating system.'),
  parentImageId: () => text('wmi-ID', 'Image that it was made from.'),
  rootDevice: () => text('DEVICE', 'Device of the root filesystem, such as label:root.'),
  serviceType: (value: string) => Flags.string({ helpValue: 'NAME', default: value, summary: 'Service type.' }),
  state: (options: Options) => choice(options, 'State in which it is registered.'),
  storageId: () =>
    text('bkst-ID', 'Backup storage that the file lies in. Default: the closest one, or a new one for its folder.'),
}

/** One id that must be there. */
export const oneId = (description: string) => Args.string({ description, required: true, ignoreStdin: true })

/** One id or several. */
export const someIds = (description: string) =>
  Args.string({ description, required: true, multiple: true, ignoreStdin: true })

/** Any number of ids, or none. */
export const anyIds = (description: string) => Args.string({ description, multiple: true, ignoreStdin: true })

/** The path of a file. */
export const path = (description: string) => Args.string({ description, required: true, ignoreStdin: true })
