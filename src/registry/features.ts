import { EMPTY_YAML_MAP } from './values.ts'

/** What an image's operating system can do: the names are `virtio` and `acpi`. */
export type Features = Record<string, boolean>

/** The empty forms of several releases (dcmgr.md, "YAML columns"); NULL counts as empty too. */
const EMPTY = new Set(['', EMPTY_YAML_MAP, '--- {}\n\n'])

/**
 * Reads `images.features`, YAML with Ruby's symbol keys (`:virtio: true`).
 *
 * @returns the features, or null where the text isn't such YAML: one bad row must not spoil a listing.
 */
export async function parseFeatures(yaml: string | null): Promise<Features | null> {
  if (yaml === null || EMPTY.has(yaml)) return {}
  const { parse } = await import('yaml')
  try {
    const value: unknown = parse(yaml, { logLevel: 'error' })
    if (value === null) return {}
    if (typeof value !== 'object' || Array.isArray(value)) return null
    return Object.fromEntries(Object.entries(value).map(([key, on]) => [key.replace(/^:/, ''), on === true]))
  } catch {
    return null
  }
}
