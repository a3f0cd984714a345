import { readFileSync } from 'node:fs'

/** Suffixes of the names of binaries, except for Linux. */
const KIND: Readonly<Record<string, string>> = { win32: '-msvc' }

/**
 * Returns the name of libsql's binary for this process, for example `linux-x64-gnu`. The build
 * replaces @neon-rs/load with this function, because that needs 3 to 11 ms at every start: it
 * creates Node's report about the whole process to find out the C library.
 */
export function currentTarget(): string {
  const { arch, platform } = process
  if (platform !== 'linux') return `${platform}-${arch}${KIND[platform] ?? ''}`
  const library = usesMusl() ? 'musl' : 'gnu'
  return `linux-${arch}-${library}${arch === 'arm' ? 'eabihf' : ''}`
}

/** Returns true if this process uses the C library musl. */
function usesMusl(): boolean {
  try {
    return readFileSync('/proc/self/maps', 'latin1').includes('/ld-musl-')
  } catch {
    const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } }
    return header.glibcVersionRuntime === undefined
  }
}
