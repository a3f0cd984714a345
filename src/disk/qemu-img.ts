import { execa } from 'execa'
import * as z from 'zod/mini'
import { VdcError } from '../errors.ts'
import type { ImageFile } from './image-file.ts'

/** Milliseconds; a good image takes a hundredth of it. */
const TIME_LIMIT = 10_000
const OUTPUT_LIMIT = 4 * 1024 * 1024

/** The keys of `qemu-img info --output=json` that are used; others, and those of later versions, are ignored. */
const imageInfo = z.object({
  format: z.string(),
  'virtual-size': z.number(),
  encrypted: z.optional(z.boolean()),
  'backing-filename': z.optional(z.string()),
  'full-backing-filename': z.optional(z.string()),
  'format-specific': z.optional(
    z.object({
      data: z.optional(
        z.object({
          corrupt: z.optional(z.boolean()),
          'data-file': z.optional(z.string()),
          extents: z.optional(z.array(z.object({ filename: z.optional(z.string()) }))),
        }),
      ),
    }),
  ),
})

/** What qemu-img says of an image. */
export type QemuImageInfo = z.output<typeof imageInfo>

/** The name under which qemu-img sees the file: the descriptor that is handed to it. */
export const HANDED_OVER = '/dev/fd/3'

/**
 * Asks `qemu-img info` what an open file is. The descriptor is handed over, so
 * that no name is ever parsed as a protocol or an option, and what is looked at
 * is what was opened. It sees nothing of our environment.
 *
 * @throws VdcError QEMU_IMG_FAILED when it can't be run, FILE_REFUSED when it
 *   can't make sense of the file in time.
 */
export async function qemuImageInfo(file: ImageFile): Promise<QemuImageInfo> {
  const result = await execa('qemu-img', ['info', '--output=json', HANDED_OVER], {
    // execa passes a descriptor on, but has no type for one in this place.
    stdio: ['ignore', 'pipe', 'pipe', file.handle.fd as never],
    env: { PATH: process.env.PATH ?? '', LC_ALL: 'C' },
    extendEnv: false,
    timeout: TIME_LIMIT,
    killSignal: 'SIGKILL',
    maxBuffer: OUTPUT_LIMIT,
    reject: false,
  })
  if (result.code === 'ENOENT') {
    throw new VdcError('QEMU_IMG_FAILED', 'qemu-img is not installed', {
      hint: 'Install it: apt-get install qemu-utils',
      cause: result,
    })
  }
  if (result.timedOut) throw refused(file, `qemu-img did not understand it within ${TIME_LIMIT / 1000} s`)
  if (result.isMaxBuffer) throw refused(file, 'qemu-img has more to say of it than can be right')
  if (result.isTerminated) throw refused(file, `qemu-img died of it (${result.signal})`)
  if (result.code !== undefined)
    throw new VdcError('QEMU_IMG_FAILED', `qemu-img can not be run: ${result.code}`, { cause: result })
  if (result.failed) throw refused(file, `qemu-img can not read it: ${reasonIn(result.stderr, file)}`)
  let answer: unknown
  try {
    answer = JSON.parse(result.stdout)
  } catch (error) {
    throw new VdcError('QEMU_IMG_FAILED', `qemu-img gave an answer that is no JSON`, { cause: error })
  }
  const info = imageInfo.safeParse(answer)
  if (!info.success)
    throw new VdcError('QEMU_IMG_FAILED', 'qemu-img gave an answer without format and virtual size', {
      cause: info.error,
    })
  return info.data
}

function refused(file: ImageFile, why: string): VdcError {
  return new VdcError('FILE_REFUSED', `The file ${file.path} is refused: ${why}`)
}

/** What qemu-img complained of, without its own name and with the file's. */
function reasonIn(stderr: string, file: ImageFile): string {
  const line = stderr.split('\n').find((each) => each.trim() !== '') ?? 'it gave no reason'
  return line.replace(/^qemu-img: /, '').replaceAll(HANDED_OVER, file.path)
}
