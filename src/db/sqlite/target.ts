import { readFileSync } from 'node:fs'

/** Suffixes of binaries' names, except for Linux. */
const KIND: Readonly<Record<string, string>> = { win32: '-msvc' }

/**
 * Names libsql's binary for this process, such as `linux-x64-gnu`. The build puts it in place
 * of @neon-rs/load, which makes Node report on the whole process to learn the C library:
 * 3 to 11 ms at every start.
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
