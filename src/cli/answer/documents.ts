import { escapeUnsafe, isUnsafe } from '../terminal/escape.ts'
import { renderJson } from './json.ts'

/** Renders a whole answer as JSON or YAML, with a line end at its end. */
export async function renderWhole(format: 'json' | 'yaml', value: unknown): Promise<string> {
  return format === 'json' ? `${renderJson(value)}\n` : renderYaml(value)
}

/** JSON before the first row of a list; every row begins with a newline. */
const OPEN = '['
/** JSON between batches of rows. */
const NEXT = ','
/** JSON after the last row. */
const CLOSE = '\n]'

/** A list as JSON or YAML. It keeps the text alone, to be written when all rows are there, so that an error stands alone. */
export class WholeList {
  readonly #format: 'json' | 'yaml'
  /** UTF-8, outside the heap. */
  readonly #pieces: Buffer[] = []

  constructor(format: 'json' | 'yaml') {
    this.#format = format
  }

  async add(things: readonly object[]): Promise<void> {
    if (things.length === 0) return
    const text = await renderWhole(this.#format, things)
    if (this.#format === 'yaml') this.#pieces.push(Buffer.from(text))
    else {
      const start = this.#pieces.length === 0 ? OPEN : NEXT
      this.#pieces.push(Buffer.from(start + text.slice(OPEN.length, -(CLOSE.length + 1))))
    }
  }

  /** The text, in pieces. */
  async *text(): AsyncGenerator<string> {
    if (this.#pieces.length === 0) yield renderWhole(this.#format, [])
    for (const [at, piece] of this.#pieces.entries()) {
      const isLast = at === this.#pieces.length - 1
      yield piece.toString() + (isLast && this.#format === 'json' ? `${CLOSE}\n` : '')
    }
  }
}

const MERGE = 'tag:yaml.org,2002:merge'
/** Texts that YAML 1.1 gives a type of their own (tag:yaml.org,2002:value and merge), which the library leaves plain. */
const SPECIAL = ['=', '<<']

/** YAML 1.2 that readers of 1.1, such as Ruby's and Python's, read alike: a text `yes` is quoted. */
async function renderYaml(value: unknown): Promise<string> {
  const { Document, visit } = await import('yaml')
  const document = new Document(value, {
    aliasDuplicateObjects: false,
    schema: 'yaml-1.1',
    // With it a text `<<` can't be quoted.
    customTags: (tags) => tags.filter((tag) => tag !== 'merge' && (tag as { tag?: string }).tag !== MERGE),
  })
  visit(document, {
    Scalar(_, scalar) {
      // Only within double quotes YAML has escapes for them.
      const text = typeof scalar.value === 'string' ? scalar.value.replaceAll('\n', '') : ''
      if (isUnsafe(text) || SPECIAL.includes(text)) scalar.type = 'QUOTE_DOUBLE'
    },
  })
  return escapeUnsafe(document.toString({ lineWidth: 0 }), '\n')
}
