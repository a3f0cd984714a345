import { closeSync, openSync, rmSync, statSync, writeSync } from 'node:fs'
import { execa } from 'execa'
import { makeZeros } from './filesystems.ts'

const MIB = 2 ** 20
const SECTOR = 512
const SECTORS_PER_MIB = MIB / SECTOR
/** jmp to itself: enough of a boot loader for a check, which does not run it. */
const ENDLESS = Buffer.from([0xeb, 0xfe])
/** Bytes of boot code in the first sector: what follows is the disk signature and the partition table. */
const BOOT_CODE = 440

/** A partition of a disk. */
interface Partition {
  /** A file with its bytes, which is moved into the disk. */
  content: string
  /** As sfdisk(8) names it, such as 83, U or L. */
  type: string
  uuid?: string
}

/** The partitions of a disk, one after the other. */
interface Layout {
  table: 'dos' | 'gpt'
  partitions: readonly Partition[]
  /** A boot loader for the first sectors; true for code that does nothing. Default: none. */
  boots?: boolean | Buffer
}

/** Makes a raw disk with partitions, each of which starts at a MiB. */
export async function makeDisk(path: string, { table, partitions, boots = false }: Layout): Promise<void> {
  const starts: number[] = []
  let end = 1
  for (const { content } of partitions) {
    starts.push(end)
    end += Math.ceil(statSync(content).size / MIB)
  }
  // A GPT has a copy at the end of the disk.
  makeZeros(path, end + 1)
  const lines = partitions.map(({ content, type, uuid }, at) => {
    const start = (starts[at] as number) * SECTORS_PER_MIB
    const size = Math.ceil(statSync(content).size / MIB) * SECTORS_PER_MIB
    return `start=${start}, size=${size}, type=${type}${uuid === undefined ? '' : `, uuid=${uuid}`}`
  })
  const id = table === 'dos' ? '0x76646331' : '76646331-0000-4000-8000-000000000000'
  await execa('sfdisk', ['-q', path], { input: `label: ${table}\nlabel-id: ${id}\n${lines.join('\n')}\n` })
  for (const [at, { content }] of partitions.entries()) {
    await execa('dd', [
      `if=${content}`,
      `of=${path}`,
      'bs=1M',
      `seek=${starts[at]}`,
      'conv=notrunc,sparse',
      'status=none',
    ])
    rmSync(content)
  }
  if (boots === false) return
  const loader = boots === true ? ENDLESS : boots
  writeAt(path, 0, loader.subarray(0, BOOT_CODE))
  writeAt(path, SECTOR, loader.subarray(SECTOR))
}

/** Writes bytes into a file. */
export function writeAt(path: string, position: number, bytes: Buffer): void {
  const file = openSync(path, 'r+')
  writeSync(file, bytes, 0, bytes.length, position)
  closeSync(file)
}
