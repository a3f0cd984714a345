import type { ImageFolderDetails } from '../../../registry/results/image-folder.ts'
import type { Column } from '../columns.ts'

/** The columns of the list of image folders. */
export const IMAGE_FOLDER_COLUMNS: Column<ImageFolderDetails>[] = [
  { name: 'path' },
  { name: 'below', header: 'SUBFOLDERS', rank: 1 },
  { name: 'added_at', header: 'ADDED', rank: 2 },
]
