import { expect, test } from 'vitest'
import { assignmentsIn } from '../../../src/guest/parsers/assignments.ts'
import { fstabIn } from '../../../src/guest/parsers/fstab.ts'
import { matchesGlob } from '../../../src/guest/parsers/glob.ts'
import { entriesOf, sectionsIn } from '../../../src/guest/parsers/sections.ts'
import { yamlEntries } from '../../../src/guest/parsers/yaml.ts'

test('assignments of a shell', () => {
  const text = '# A=1\nA="x y" # comment\nexport B=\'it"s\'\n  C=plain # comment\nD=\nE="open\nnot one\nA=2;B=3\n'
  expect(Object.fromEntries(assignmentsIn(text))).toEqual({
    A: { value: '2', line: 8 },
    B: { value: 'it"s', line: 3 },
    C: { value: 'plain', line: 4 },
    D: { value: '', line: 5 },
    E: { value: 'open', line: 6 },
  })
})

test('sections of units and keyfiles', () => {
  const text =
    'none=1\n[Unit]\n; comment\nBefore = a.service \\\n# comment\n  b.service\\\n c.service\n[Service]\r\nExecStart=/bin/x --a=b\r\nno value\n[Unit]\nBefore=d.service'
  const sections = sectionsIn(text)
  expect(sections.map(({ name }) => name)).toEqual(['unit', 'service', 'unit'])
  expect(entriesOf(sections, 'unit', 'before')).toEqual([
    { key: 'before', value: 'a.service b.service c.service', line: 4 },
    { key: 'before', value: 'd.service', line: 12 },
  ])
  expect(entriesOf(sections, 'service', 'execstart')).toMatchObject([{ value: '/bin/x --a=b' }])
})

test('fstab', () => {
  expect(fstabIn('UUID="1" / ext4\n\t# c\n/dev/x\\040y /a\\011b auto noauto,nofail 0 0\nshort line\n')).toEqual([
    { device: 'UUID=1', mountPoint: '/', type: 'ext4', options: ['defaults'], line: 1 },
    { device: '/dev/x y', mountPoint: '/a\tb', type: 'auto', options: ['noauto', 'nofail'], line: 3 },
  ])
})

test('patterns of names', () => {
  const cases: [string, string, boolean][] = [
    ['', '', true],
    ['', '*', true],
    ['eth0.cfg', '*.cfg', true],
    ['eth0.cfg', 'eth?.*', true],
    ['eth0', 'eth', false],
    ['eth', 'eth?', false],
    ['abcabc', '*abc', true],
    ['abcabd', '*abc', false],
    ['a.b', 'a?b', true],
    ['aXbXc', 'a*b*c', true],
  ]
  for (const [name, pattern, is] of cases)
    expect([name, pattern, matchesGlob(name, pattern)]).toEqual([name, pattern, is])
  const started = performance.now()
  expect(matchesGlob('a'.repeat(255), `${'*a'.repeat(2000)}b`)).toBe(false)
  expect(performance.now() - started).toBeLessThan(60_000)
})

test('keys of YAML, with their lines', async () => {
  expect(await yamlEntries('/x', 'a:\n  b: [1, {c: d}]\n  ? e\n  : yes\nf: &x {g: null}\nh: *x\n')).toMatchObject([
    { keys: ['a'], value: undefined, line: 1 },
    { keys: ['a', 'b'], value: [1, 'c'], line: 2 },
    { keys: ['a', 'e'], value: 'yes', line: 3 },
    { keys: ['f'], value: undefined, line: 5 },
    { keys: ['f', 'g'], value: null, line: 5 },
    { keys: ['h'], value: undefined, line: 6 },
    { keys: ['h', 'g'], value: null, line: 5 },
  ])
  expect(await yamlEntries('/x', '')).toEqual([])
  // A list that contains itself.
  expect(await yamlEntries('/x', 'a: &a [*a, x]')).toMatchObject([{ keys: ['a'], value: [null, 'x'], line: 1 }])
  for (const text of ['a: [', 'a: 1\na: 2', '\t\t\tx: {', 'a: &a\n  b: *a'])
    await expect(yamlEntries('/x', text), text).rejects.toThrow(/^\/x /)
})
