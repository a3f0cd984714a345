import { afterAll, expect, test } from 'vitest'
import { INPUT, OUTPUT } from '../../../src/guest/appliance/command-line.ts'
import { CommandFailed, Guestfish } from '../../../src/guest/appliance/guestfish.ts'
import { newFolder } from '../../support/files/images.ts'

/* guestfish alone, without the virtual machine, which takes long to start. */

const folder = newFolder()
afterAll(() => folder.remove())

async function withGuestfish<T>(work: (guestfish: Guestfish) => Promise<T>): Promise<T> {
  const env = { PATH: process.env.PATH as string, LC_ALL: 'C', HOME: folder.path }
  const guestfish = await Guestfish.start({
    folder: folder.path,
    env,
    isWritable: false,
    signal: new AbortController().signal,
  })
  try {
    return await work(guestfish)
  } finally {
    await guestfish.close()
  }
}

test('an argument has all bytes that a name in a guest may have', async () => {
  const all = Array.from({ length: 255 }, (_, index) => String.fromCharCode(index + 1)).join('')
  await withGuestfish(async (guestfish) => {
    expect(await guestfish.run('echo', all)).toBe(`${all}\n`)
  })
})

test('a command is refused if guestfish would take its end for another command', async () => {
  await withGuestfish(async (guestfish) => {
    // What follows a cut line would run on the host.
    for (const length of [2000, 2030, 2040, 2045, 2050, 4096])
      await expect(guestfish.run('echo', `${'é'.repeat(length)} !echo injected`)).rejects.toThrow(
        new CommandFailed('echo: File name too long'),
      )
    expect(await guestfish.run('echo', 'x'.repeat(7900))).toBe(`${'x'.repeat(7900)}\n`)
    expect(await guestfish.run('echo', 'next')).toBe('next\n')
  })
})

test('texts of any length go in and out through files', async () => {
  const text = Buffer.from(`"\\\n\0!echo ${'x'.repeat(1 << 20)}`)
  await withGuestfish(async (guestfish) => {
    await guestfish.upload(text, '!: #', INPUT)
    const copy = await guestfish.download(text.length + 1, '!cat /dev/fd/4 >/dev/fd/3 #', OUTPUT)
    expect(copy.equals(text)).toBe(true)
    expect(await guestfish.download(10, '!printf abcdefghijkl >/dev/fd/3 #', OUTPUT)).toEqual(Buffer.from('abcdefghij'))
  })
})
