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

export const text = (helpValue: string, summary: string) => Flags.string({ helpValue, summary })

/** A flag with a text, or one of some values where `options` are given. */
export const choice = (options: readonly string[], summary: string, value?: string) =>
  Flags.string({ options: [...options], ...(value === undefined ? {} : { default: value }), summary })

const nameForPeople = { helpValue: 'TEXT', summary: 'Name for people.', aliases: ['name'] }

/** A name for people, by its column's name or as `--name`, by which the lists find it. */
export const displayName = (summary = nameForPeople.summary) => Flags.string({ ...nameForPeople, summary })

export const requiredDisplayName = () => Flags.string({ ...nameForPeople, required: true })

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
export const sameUuid = (prefix: string) =>
  text(`${prefix}ID`, 'Taken where it is the id that it has; an id can not be changed.')
export const description = () => text('TEXT', 'What it is, for people.')
export const deleted = (what: string) => Flags.boolean({ summary: `Show deleted ${what} too.` })
export const quiet = () => Flags.boolean({ char: 'q', summary: 'Print ids only, one a line.' })

export const at = () =>
  text(
    'TIME',
    'Show it as it was at the end of a day or minute, or at a second: 2026-11-24, "2026-11-24 09:30" or ISO 8601 with a zone; UTC without one; also 90s, 30min, 12h, 7d or 2w ago.',
  )
export const dryRun = () =>
  Flags.boolean({ char: 'n', summary: 'Show what would be written, as rows, and write nothing.' })
export const force = (summary: string) => Flags.boolean({ summary })
export const ignoreMissing = (what: string) =>
  Flags.boolean({ summary: `${what} that is deleted already or never was is no error.` })
export const label = () =>
  Flags.string({
    helpValue: 'NAME[=VALUE]',
    multiple: true,
    multipleNonGreedy: true,
    summary: 'Only images with this label; given several times, with all of them.',
  })

/** One id that must be there. */
export const oneId = (description: string) => Args.string({ description, required: true, ignoreStdin: true })

const several = (description: string) => Args.string({ description, required: true, multiple: true, ignoreStdin: true })

/** One id or several. */
export const someIds = several

/** Any number of ids, or none. */
export const anyIds = (description: string) => Args.string({ description, multiple: true, ignoreStdin: true })

/** Words that are no ids and no flags, one or several. */
export const words = several

/** The path of a file. */
export const path = (description: string) => Args.string({ description, required: true, ignoreStdin: true })

/** The paths of one file or several. */
export const paths = several
