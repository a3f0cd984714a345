import type { ImageSummary } from '../../../registry/image/list.ts'
import type { Column } from '../columns.ts'

/** The state, in the default table at a terminal with a mark for protected images. */
const STATE: Column<ImageSummary> = { name: 'state', rank: 3 }
const MARKED_STATE: Column<ImageSummary> = {
  ...STATE,
  isMarked: true,
  needs: ['protected'],
  cell: (image) => (image.protected ? `${image.state}, protected` : image.state),
}

/**
 * Returns the columns of a list of images.
 *
 * @param hasAccess for a list of the images that an account can use, with the reason why it can.
 */
export function imageColumns(hasAccess: boolean): Column<ImageSummary>[] {
  return [
    { name: 'id' },
    { name: 'display_name', header: 'NAME', isText: true, rank: 1 },
    { name: 'account_id', header: 'ACCOUNT', rank: 4 },
    { name: 'arch', rank: 6 },
    { name: 'file_format', header: 'FORMAT', rank: 7 },
    { name: 'virtual_size', header: 'VIRTUAL SIZE', rank: 5 },
    process.stdout.isTTY ? MARKED_STATE : STATE,
    { name: 'visibility', rank: 9 },
    { name: 'created_at', header: 'CREATED', rank: 8 },
    ...(hasAccess ? [{ name: 'access' as const, rank: 2 }] : []),
    { name: 'labels', cell: labelsText, isText: true, isOnRequest: true },
  ]
}

/** Formats labels as `name=value`, separated by commas; null if there are none. */
function labelsText({ labels = {} }: ImageSummary): string | null {
  return (
    Object.entries(labels)
      .map(([name, value]) => `${name}=${value}`)
      .join(', ') || null
  )
}
