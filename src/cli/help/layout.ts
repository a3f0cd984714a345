import { fill } from '../terminal/wrap.ts'
import type { Block } from './blocks.ts'
import type { Item } from './describe.ts'

const PIPE_WIDTH = 80
const MINIMUM_WIDTH = 40

/** Lays text out in lines of limited width. */
export class Layout {
  readonly #width: number
  /** Characters of the longest term with its text beside it; the text of longer ones is below. */
  readonly #longestTerm: number
  /** Formats headings and terms. */
  readonly bold: (text: string) => string

  constructor(stream: NodeJS.WriteStream, bold: (text: string) => string) {
    this.#width = stream.isTTY && stream.columns > 0 ? Math.max(stream.columns, MINIMUM_WIDTH) : PIPE_WIDTH
    this.#longestTerm = Math.min(Math.floor(this.#width / 2) - 8, 32)
    this.bold = bold
  }

  /** Wraps text at spaces. A word that is longer than a line stays whole. */
  wrap(text: string, indent = 0): string[] {
    return fill(text.split(' '), this.#width - indent).map((line) => ' '.repeat(indent) + line)
  }

  /** Returns the width of the longest term with its text beside it. Texts begin in the same column. */
  termWidth(items: readonly Item[]): number {
    return Math.max(0, ...items.map(([term]) => term.length).filter((length) => length <= this.#longestTerm))
  }

  /** Lays out terms with their texts beside them, or below terms that are too long. */
  list(items: readonly Item[], termWidth = this.termWidth(items)): string[] {
    const indent = termWidth + 4
    return items.flatMap(([term, text]) => {
      const [first = '', ...rest] = this.wrap(text, indent)
      const start = `  ${this.bold(term)}`
      if (term.length > termWidth) return [start, first, ...rest]
      return [(start + ' '.repeat(termWidth - term.length) + first.slice(termWidth + 2)).trimEnd(), ...rest]
    })
  }

  /** Returns a heading and the lines below it; nothing if there are no lines. */
  section(title: string, lines: readonly string[]): string[] {
    return lines.length === 0 ? [] : ['', this.bold(title), ...lines]
  }

  /** Lays out the text of a help topic. */
  blocks(blocks: readonly Block[]): string[] {
    const firstHeading = blocks.findIndex((block) => 'heading' in block)
    return blocks.flatMap((block, at) => {
      const previous = blocks[at - 1]
      const gap = previous === undefined || 'heading' in previous ? [] : ['']
      if ('heading' in block) return [...gap, this.bold(block.heading)]
      if ('list' in block) return [...gap, ...this.list(block.list)]
      if ('code' in block) return [...gap, ...block.code.map((line) => `  ${line}`)]
      return [...gap, ...this.wrap(block.text, at < firstHeading ? 0 : 2)]
    })
  }
}
