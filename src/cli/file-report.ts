import type { FileReport } from '../registry/image/inspect-file.ts'
import { humanSize } from './answers/cells.ts'
import { renderFields } from './answers/fields.ts'

/** Lays out for people what a file is; why it is refused is told as errors are. */
export function renderReport(report: FileReport): string {
  const { path, acceptable, virtual_size, size, allocation_size, warnings, ...rest } = report
  const listed = (items: readonly string[]) => (items.length === 0 ? null : items.join(', '))
  const fields = {
    path,
    acceptable: acceptable ? 'yes' : 'no',
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
    ...Object.fromEntries(warnings.map((text, at) => [warnings.length === 1 ? 'warning' : `warning ${at + 1}`, text])),
  }
  // Of what is refused little is known, and the rest would be a column of blanks.
  return renderFields(
    acceptable ? fields : Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null)),
  )
}

function bytes(count: number | null): string | null {
  if (count === null) return null
  return count < 1024 ? `${count} B` : `${humanSize(count)} (${count} B)`
}
