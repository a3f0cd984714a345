import { readWhole, type Source } from '../../../file/source.ts'

/*
 * "El Torito" Bootable CD-ROM Format Specification, version 1.0:
 * https://web.archive.org/web/20180112220141/https://download.intel.com/support/motherboards/desktop/sb/specscdrom.pdf
 */

const SECTOR = 2048
/** The boot record is the second volume descriptor. */
const BOOT_RECORD = 17 * SECTOR
const SYSTEM = '\0CD001\u0001EL TORITO SPECIFICATION'
/** Offset in the boot record of the sector with the boot catalogue. */
const CATALOG = 0x47
/** Bytes of an entry of the catalogue: the first one validates it, the second one is what boots by default. */
const ENTRY = 32
const [VALIDATION, BOOTABLE] = [0x01, 0x88]
const EFI = 0xef

/**
 * Returns why a PC with a BIOS cannot boot from a CD, as the end of a sentence about it; undefined if it can.
 *
 * @throws VdcError FILE_REFUSED, without the name of the file, if it ends too early.
 */
export async function whyNotBootable(source: Source): Promise<string | undefined> {
  const record = await readWhole(source, BOOT_RECORD, SECTOR)
  if (record.toString('latin1', 0, SYSTEM.length) !== SYSTEM) return 'has no boot record'
  const catalogue = await readWhole(source, record.readUInt32LE(CATALOG) * SECTOR, 2 * ENTRY)
  if (catalogue[0] !== VALIDATION || !isValid(catalogue.subarray(0, ENTRY))) return 'has a damaged boot catalogue'
  if (catalogue[1] === EFI) return 'boots only computers with EFI'
  return catalogue[ENTRY] === BOOTABLE ? undefined : 'has no boot loader in its boot catalogue'
}

/** Returns true if the words of the validation entry sum up to 0, and its key is right. */
function isValid(entry: Buffer): boolean {
  let sum = 0
  for (let at = 0; at < ENTRY; at += 2) sum += entry.readUInt16LE(at)
  return (sum & 0xffff) === 0 && entry.readUInt16BE(ENTRY - 2) === 0x55aa
}
