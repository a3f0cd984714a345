import { VdcError } from '../../core/errors.ts'
import { startOf } from '../file/chunks.ts'
import { FETCH_AGAIN } from '../file/source.ts'
import { isGzip } from '../formats/packed/gzip.ts'
import { type Member, type TakeBytes, TarMembers } from '../tar/tar-members.ts'
import { requireDiskName } from '../tar/tar-names.ts'
import { shownName } from '../tar/tar-refusals.ts'
import { gunzipStream } from '../unpack/gunzip-stream.ts'
import { FileDigests, type ManifestLine, parseManifest, requireManifest } from './ova-manifest.ts'
import { damagedOva, refusedOva } from './ova-refusals.ts'

/** Bytes of a file that is not the disk: a descriptor has some kilobytes, and the memory of a BIOS less than this. */
const SMALL_LIMIT = 1024 * 1024
/** Bytes by which gzip data is recognised. */
const GZIP_START = 3
/** What the other files of an OVA are, by the extension of their names. */
const SMALL = { ovf: 'descriptor', mf: 'manifest', cert: 'certificate', nvram: 'BIOS memory' } as const
type Kind = (typeof SMALL)[keyof typeof SMALL] | 'disk'

/** The disk of an OVA. */
export interface OvaDisk {
  /** Bytes of the disk image. */
  size: number
  /** As in an inspection. */
  warnings: string[]
}

/**
 * Reads the only disk image of an OVA, which may be compressed with gzip, and checks all files against the
 * manifest. The descriptor is not interpreted: its virtual machine is not used.
 *
 * @param bytes of the archive, whose first member is the descriptor; read to their end.
 * @param take is called with increasing offsets, before the manifest is checked.
 * @throws VdcError FILE_REFUSED, without the name of the OVA, if it is damaged, has other files than a
 *   descriptor, a disk, a manifest, a certificate and the memory of a BIOS, or does not match its manifest.
 */
export async function readOva(bytes: AsyncIterable<Buffer>, take: TakeBytes): Promise<OvaDisk> {
  try {
    return await new OvaReader(new TarMembers(bytes), take).read()
  } catch (error) {
    throw asOvaError(error)
  }
}

/** Returns the refusal to report for one of the tar archive, whose hint tells how to pack a disk for the agents. */
function asOvaError(error: unknown): unknown {
  if (!(error instanceof VdcError) || !error.hint?.startsWith('Pack ')) return error
  if (error.message.startsWith('holds ')) return refusedOva(error.message)
  if (error.message.startsWith('has data after')) return damagedOva('it has data after its end mark')
  return new VdcError(error.code, error.message, { hint: FETCH_AGAIN, cause: error })
}

class OvaReader {
  readonly #members: TarMembers
  readonly #take: TakeBytes
  readonly #names = new Map<Kind, string>()
  readonly #digests = new Map<string, ReadonlyMap<string, string>>()
  #manifest: ManifestLine[] | undefined
  #size = 0

  constructor(members: TarMembers, take: TakeBytes) {
    this.#members = members
    this.#take = take
  }

  async read(): Promise<OvaDisk> {
    for (let member = await this.#members.next(); member !== undefined; member = await this.#members.next())
      await this.#readFile(member, this.#kindOf(member))
    const disk = this.#names.get('disk')
    await this.#members.requireEnd(disk ?? this.#names.get('descriptor'))
    if (disk === undefined) throw refusedOva('holds no disk')
    if (this.#size === 0) throw damagedOva(`the disk ${shownName(disk)} is empty`)
    if (this.#manifest !== undefined) requireManifest(this.#manifest, this.#digests, disk)
    return { size: this.#size, warnings: this.#warnings() }
  }

  #warnings(): string[] {
    if (this.#manifest === undefined) return ['has no manifest, so its disk could not be compared with a checksum']
    return this.#names.has('certificate') ? ['has a certificate, which was not checked'] : []
  }

  /** Returns what a member is, and refuses a second one of its kind. */
  #kindOf(member: Member): Kind {
    const { header, name, sparse } = member
    requireDiskName(name, header.type)
    if (!'0\0'.includes(header.type) || sparse.length > 0)
      throw refusedOva(`holds ${shownName(name)} as a sparse or special file`)
    const ending = /\.([^.]*)$/.exec(name)?.[1]?.toLowerCase() ?? ''
    const kind = Object.hasOwn(SMALL, ending) ? SMALL[ending as keyof typeof SMALL] : 'disk'
    const other = this.#names.get(kind)
    if (other !== undefined) {
      const names = `${shownName(other)} and ${shownName(name)}`
      throw refusedOva(
        `holds ${kind === 'disk' ? 'more than one disk or other file' : `two files of one kind`}: ${names}`,
      )
    }
    this.#names.set(kind, plain(name))
    return kind
  }

  async #readFile(member: Member, kind: Kind): Promise<void> {
    const name = plain(member.name)
    const isDisk = kind === 'disk'
    if (!isDisk && member.packed > SMALL_LIMIT) throw refusedOva(`holds a ${kind} of more than ${SMALL_LIMIT} bytes`)
    const listed = this.#manifest?.filter((line) => line.name === name).map(({ algorithm }) => algorithm)
    const digests = new FileDigests(listed)
    const bytes = hashed(this.#members.bytesOf(member), digests)
    if (isDisk) await this.#readDisk(bytes, member)
    else {
      const pieces: Buffer[] = []
      for await (const piece of bytes) pieces.push(piece)
      if (kind === 'manifest') this.#manifest = parseManifest(Buffer.concat(pieces))
    }
    // A manifest cannot have its own digest.
    if (kind !== 'manifest') this.#digests.set(name, digests.end())
  }

  async #readDisk(bytes: AsyncGenerator<Buffer>, { packed }: Member): Promise<void> {
    const [start, all] = await startOf(bytes, GZIP_START)
    const disk = isGzip(start) ? gunzipStream(all, packed) : all
    for await (const piece of disk) {
      await this.#take(this.#size, piece)
      this.#size += piece.length
    }
  }
}

async function* hashed(bytes: AsyncIterable<Buffer>, digests: FileDigests): AsyncGenerator<Buffer> {
  for await (const piece of bytes) {
    digests.add(piece)
    yield piece
  }
}

/** Returns the name of a member as a manifest spells it. */
function plain(name: string): string {
  return name.replace(/^\.\//, '')
}
