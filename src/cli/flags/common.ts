import { Args, Flags } from '@oclif/core'
import { COMMON, type HelpGroup } from '../help/groups.ts'
import { ACCOUNT_VARIABLE } from './default-account.ts'

/*
 * Flags and arguments that commands share. The registry checks their values;
 * `options` are for completion and help.
 */

type Snake<S extends string> = S extends `${infer Head}-${infer Rest}` ? `${Head}_${Snake<Rest>}` : S

/** Returns flags with the names of columns: `display_name` for `display-name`. */
export function byColumn<T extends object>(flags: T): { [K in keyof T as Snake<K & string>]: T[K] } {
  return Object.fromEntries(Object.entries(flags).map(([name, value]) => [name.replaceAll('-', '_'), value])) as never
}

/**
 * Returns flags with the headings under which help lists them.
 *
 * @param groups the names of options by heading; names that are not in `flags` are ignored.
 * @param rest the heading of the others.
 */
export function grouped<T extends object>(
  groups: Partial<Record<HelpGroup, readonly string[]>>,
  flags: T,
  rest: HelpGroup = 'OPTIONS',
): T {
  const groupOf = (name: string) => Object.entries(groups).find(([, names]) => names.includes(name))?.[0]
  return Object.fromEntries(
    Object.entries(flags).map(([name, flag]) => [
      name,
      { ...flag, helpGroup: groupOf(name) ?? flag.helpGroup ?? rest },
    ]),
  ) as T
}

/** A flag that takes any text. */
export const text = (helpValue: string, summary: string) => Flags.string({ helpValue, summary })

/**
 * A flag that takes one of some values, which its summary lists.
 *
 * @param more follows the values in the summary, such as a default that is not a fixed value.
 */
export const choice = (
  helpValue: string,
  options: readonly string[],
  summary: string,
  { value, more }: { value?: string; more?: string } = {},
) =>
  Flags.string({
    helpValue,
    options: [...options],
    ...(value === undefined ? {} : { default: value }),
    summary: `${summary}: ${options.join(', ')}.${more === undefined ? '' : ` ${more}`}`,
  })

const nameForPeople = { helpValue: 'TEXT', summary: 'Display name.', aliases: ['name'] }

/** A display name, as `--display-name` or, like the filter of lists, `--name`. */
export const displayName = (summary = nameForPeople.summary) => Flags.string({ ...nameForPeople, summary })

/** A display name that must be given. */
export const requiredDisplayName = () => Flags.string({ ...nameForPeople, required: true })

/** An option that takes an account. */
export const accountId = (summary: string) => text('a-ID', summary)

/** The owner of a new item, which must be given. */
export const owner = () =>
  Flags.string({
    helpValue: 'a-ID',
    required: true,
    env: ACCOUNT_VARIABLE,
    summary: `Owner; a-shpoolxx is the shared pool. Default: $${ACCOUNT_VARIABLE}.`,
  })
/** `--create-account` */
export const createAccount = () => Flags.boolean({ summary: 'Create the account if it does not exist.' })
/** The ID of a new item; its prefix, such as `wmi-`, is optional. */
export const uuid = (prefix: string) => text(`${prefix}ID`, `Use this ID; the prefix ${prefix} is optional.`)
/** `--uuid` of a change, as in the original: only the current ID is accepted. */
export const sameUuid = (prefix: string) => text(`${prefix}ID`, 'Must be the current ID; an ID cannot be changed.')
/** `--description` */
export const description = () => text('TEXT', 'Description.')
/** `--all` of lists. */
export const deleted = (what: string) => Flags.boolean({ summary: `Include deleted ${what}.` })
/** `--quiet` of lists. */
export const quiet = () => Flags.boolean({ char: 'q', summary: 'Print IDs only, one per line.' })

/** `--quiet` of commands other than lists. */
export const onlyIds = (summary = 'Print IDs only, one per line, and no notes.') =>
  Flags.boolean({ char: 'q', helpGroup: COMMON, summary })

/** `--verbose` of commands that show items. */
export const verbose = () =>
  Flags.boolean({
    char: 'v',
    helpGroup: 'OUTPUT',
    summary: 'Print all fields, even empty and default ones, and sizes in bytes.',
  })

/** `--at` of histories. */
export const at = () =>
  text(
    'TIME',
    'Show the values at this time, or at the end of this minute or day: 2026-11-24, "2026-11-24 09:30" or ISO 8601, in UTC unless it has a zone; or an age such as 90s, 30min, 12h, 7d or 2w.',
  )
/** `--dry-run` */
export const dryRun = () => Flags.boolean({ char: 'n', summary: 'Print what would be written; write nothing.' })
/** `--force`; what it allows differs between commands. */
export const force = (summary: string) => Flags.boolean({ summary })
/** `--ignore-missing` */
export const ignoreMissing = (what: string) =>
  Flags.boolean({ summary: `Ignore ${what} that are deleted or never existed.` })
/** `--label` of lists. */
export const label = () =>
  Flags.string({
    helpValue: 'NAME[=VALUE]',
    multiple: true,
    multipleNonGreedy: true,
    summary: 'With this label; repeat to require several.',
  })

/** Describes an argument that takes an ID or a display name. */
export const idOrName = (what: string, prefix: string) => `${what}: ID (${prefix} is optional) or name.`

/** Describes an argument that takes several IDs or display names. */
export const idsOrNames = (what: string, prefix: string) =>
  `${what}: IDs (${prefix} is optional) or names. Use - to read them from stdin.`

/** One ID, which is required. */
export const oneId = (description: string) => Args.string({ description, required: true, ignoreStdin: true })

const several = (description: string) => Args.string({ description, required: true, multiple: true, ignoreStdin: true })

/** One or more IDs. */
export const someIds = several

/** Any number of IDs, or none. */
export const anyIds = (description: string) => Args.string({ description, multiple: true, ignoreStdin: true })

/** One or more words that are neither IDs nor flags. */
export const words = several

/** The path of a file. */
export const path = (description: string) => Args.string({ description, required: true, ignoreStdin: true })

/** The paths of one or more files. */
export const paths = several
