import { mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inject } from 'vitest'

/** How a qemu-img differs from the real one. */
export interface Around {
  /** The command of qemu-img that the scripts are for. Default: convert. */
  command?: 'info' | 'check' | 'convert'
  /** Shell scripts to run before and after each such command. `$OUT` is its last argument: the output file of convert. */
  before?: string
  after?: string
  /** Bytes that it converts per second. Default: as many as it can. */
  rate?: number
}

/**
 * Creates a `qemu-img` that runs the real one, and scripts before and after each conversion or another
 * command, so that tests can interfere with it.
 *
 * @returns a PATH that finds it first.
 */
export function fakeQemuImg({ command = 'convert', before = ':', after, rate }: Around): string {
  const folder = mkdtempSync(join(inject('folder'), 'fake-'))
  const script = [
    '#!/bin/bash',
    `PATH=\${PATH#*:}`,
    `[ "$1" = ${command} ] || exec qemu-img "$@"`,
    `OUT="\${@: -1}"`,
    before,
    ...(rate === undefined ? [] : [`set -- "$1" -r ${rate} "\${@:2}"`]),
    ...(after === undefined ? ['exec qemu-img "$@"'] : ['qemu-img "$@" || exit', after, 'exit 0']),
    '',
  ].join('\n')
  writeFileSync(join(folder, 'qemu-img'), script, { mode: 0o755 })
  return `${folder}:${process.env.PATH}`
}
