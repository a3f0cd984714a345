import type { GuestCheck } from '../check.ts'

export const system: GuestCheck = {
  id: 'boot.system',
  severity: 'error',
  requirement: 'There is exactly one operating system, and it is Linux.',
  looksAt: '`/etc/os-release` and its predecessors, `/sbin/init`, `/Windows/System32`',
  remedy: 'Use an image with one Linux system.',

  async *run({ system: { kind, folders }, disk }) {
    const { roots = [], encrypted = [] } = disk ?? {}
    if (kind === 'windows') yield { result: 'unknown', message: 'Windows is not checked' }
    else if (kind === 'none' && encrypted.length > 0)
      yield { result: 'unknown', message: `encrypted: ${encrypted.join(', ')}` }
    else if (kind === 'none' && folders.length > 0) {
      yield {
        message: `no operating system in the root, but one in ${folders[0]}`,
        remedy: 'Check that folder instead.',
      }
    } else if (kind === 'none') yield { message: 'no operating system' }
    else if (kind === 'several' || roots.length > 1) {
      const places = [...folders, ...roots]
      yield { message: `several operating systems${places.length === 0 ? '' : `: ${places.join(', ')}`}` }
    }
  },
}
