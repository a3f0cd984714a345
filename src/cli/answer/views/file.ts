import { VdcError } from '../../../core/errors.ts'
import type { FileReport } from '../../../registry/image/check/inspect-file.ts'
import { humanSize } from '../cells.ts'
import { renderFields } from '../fields.ts'

/**
 * Formats the report of a file for people.
 *
 * @param isErrorBeside the report's error is printed right below, so it is left out here.
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
  // Most fields of a refused file are unknown, so empty ones are left out.
  return renderFields(
    acceptable ? fields : Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null)),
  )
}

/** Returns the reasons why a file is refused, and its warnings if it is not. */
export function findingsOf({ path, acceptable, error, refusals, warnings }: FileReport): (VdcError | string)[] {
  if (acceptable) return warnings.map((warning) => `The file ${path} ${warning}`)
  return refusals.map(({ message, hint }) => new VdcError(error?.code ?? 'FILE_REFUSED', message, { hint }))
}

/** Returns a field for each text, numbered if there are several. */
function numbered(name: string, texts: readonly string[]): Record<string, string> {
  return Object.fromEntries(texts.map((text, at) => [texts.length === 1 ? name : `${name} ${at + 1}`, text]))
}

function bytes(count: number | null): string | null {
  if (count === null) return null
  return count < 1024 ? `${count} B` : `${humanSize(count)} (${count} B)`
}
