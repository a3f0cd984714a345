import { boldOn } from '../terminal/color.ts'
import { printable } from '../terminal/escape.ts'
import { textWidth } from '../terminal/text-width.ts'
import { outputWidth, wrapIndented } from '../terminal/wrap.ts'
import { humanSize, valueReader } from './cells.ts'

/** A field of an item, as people see it. Empty values are left out unless everything is asked for. */
export interface Field {
  /** The JSON key, which `--columns` takes. */
  name: string
  value: unknown
  /** True if the value says nothing new, for example because it is the default. It is left out, too. */
  isUsual?: boolean
}

/** Fields with a heading. */
export interface Section {
  title: string
  fields: readonly Field[]
}

/** How to print sections. */
export interface SectionOptions {
  /** Print all fields. */
  verbose: boolean
  /** Show times as ages at this time; undefined for ISO 8601 UTC. */
  now?: Date | undefined
}

const INDENT = '  '
/** Cells that values need beside aligned names. Otherwise, they follow their names. */
const VALUE_WIDTH = 24

/** Formats sections for people: a heading, and a line `name: value` for each field. Sections without fields are left out. */
export function renderSections(sections: readonly Section[], options: SectionOptions): string {
  const bold = boldOn(process.stdout)
  return sections
    .map(({ title, fields }) => ({ title, lines: fields.flatMap((field) => lineOf(field, options)) }))
    .filter(({ lines }) => lines.length > 0)
    .map(({ title, lines }) => [bold(title), ...alignedLines(lines)].join('\n'))
    .join('\n\n')
}

/** Puts values after their names: aligned, if the terminal is wide enough. */
function alignedLines(lines: readonly [name: string, text: string][]): string[] {
  const room = outputWidth() - INDENT.length
  const longest = Math.max(...lines.map(([name]) => textWidth(name))) + ': '.length
  const width = longest > room - VALUE_WIDTH ? 0 : longest
  return lines.map(([name, text]) => {
    const named = `${name}:${' '.repeat(Math.max(1, width - textWidth(name) - 1))}`
    if (textWidth(named) + textWidth(text) <= room) return `${INDENT}${named}${text}`
    // A value without spaces, such as a checksum, is not broken.
    if (!text.includes(' ')) return `${INDENT}${name}:\n${INDENT}${INDENT}${text}`
    return wrapIndented(`${INDENT}${named}${text}`, INDENT + (' '.repeat(width) || INDENT))
  })
}

function lineOf({ name, value, isUsual }: Field, { verbose, now }: SectionOptions): [string, string][] {
  if (isUsual && !verbose) return []
  const isEmpty = typeof value === 'object' && value !== null && Object.keys(value).length === 0
  const text = isEmpty ? null : valueReader(name, now)(value)
  if (text === null) return verbose ? [[printable(name), '-']] : []
  return [[printable(name), printable(verbose ? withBytes(value, text) : text)]]
}

/** Adds the exact number of bytes to a size in a unit. */
function withBytes(value: unknown, text: string): string {
  const isNumber = typeof value === 'number' || typeof value === 'bigint'
  return isNumber && value >= 1024 && text === humanSize(value) ? `${text} (${value} B)` : text
}
