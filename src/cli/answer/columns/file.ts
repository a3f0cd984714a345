import { relative } from 'node:path'
import type { FileReport } from '../../../registry/image/check/inspect-file.ts'
import type { Column } from '../columns.ts'

/** The columns of `image inspect` of several files. */
export const FILE_COLUMNS: Column<FileReport>[] = [
  { name: 'path', cell: ({ path }) => shortest(path), isText: true, cutsStart: true },
  { name: 'acceptable', header: 'RESULT', cell: resultOf, needs: ['warnings'] },
  { name: 'file_format', header: 'FORMAT', rank: 1 },
  { name: 'virtual_size', rank: 2 },
  { name: 'allocation_size', header: 'FILE SIZE', rank: 3 },
  { name: 'container_format', header: 'PACKED', cell: ({ container_format }) => packed(container_format), rank: 4 },
  { name: 'arch', rank: 5 },
]

function resultOf({ acceptable, warnings }: FileReport): string {
  if (!acceptable) return 'refused'
  return warnings.length > 0 ? 'warning' : 'ok'
}

/** Returns a path below the current folder relative to it. */
function shortest(path: string): string {
  const near = relative(process.cwd(), path)
  return !path.startsWith('/') || near === '' || near.startsWith('..') ? path : near
}

function packed(container: string | null): string | null {
  return container === 'none' ? 'no' : container
}
