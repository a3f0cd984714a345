import { describe, expect, test } from 'vitest'
import { readYaml } from '../../src/registry/rules/ruby-yaml.ts'

/** Texts nested as deeply as the limits allow. */
const DEEP: readonly string[] = [
  `${'['.repeat(128)}${']'.repeat(128)}`,
  `${'{a: '.repeat(128)}1${'}'.repeat(128)}`,
  `${'- '.repeat(16)}x`,
  `${'? '.repeat(16)}x`,
  Array.from({ length: 33 }, (_, indent) => `${' '.repeat(indent)}a:`).join('\n'),
]

describe('a YAML column', () => {
  test.each([
    ['lists in lists', '- '.repeat(3000), 'it is nested too deeply'],
    ['lists in lists after tabs', '-\t'.repeat(3000), 'it is nested too deeply'],
    ['keys of keys', '? '.repeat(3000), 'it is nested too deeply'],
    ['tags', '! '.repeat(3000), 'it is nested too deeply'],
    ['anchors', '&a '.repeat(3000), 'it is nested too deeply'],
    ['brackets', '['.repeat(3000), 'it is nested too deeply'],
    ['brackets closed only within quotes', '["]",'.repeat(3000), 'it is nested too deeply'],
    ['braces', '{a: '.repeat(3000), 'it is nested too deeply'],
    [
      'maps in maps',
      Array.from({ length: 150 }, (_, indent) => `${' '.repeat(indent)}a:`).join('\n'),
      'it is nested too deeply',
    ],
    ['text', 'x'.repeat(16 * 1024 + 1), 'it has 16385 bytes, more than 16384'],
    ['multibyte characters', 'あ'.repeat(8000), 'it has 24000 bytes, more than 16384'],
    ['aliases', `- &a x\n${'- *a\n'.repeat(101)}`, 'it has more than 100 aliases'],
    [
      'aliases of aliases',
      `- &a [${'x,'.repeat(9)}]\n${[...'bcdefghi'].map((name, at) => `- &${name} [${`*${'abcdefgh'[at]},`.repeat(9)}]\n`).join('')}`,
      'its aliases expand to more than 65536 values',
    ],
    ['an alias inside its own anchor', '&a [*a]', 'it contains itself'],
    ['errors', ']'.repeat(16_000), expect.stringMatching(/^Unexpected flow-seq-end .* at line 1, column 1$/)],
  ])('is reported as unreadable, without delay: %s', async (_, text, problem) => {
    const begun = performance.now()
    expect(await readYaml(text)).toEqual({ problem })
    expect(performance.now() - begun).toBeLessThan(60_000)
  })

  test.each(DEEP)('is read at the maximum depth: %#', async (text) => {
    expect(await readYaml(text)).toHaveProperty('value')
  })

  test('is read with hundreds of volumes', async () => {
    const text = `---\n${'- :backup_object_id: bo-k3x9q0bz\n'.repeat(400)}`
    expect(await readYaml(text)).toEqual({ value: Array(400).fill({ backup_object_id: 'bo-k3x9q0bz' }) })
  })

  test('is read with a few aliases', async () => {
    expect(await readYaml('---\n- &a {:x: 1}\n- *a\n')).toEqual({ value: [{ x: 1 }, { x: 1 }] })
  })
})
