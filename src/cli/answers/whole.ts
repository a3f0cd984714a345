import { renderJson } from '../json.ts'
import { escapeUnsafe, isUnsafe } from '../printable.ts'

/** Renders a whole answer as JSON or YAML, with a line end at its end. */
export async function renderWhole(format: 'json' | 'yaml', value: unknown): Promise<string> {
  return format === 'json' ? `${renderJson(value)}\n` : renderYaml(value)
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
