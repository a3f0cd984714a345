import { readFileSync } from 'node:fs'

/** What else the names of binaries say, but for Linux. */
const KIND: Readonly<Record<string, string>> = { win32: '-msvc' }

/**
 * Names the binary of libsql for this process, such as `linux-x64-gnu`, in place of
 * @neon-rs/load: that has Node report on the whole process for the C library's name,
 * which takes 3 to 11 ms at every start.
 */
export function currentTarget(): string {
  const { arch, platform } = process
  if (platform !== 'linux') return `${platform}-${arch}${KIND[platform] ?? ''}`
  const library = usesMusl() ? 'musl' : 'gnu'
  return `linux-${arch}-${library}${arch === 'arm' ? 'eabihf' : ''}`
}

/** Says whether the C library that this process has loaded is musl. */
function usesMusl(): boolean {
  try {
    return readFileSync('/proc/self/maps', 'latin1').includes('/ld-musl-')
  } catch {
    const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } }
    return header.glibcVersionRuntime === undefined
  }
}
