import type { ImageSummary } from '../../../registry/image/list.ts'
import type { Column } from '../columns.ts'

/** The columns of a list of images. */
export const IMAGE_COLUMNS: Column<ImageSummary>[] = [
  { name: 'id' },
  { name: 'display_name', header: 'NAME', isText: true, rank: 1 },
  { name: 'account_id', header: 'ACCOUNT', rank: 4 },
  { name: 'arch', rank: 6 },
  { name: 'file_format', header: 'FORMAT', rank: 7 },
  { name: 'virtual_size', header: 'VIRTUAL SIZE', rank: 5 },
  { name: 'state', rank: 3 },
  { name: 'visibility', rank: 9 },
  { name: 'created_at', header: 'CREATED', rank: 8 },
]

/** The columns of a list of the images that an account can use, with the reason why it can. */
export const USABLE_IMAGE_COLUMNS: Column<ImageSummary>[] = [...IMAGE_COLUMNS, { name: 'access', rank: 2 }]
