import { Flags } from '@oclif/core'
import * as flags from './common.ts'

/*
 * Flags that lists share: filters, sorting and paging. The registry checks their values.
 * Filters accept unknown values, because the Ruby programs may have stored some.
 */

/** A repeatable filter that matches any of its values. */
export const anyOf = (helpValue: string, summary: string) =>
  Flags.string({ helpValue, multiple: true, multipleNonGreedy: true, summary })

/** A repeatable filter that matches any of its values; its summary lists the known ones. */
export const anyKnown = (helpValue: string, known: readonly string[], summary: string) =>
  anyOf(helpValue, `${summary}: ${known.join(', ')}.`)

/** A filter with a glob. */
export const pattern = (what: string, aliases: string[] = []) =>
  Flags.string({
    helpValue: 'PATTERN',
    aliases,
    summary: `With ${what} that matches this glob: *, ?, [a-z].`,
  })

/** A filter for checksums of backup objects. */
export const checksum = (summary: string) => anyOf('HEX', summary)

const GROUPS = { 'SORTING AND PAGING': ['sort', 'limit', 'after'], OUTPUT: ['quiet', 'count'] }

/** Returns a list's flags with their headings in help; flags that are not in GROUPS are filters. */
export const inGroups = <T extends object>(options: T): T => flags.grouped(GROUPS, options, 'FILTERS')

/**
 * Returns the flags that all lists have.
 *
 * @param what the rows, in the plural.
 * @param id form of an ID.
 * @param shortKeys short names of keys that `--sort` takes.
 */
export const common = (what: string, id: string, shortKeys: readonly string[]) => ({
  'created-after': flags.text('TIME', 'Created at or after this time, such as 2026-11-24, or 7d for 7 days ago.'),
  'created-before': flags.text('TIME', 'Created before this time. Ages: 90s, 30min, 12h, 7d, 2w.'),
  all: flags.deleted(what),
  deleted: Flags.boolean({ exclusive: ['all'], summary: `Deleted ${what} only.` }),
  sort: flags.text(
    'KEYS',
    `Sort by JSON keys or ${shortKeys.join(', ')}, for example created:desc,id. Default: oldest first.`,
  ),
  limit: flags.text('NUMBER', 'Print at most this many.'),
  after: flags.text(id, 'Start after this ID (for paging).'),
  count: Flags.boolean({
    exclusive: ['quiet', 'sort', 'limit', 'after'],
    summary: 'Print only the number of matches.',
  }),
})
