import { execa } from 'execa'

/** Runs commands of guestfish(1), which may change a disk, in an emulated virtual machine. Returns what they print. */
export async function runGuestfish(path: string, format: string, commands: readonly string[]): Promise<string> {
  const { stdout } = await execa('guestfish', [`--format=${format}`, '-a', path], {
    input: `${['run', ...commands].join('\n')}\n`,
    env: { LIBGUESTFS_BACKEND: 'direct', LIBGUESTFS_BACKEND_SETTINGS: 'force_tcg' },
  })
  return stdout
}
