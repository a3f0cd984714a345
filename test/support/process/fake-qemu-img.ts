import { mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inject } from 'vitest'

/** Scripts of sh that run around each `qemu-img convert`; `$OUT` is the file that it writes. */
export interface Around {
  before?: string
  after?: string
}

/**
 * Makes a `qemu-img` that is the real one, and does something more around a
 * conversion, so that a test may have things happen in the middle of it.
 *
 * @returns the PATH on which it is found first.
 */
export function fakeQemuImg({ before = ':', after = ':' }: Around): string {
  const folder = mkdtempSync(join(inject('folder'), 'fake-'))
  const script = [
    '#!/bin/bash',
    `real() { PATH=\${PATH#*:} qemu-img "$@"; }`,
    'if [ "$1" != convert ]; then real "$@"; exit; fi',
    'OUT="$' + '{@: -1}"',
    before,
    'real "$@" || exit',
    after,
    'exit 0',
    '',
  ].join('\n')
  writeFileSync(join(folder, 'qemu-img'), script, { mode: 0o755 })
  return `${folder}:${process.env.PATH}`
}
