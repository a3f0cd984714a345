import { VdcError } from '../../core/errors.ts'
import { type Member, type TakeBytes, TarMembers } from './tar-members.ts'
import { isOvf, OVA, requireDiskName } from './tar-names.ts'
import { damagedTar, refusedTar, shownName } from './tar-refusals.ts'

/*
 * Reads a tar archive as a stream. The agents unpack it with GNU tar in an empty folder,
 * and use the first entry that is not hidden (dcmgr.md, "Where an image's bytes are"). An
 * archive is accepted only if that entry is the file that is read here. Anything that GNU
 * tar fails on, skips, or reads differently from other programs is refused.
 */

/**
 * Reads the only file of an archive. The archive can also have a `./` entry.
 *
 * @param bytes of the archive; read to their end.
 * @param take is called with increasing offsets.
 * @returns the size of the unpacked file in bytes.
 * @throws VdcError FILE_REFUSED, without the name of the archive, if it is damaged,
 *   empty, or contains anything but one regular file at the top level.
 */
export async function readOnlyMember(bytes: AsyncIterable<Buffer>, take: TakeBytes): Promise<number> {
  const members = new TarMembers(bytes)
  let disk: Disk | undefined
  let hasFolder = false
  for (let member = await members.next(); member !== undefined; member = await members.next()) {
    const { type } = member.header
    if (isOvf(member.name)) throw new VdcError('FILE_REFUSED', OVA.why, { hint: OVA.hint })
    if (isTopFolder(member) && !hasFolder) {
      requireEmpty(member)
      hasFolder = true
      continue
    }
    if (disk !== undefined && '07S\0'.includes(type)) {
      const names = `${shownName(disk.name)} and ${shownName(member.name)}`
      throw refusedTar(`holds more than one file: ${names}`)
    }
    requireDiskName(member.name, type)
    disk = { name: member.name, size: await members.read(member, take) }
  }
  await members.requireEnd(disk?.name)
  if (disk?.size === 0) throw refusedTar('holds an empty file')
  return (disk as Disk).size
}

/** The file of an archive. */
interface Disk {
  /** One character per byte. */
  name: string
  /** Bytes of the unpacked file. */
  size: number
}

/** Returns whether a member is the top folder, as in `tar -cf OUT .`. */
function isTopFolder({ header: { type, format }, name }: Member): boolean {
  // The v7 format marks a folder only by a slash at the end of its name.
  return (type === '5' && ['.', './'].includes(name)) || (format === 'v7' && type === '\0' && name === './')
}

function requireEmpty({ name, packed, sparse }: Member): void {
  if (packed > 0 || sparse.length > 0) throw damagedTar(`the directory ${shownName(name)} has contents`)
}
