import { linesOf, wordsOf } from './lines.ts'

/** A filesystem in /etc/fstab. */
export interface FstabEntry {
  device: string
  mountPoint: string
  type: string
  options: readonly string[]
  line: number
}

/** Reads fstab(5). Octal escapes, such as `\040` for a space, are decoded. */
export function fstabIn(text: string): FstabEntry[] {
  return linesOf(text).flatMap(({ number, text: line }) => {
    const [device, mountPoint, type, options = 'defaults'] = wordsOf(line).map(unescaped)
    if (device === undefined || mountPoint === undefined || type === undefined) return []
    return [{ device: device.replaceAll('"', ''), mountPoint, type, options: options.split(','), line: number }]
  })
}

function unescaped(word: string): string {
  return word.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8) & 0xff))
}
