import type { HistoryEvent } from '../../../registry/history/events.ts'
import { printable } from '../../terminal/escape.ts'
import { detailIndent, wrapIndented } from '../../terminal/wrap.ts'
import { valueReader } from '../cells.ts'
import { changedValue, labelChange } from './changed-value.ts'

const TIME_WIDTH = '2026-11-24T09:30:00Z'.length
/** Characters of the longest kind of event. */
const EVENT_WIDTH = 'unprotected'.length
/** The attributes that a creation shows; the others are in `image show` and with `--events --json`. */
const OF_CREATION: readonly string[] = ['display_name', 'account_id', 'backup_object_id']
/** Attributes that the kind of event says already. */
const OF_DELETION: readonly string[] = ['deleted_at', 'state', 'purged_at']

type Changed = HistoryEvent['changes'][number]

/** Returns the changes of an event on one line; null if the event has none to show. */
export function changesIn({ event, changes }: HistoryEvent, now?: Date): string | null {
  const shown = changes.filter(({ attr }) => isShown(event, attr))
  // Names first, in the order of OF_CREATION; the others in that of the table.
  if (isNew(event)) shown.sort((a, b) => OF_CREATION.indexOf(a.attr) - OF_CREATION.indexOf(b.attr))
  const texts = shown.map((change) => textOf(event, change, now))
  return texts.length === 0 ? null : texts.join(', ')
}

/**
 * Formats an event for a terminal, where a long line continues below, indented.
 *
 * @param isNamed name the image or object, because there are several.
 * @param now show times as ages at this time; undefined for ISO 8601 UTC.
 */
export function eventText(event: HistoryEvent, isNamed: boolean, now?: Date): string {
  const time = valueReader('created_at', now)(event.created_at) ?? ''
  const start = `${time.padEnd(TIME_WIDTH)}  ${event.event.padEnd(EVENT_WIDTH)}`
  const rest = [...(isNamed ? [event.id] : []), changesIn(event, now) ?? '']
  return wrapIndented(printable(`${start}  ${rest.join('  ')}`.trimEnd()), detailIndent(TIME_WIDTH + EVENT_WIDTH + 4))
}

function isNew(event: HistoryEvent['event']): boolean {
  return event === 'created' || event === 'imported'
}

function isShown(event: HistoryEvent['event'], attr: string): boolean {
  if (isNew(event)) return OF_CREATION.includes(attr)
  switch (event) {
    case 'deleted':
    case 'purged':
      return !OF_DELETION.includes(attr)
    case 'restored':
      return attr !== 'deleted_at'
    default:
      return true
  }
}

function textOf(event: HistoryEvent['event'], change: Changed, now: Date | undefined): string {
  const { attr, old, value } = change
  if (event === 'labelled') return labelChange(attr, old, value)
  const shown = changedValue(attr, value, now)
  return 'old' in change ? `${attr}: ${changedValue(attr, old, now)} → ${shown}` : `${attr}: ${shown}`
}
