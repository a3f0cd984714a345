import { execa } from 'execa'

/** Runs commands of guestfish(1), which change a disk, in an emulated virtual machine. */
export async function runGuestfish(path: string, format: string, commands: readonly string[]): Promise<void> {
  await execa('guestfish', [`--format=${format}`, '-a', path], {
    input: `${['run', ...commands].join('\n')}\n`,
    env: { LIBGUESTFS_BACKEND: 'direct', LIBGUESTFS_BACKEND_SETTINGS: 'force_tcg' },
  })
}
