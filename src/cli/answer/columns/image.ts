import type { ImageSummary } from '../../../registry/image/list.ts'
import type { Column } from '../columns.ts'

/** What a list of images shows. */
export const IMAGE_COLUMNS: Column<ImageSummary>[] = [
  { name: 'id' },
  { name: 'display_name', header: 'NAME', isText: true, rank: 1 },
  { name: 'account_id', header: 'ACCOUNT', rank: 4 },
  { name: 'arch', rank: 6 },
  { name: 'file_format', header: 'FORMAT', rank: 7 },
  { name: 'virtual_size', header: 'SIZE', rank: 5 },
  { name: 'state', rank: 3 },
  { name: 'visibility', rank: 9 },
  { name: 'created_at', header: 'CREATED', rank: 8 },
]

/** And of those that an account can use, why it can. */
export const USABLE_IMAGE_COLUMNS: Column<ImageSummary>[] = [...IMAGE_COLUMNS, { name: 'access', rank: 2 }]
