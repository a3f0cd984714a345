import { expect, test } from 'vitest'
import { CpioNames } from '../../../src/guest/parsers/cpio.ts'
import { cpio } from '../../support/guests/cpio.ts'

const ARCHIVES = Buffer.concat([cpio(['a', 'dir/b']), Buffer.alloc(300), cpio(['c']), Buffer.alloc(512)])

test('names are found, however the bytes arrive', () => {
  for (const length of [1, 7, 110, 113, 1024, ARCHIVES.length]) {
    const archive = new CpioNames()
    const names: string[] = []
    for (let at = 0; at < ARCHIVES.length; at += length) {
      const chunk = ARCHIVES.subarray(at, at + length)
      const read = archive.read(chunk)
      expect(read.used).toBe(chunk.length)
      names.push(...read.names)
    }
    expect({ length, names }).toEqual({ length, names: ['a', 'dir/b', 'c'] })
    expect(archive).toMatchObject({ isAtEnd: true, isOther: false })
  }
})

test('what follows an archive is told', () => {
  const early = cpio(['a'])
  const archive = new CpioNames()
  expect(archive.read(Buffer.concat([early, Buffer.alloc(16), Buffer.alloc(200, 0x1f)]))).toEqual({
    names: ['a'],
    used: early.length + 16,
  })
  expect(archive.isOther).toBe(true)
})

test('sizes that lie are no archive, or have no end', () => {
  const huge = Buffer.from(cpio(['a']))
  huge.write('ffffffff', 54)
  const archive = new CpioNames()
  expect(archive.read(huge).names).toEqual(['a'])
  expect(archive.isAtEnd).toBe(false)
  for (const [at, text] of [
    [94, 'ffffffff'],
    [94, '00000000'],
    [54, 'no digit'],
  ] as const) {
    const wrong = Buffer.from(cpio(['a']))
    wrong.write(text, at)
    const other = new CpioNames()
    expect(other.read(wrong).names).toEqual([])
    expect(other.isOther).toBe(true)
  }
})
