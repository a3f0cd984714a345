/** A cpio archive of the format newc, whose files have three bytes each. */
export function cpio(names: readonly string[]): Buffer {
  const entries = [...names.map((name) => [name, 'abc']), ['TRAILER!!!', '']].map(([name = '', data = '']) => {
    const numbers = [1, 0o100644, 0, 0, 1, 0, data.length, 0, 0, 0, 0, name.length + 1, 0]
    const header = `070701${numbers.map((number) => number.toString(16).padStart(8, '0')).join('')}${name}\0`
    const padded = (text: string) => text.padEnd(Math.ceil(text.length / 4) * 4, '\0')
    return padded(header) + padded(data)
  })
  return Buffer.from(entries.join(''), 'latin1')
}
