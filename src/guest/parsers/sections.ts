/** A section of a file with `[Section]` and `key=value`. */
export interface Section {
  /** In lower case, because NetworkManager and systemd differ only in capitals that mean nothing here. */
  name: string
  entries: { key: string; value: string; line: number }[]
}

/**
 * Reads a file of sections: a systemd unit (systemd.syntax(7)), a network file (systemd.network(5))
 * or a NetworkManager keyfile (nm-settings-keyfile(5)). Keys are in lower case. A `\` at the end of a line
 * continues it.
 */
export function sectionsIn(text: string): Section[] {
  const sections: Section[] = []
  let continued: { entry: Section['entries'][number]; pieces: string[] } | undefined
  for (const [at, raw] of text.split('\n').entries()) {
    const line = raw.trim()
    if (/^[#;]/.test(line)) continue
    const isContinued = line.endsWith('\\')
    const content = isContinued ? line.slice(0, -1) : line
    if (continued !== undefined) {
      continued.pieces.push(content.trim())
      if (isContinued) continue
      continued.entry.value = continued.pieces.join(' ')
      continued = undefined
      continue
    }
    if (content.startsWith('[')) {
      sections.push({ name: content.slice(1).replace(/\].*$/, '').toLowerCase(), entries: [] })
      continue
    }
    const equals = content.indexOf('=')
    const section = sections.at(-1)
    if (equals === -1 || section === undefined) continue
    const key = content.slice(0, equals).trim().toLowerCase()
    const entry = { key, value: content.slice(equals + 1).trim(), line: at + 1 }
    section.entries.push(entry)
    if (isContinued) continued = { entry, pieces: [entry.value] }
  }
  return sections
}

/** Returns the entries with this key in sections of this name, both in lower case. */
export function entriesOf(sections: readonly Section[], name: string, key: string): Section['entries'] {
  return sections
    .filter((section) => section.name === name)
    .flatMap(({ entries }) => entries.filter((entry) => entry.key === key))
}
