import type { RegisteredFiles, Verification } from './registered-files.ts'

/** Joins the results for the files of an image. */
export interface Parts {
  /**
   * Starts to wait for the results of an image.
   *
   * @returns false if the image has several files and was already expected.
   */
  expect(image: RegisteredFiles): boolean
  /** Adds the result for one file of an image. */
  readonly add: (verification: Verification) => Promise<void>
}

/**
 * Returns an object that joins results by image.
 *
 * @param tell called with the joined result of each image, once the results of all its files are known.
 */
export function joinedByImage(tell: (verification: Verification) => Promise<void>): Parts {
  const images = new Map<string, { image: RegisteredFiles; found: Verification[] }>()
  return {
    expect(image) {
      if (image.files.length === 1) return true
      if (images.has(image.id)) return false
      images.set(image.id, { image, found: [] })
      return true
    },
    async add(verification) {
      const waiting = images.get(verification.id)
      if (waiting === undefined) return tell(verification)
      waiting.found.push(verification)
      if (waiting.found.length === waiting.image.files.length) await tell(joined(waiting.image, waiting.found))
    },
  }
}

/** Joins results: the worst one counts, and differences in the file of a volume name the volume. */
function joined({ id, files, volumes }: RegisteredFiles, found: readonly Verification[]): Verification {
  const [boot] = files
  const isBoot = ({ path }: Verification) => boot !== undefined && path === boot.path
  const inOrder = [...found].sort((a, b) => Number(isBoot(b)) - Number(isBoot(a)))
  const differences = inOrder.flatMap(({ path, differences }) => {
    const volume = path === null ? undefined : volumes.get(path)
    return volume === undefined ? differences : differences.map((text) => `its volume ${volume}: ${text}`)
  })
  const result = (['differs', 'not_checked', 'ok'] as const).find((each) => found.some((one) => one.result === each))
  const failed = found.some((one) => one.failed)
  return { id, result: result ?? 'ok', path: boot?.path ?? null, differences, ...(failed && { failed }) }
}
