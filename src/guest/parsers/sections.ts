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
  for (const { line, content } of logicalLines(text)) {
    const equals = content.indexOf('=')
    if (content.startsWith('[')) {
      sections.push({ name: content.slice(1).replace(/\].*$/, '').toLowerCase(), entries: [] })
    } else if (equals !== -1) {
      const key = content.slice(0, equals).trim().toLowerCase()
      sections.at(-1)?.entries.push({ key, value: content.slice(equals + 1).trim(), line })
    }
  }
  return sections
}

/** Yields the lines that are no comments, with those that continue them, and their numbers. */
function* logicalLines(text: string): Generator<{ line: number; content: string }> {
  let pieces: string[] = []
  let start = 0
  for (const [at, raw] of text.split('\n').entries()) {
    const line = raw.trim()
    if (/^[#;]/.test(line)) continue
    if (pieces.length === 0) start = at + 1
    const isContinued = line.endsWith('\\')
    pieces.push(isContinued ? line.slice(0, -1).trim() : line)
    if (isContinued) continue
    yield { line: start, content: pieces.join(' ') }
    pieces = []
  }
  yield { line: start, content: pieces.join(' ') }
}

/** Returns the entries with this key in sections of this name, both in lower case. */
export function entriesOf(sections: readonly Section[], name: string, key: string): Section['entries'] {
  return sections
    .filter((section) => section.name === name)
    .flatMap(({ entries }) => entries.filter((entry) => entry.key === key))
}
