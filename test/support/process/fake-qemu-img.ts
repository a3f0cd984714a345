import { mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inject } from 'vitest'

/** Shell scripts to run before and after each `qemu-img convert`. `$OUT` is its output file. */
export interface Around {
  before?: string
  after?: string
}

/**
 * Creates a `qemu-img` that runs the real one, and scripts before and after each conversion,
 * so that tests can interfere with it.
 *
 * @returns a PATH that finds it first.
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
