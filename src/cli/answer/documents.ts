import { escapeUnsafe, isUnsafe } from '../terminal/escape.ts'
import { renderJson } from './json.ts'

/** Renders a whole answer as JSON or YAML, ending with a newline. */
export async function renderWhole(format: 'json' | 'yaml', value: unknown): Promise<string> {
  return format === 'json' ? `${renderJson(value)}\n` : renderYaml(value)
}

/** JSON before the first row of a list. Every row starts with a newline. */
const OPEN = '['
/** JSON between batches of rows. */
const NEXT = ','
/** JSON after the last row. */
const CLOSE = '\n]'

/** A list as JSON or YAML. Only its text is kept, and printed after the last row, so that an error is printed alone. */
export class WholeList {
  readonly #format: 'json' | 'yaml'
  /** UTF-8 in buffers, which are outside V8's heap. */
  readonly #pieces: Buffer[] = []

  constructor(format: 'json' | 'yaml') {
    this.#format = format
  }

  /** Adds items. */
  async add(items: readonly object[]): Promise<void> {
    if (items.length === 0) return
    const text = await renderWhole(this.#format, items)
    if (this.#format === 'yaml') this.#pieces.push(Buffer.from(text))
    else {
      const start = this.#pieces.length === 0 ? OPEN : NEXT
      this.#pieces.push(Buffer.from(start + text.slice(OPEN.length, -(CLOSE.length + 1))))
    }
  }

  /** Yields the text of the whole list, in pieces. */
  async *text(): AsyncGenerator<string> {
    if (this.#pieces.length === 0) yield renderWhole(this.#format, [])
    for (const [at, piece] of this.#pieces.entries()) {
      const isLast = at === this.#pieces.length - 1
      yield piece.toString() + (isLast && this.#format === 'json' ? `${CLOSE}\n` : '')
    }
  }
}

const MERGE = 'tag:yaml.org,2002:merge'
/** Texts with types of their own in YAML 1.1 (tag:yaml.org,2002:value and merge), which the library does not quote. */
const SPECIAL = ['=', '<<']

/** Renders YAML that parsers of 1.2 and of 1.1, such as Ruby's and Python's, read alike: the text `yes` is quoted. */
async function renderYaml(value: unknown): Promise<string> {
  const { Document, visit } = await import('yaml')
  const document = new Document(value, {
    aliasDuplicateObjects: false,
    schema: 'yaml-1.1',
    // With this tag, the text `<<` cannot be quoted.
    customTags: (tags) => tags.filter((tag) => tag !== 'merge' && (tag as { tag?: string }).tag !== MERGE),
  })
  visit(document, {
    Scalar(_, scalar) {
      // YAML has escapes only in double quotes.
      const text = typeof scalar.value === 'string' ? scalar.value.replaceAll('\n', '') : ''
      if (isUnsafe(text) || SPECIAL.includes(text)) scalar.type = 'QUOTE_DOUBLE'
    },
  })
  return escapeUnsafe(document.toString({ lineWidth: 0 }), '\n')
}
