import { isBootElsewhere, kernelFiles } from '../../parsers/kernels.ts'
import { Undecided } from '../../tree/undecided.ts'
import type { GuestCheck } from '../check.ts'

export const kernel: GuestCheck = {
  id: 'boot.kernel',
  severity: 'error',
  requirement: 'A kernel is installed.',
  looksAt: '`/boot`, `/vmlinuz`',
  remedy: 'Install a kernel package of the distribution.',

  async *run({ files }) {
    if ((await kernelFiles(files)).length > 0) return
    if (await isBootElsewhere(files)) throw new Undecided('/boot is another filesystem')
    yield { message: 'no kernel', path: '/boot' }
  },
}
