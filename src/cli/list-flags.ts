import { Flags } from '@oclif/core'
import * as flags from './flags.ts'

/*
 * Flags that lists share: which rows they hold, in which order, and which part
 * of that. Their values are checked by the registry, also those of which some
 * are known: what the Ruby programs once stored can be found all the same.
 */

/** A flag that may be given several times, for one of several values. */
export const anyOf = (helpValue: string, summary: string) =>
  Flags.string({ helpValue, multiple: true, multipleNonGreedy: true, summary })

/** As `anyOf`, with the values that are known. */
export const anyKnown = (helpValue: string, known: readonly string[], summary: string) =>
  anyOf(helpValue, `${summary}: ${known.join(', ')}.`)

/** A pattern for a text, by the word of the lists or the column's. */
export const pattern = (what: string, aliases: string[] = []) =>
  Flags.string({
    helpValue: 'PATTERN',
    aliases,
    summary: `Only with ${what} like this: * is any text, ? a character, [a-z] one of a set.`,
  })

/** A checksum of an object. */
export const checksum = (summary: string) => anyOf('HEX', summary)

/**
 * Which rows every list can be asked for, and which part of them.
 *
 * @param id form of an id.
 */
export const common = (what: string, id: string, shortKeys: readonly string[]) => ({
  'created-after': flags.text('TIME', 'Only made then or later: 2026-11-24, "2026-11-24 09:30", or 7d for days ago.'),
  'created-before': flags.text('TIME', 'Only made before then; also 90s, 30min, 12h or 2w ago.'),
  all: flags.deleted(what),
  deleted: Flags.boolean({ exclusive: ['all'], summary: `Show deleted ${what} only.` }),
  sort: flags.text(
    'KEYS',
    `Order, such as created:desc,id: keys of --json, or in short ${shortKeys.join(', ')}. Default: oldest first.`,
  ),
  limit: flags.text('NUMBER', 'Show so many at most.'),
  after: flags.text(id, 'Go on behind this one, in the same order.'),
  count: Flags.boolean({ exclusive: ['quiet', 'sort', 'limit', 'after'], summary: 'Print only how many there are.' }),
})
