import type { FileReport } from '../../../registry/image/check/inspect-file.ts'
import { humanSize } from '../cells.ts'
import { renderFields } from '../fields.ts'

/**
 * Lays out for people what a file is, and why it is refused.
 *
 * @param isErrorBeside they read the report's error right below, so that it need not be told here.
 */
export function renderReport(report: FileReport, isErrorBeside: boolean): string {
  const { path, acceptable, virtual_size, size, allocation_size, warnings, refusals, error, ...rest } = report
  const whys = refusals.map(({ message }) => message).filter((why) => !isErrorBeside || why !== error?.message)
  const listed = (items: readonly string[]) => (items.length === 0 ? null : items.join(', '))
  const fields = {
    path,
    acceptable: acceptable ? 'yes' : 'no',
    ...numbered('refusal', whys),
    file_format: rest.file_format,
    version: rest.version,
    features: listed(rest.features),
    contents: listed(rest.contents),
    arch: rest.arch,
    container_format: rest.container_format,
    virtual_size: bytes(virtual_size),
    size: bytes(size),
    allocation_size: bytes(allocation_size),
    md5: rest.md5,
    sha256: rest.sha256,
    ...numbered('warning', warnings),
  }
  // Of what is refused little is known, and the rest would be a column of blanks.
  return renderFields(
    acceptable ? fields : Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null)),
  )
}

/** A field for each text, with numbers where there are several. */
function numbered(name: string, texts: readonly string[]): Record<string, string> {
  return Object.fromEntries(texts.map((text, at) => [texts.length === 1 ? name : `${name} ${at + 1}`, text]))
}

function bytes(count: number | null): string | null {
  if (count === null) return null
  return count < 1024 ? `${count} B` : `${humanSize(count)} (${count} B)`
}
