import { describe, expect, test } from 'vitest'
import { nearest } from '../../src/core/nearest.ts'

describe('The known word that was meant', () => {
  test('has as many typos as its length allows, even if these change the length', () => {
    expect(nearest('checksumxyz', ['checksum'])).toBe(undefined)
    expect(nearest('checksumxy', ['checksum'])).toBe('checksum')
    expect(nearest('CHECKSxy', ['checksum'])).toBe('checksum')
    expect(nearest('hecsm', ['checksum'])).toBe(undefined)
    expect(nearest('hecksm', ['checksum'])).toBe('checksum')
  })

  test('is not compared with a word that is far longer', () => {
    const typed = 'x'.repeat(2 ** 25)
    expect(nearest(typed, ['uuid', 'state', 'checksum', 'x'])).toBe(undefined)
    expect(nearest('x', ['uuid', typed])).toBe(undefined)
  })
})
