import { describe, expect, test } from 'vitest'
import { parseBoundary, parseTime } from '../../src/registry/rules/times.ts'

const NOW = new Date('2026-11-24T09:30:15.250Z')

describe('times', () => {
  test.each([
    ['2026-11-24', '2026-11-24 00:00:00'],
    ['2026-11-24 09:30', '2026-11-24 09:30:00'],
    ['2026-11-24T09:30:15Z', '2026-11-24 09:30:15'],
    // Stored times have whole seconds, so fractions are rounded up.
    ['2026-11-24T09:30:15.001Z', '2026-11-24 09:30:16'],
    ['2026-11-24T00:30+09:00', '2026-11-23 15:30:00'],
    ['90s', '2026-11-24 09:28:46'],
    ['30min', '2026-11-24 09:00:16'],
    ['12h', '2026-11-23 21:30:16'],
    ['7d', '2026-11-17 09:30:16'],
    ['2W', '2026-11-10 09:30:16'],
    ['0s', '2026-11-24 09:30:16'],
  ])('--created-after %s means %s', (text, time) => {
    expect(parseBoundary('created_after', text, NOW)).toBe(time)
  })

  test.each([
    '',
    '7',
    'd',
    '7m',
    '7y',
    '-7d',
    '1.5h',
    '2026-02-30',
    '2026-11-24 25:00',
    'yesterday',
    '999999999w',
    '9999-12-31T23:59:59.5Z',
  ])("--created-after refuses '%s'", (text) => {
    const message = `created_after '${text}' is not a valid time`
    expect(() => parseBoundary('created_after', text, NOW)).toThrow(
      expect.objectContaining({ code: 'VALUE_REFUSED', message }),
    )
  })

  test('--at takes a day or minute as its end', () => {
    expect(parseTime('at', '2026-11-24', NOW)).toBe('2026-11-24T23:59:59Z')
    expect(parseTime('at', '2026-11-24 09:30', NOW)).toBe('2026-11-24T09:30:59Z')
    expect(parseTime('at', '1h', NOW)).toBe('2026-11-24T08:30:15Z')
    expect(parseTime('at', '0s', NOW)).toBe('2026-11-24T09:30:15Z')
    expect(() => parseTime('at', '90', NOW)).toThrow(
      expect.objectContaining({ code: 'VALUE_REFUSED', message: "at '90' is not a valid time" }),
    )
  })
})
