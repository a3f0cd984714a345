import { renderJson } from '../json.ts'
import { escapeUnsafe, isUnsafe } from '../printable.ts'

/** Renders a whole answer as JSON or YAML, with a line end at its end. */
export async function renderWhole(format: 'json' | 'yaml', value: unknown): Promise<string> {
  return format === 'json' ? `${renderJson(value)}\n` : renderYaml(value)
}

/** YAML 1.2 that readers of 1.1, such as Ruby's and Python's, read alike: a text `yes` is quoted. */
async function renderYaml(value: unknown): Promise<string> {
  const { Document, visit } = await import('yaml')
  const document = new Document(value, { aliasDuplicateObjects: false, schema: 'yaml-1.1' })
  visit(document, {
    Scalar(_, scalar) {
      // Only within double quotes YAML has escapes for them.
      const text = typeof scalar.value === 'string' ? scalar.value.replaceAll('\n', '') : ''
      if (isUnsafe(text)) scalar.type = 'QUOTE_DOUBLE'
    },
  })
  return escapeUnsafe(document.toString({ lineWidth: 0 }), '\n')
}
