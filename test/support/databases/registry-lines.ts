import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

/** A line of a registry file. */
export type Line = Record<string, string | number | null>

const TYPES = ['account', 'backup_storage', 'backup_object', 'image', 'label', 'purged_image'] as const
const ACCOUNTS = 200
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789'

/** Returns a UUID that looks random, and is the same on every run. */
function uuidOf(kind: string, n: number): string {
  const bytes = createHash('sha256').update(`${kind}${n}`).digest()
  return Array.from(bytes.subarray(0, 8), (byte) => ALPHABET[byte % ALPHABET.length]).join('')
}

export const imageId = (n: number) => `wmi-${uuidOf('i', n)}`
export const objectId = (n: number) => `bo-${uuidOf('o', n)}`
const accountId = (n: number) => `a-${uuidOf('a', n % ACCOUNTS)}`
const hex = (algorithm: string, n: number) => createHash(algorithm).update(String(n)).digest('hex')
const timeOf = (n: number) => `${new Date(Date.UTC(2020, 0, 1) + n * 60_000).toISOString().slice(0, 19)}Z`
/** One in fifty is deleted. */
const isDeleted = (n: number) => n % 50 === 49

export function accountLine(n: number): Line {
  const at = timeOf(n)
  return {
    ...{ type: 'account', uuid: accountId(n), description: `Team ${n}`, enabled: 1 },
    ...{ created_at: at, updated_at: at, deleted_at: null, purged_at: null },
  }
}

export function storageLine(baseUri = 'file:///srv/images/'): Line {
  const at = timeOf(0)
  return {
    ...{ type: 'backup_storage', uuid: 'bkst-many', display_name: 'many', storage_type: 'local', description: null },
    ...{ base_uri: baseUri, deleted_at: null, created_at: at, updated_at: at, node_id: null },
  }
}

export function objectLine(n: number): Line {
  const at = timeOf(n)
  return {
    ...{ type: 'backup_object', account_id: accountId(n), uuid: objectId(n), display_name: `ubuntu-${n}.qcow2` },
    ...{ service_type: 'std', backup_storage_id: 'bkst-many', size: 10 * 2 ** 30, allocation_size: 2 ** 30 + n },
    ...{ container_format: 'none', status: 0, state: isDeleted(n) ? 'deleted' : 'available' },
    ...{ object_key: `${uuidOf('o', n)}.qcow2`, checksum: hex('md5', n), description: n % 10 ? null : `CI run ${n}` },
    ...{ progress: 100, deleted_at: isDeleted(n) ? at : null, created_at: at, updated_at: at, purged_at: null },
    source_volume_id: '',
  }
}

/** Returns an image with the backup object of the same number. */
export function imageLine(n: number): Line {
  const at = timeOf(n)
  return {
    ...{ type: 'image', account_id: n % 20 ? accountId(n) : 'a-shpoolxx', uuid: imageId(n) },
    ...{ created_at: at, updated_at: at, boot_dev_type: 2, arch: 'x86_64' },
    ...{ description: n % 10 ? null : `Ubuntu for team ${n}`, is_public: n % 20 ? 0 : 1 },
    ...{ state: isDeleted(n) ? 'deleted' : 'available', features: n % 2 ? '---\n:virtio: true\n' : '--- {}\n' },
    ...{ file_format: 'qcow2', root_device: n % 4 ? null : 'label:root', is_cacheable: 1, instance_model_name: '' },
    ...{ parent_image_id: n % 5 === 4 ? imageId(n - 1) : null, service_type: 'std', display_name: `ubuntu-${n}` },
    ...{ backup_object_id: objectId(n), deleted_at: isDeleted(n) ? at : null },
    ...{ volumes: '--- []\n', vifs: '--- []\n', os_type: 'linux' },
    ...(isDeleted(n) && { state_before_deletion: 'pending' }),
  }
}

export function labelLine(resourceId: string, name: string, value: string): Line {
  const at = timeOf(0)
  return {
    ...{ type: 'label', resource_uuid: resourceId, name, value_type: 1, string_value: value, blob_value: null },
    ...{ created_at: at, updated_at: at },
  }
}

/** Yields a file for `registry import`. Lines must be in the order of `TYPES`. */
export function* registryFile(lines: Iterable<Line>): Generator<string> {
  const counts: Record<string, number> = Object.fromEntries(TYPES.map((type) => [type, 0]))
  yield `${JSON.stringify({ type: 'registry', version: 1, exported_at: timeOf(0) })}\n`
  for (const line of lines) {
    counts[String(line.type)] = (counts[String(line.type)] ?? 0) + 1
    yield `${JSON.stringify(line)}\n`
  }
  yield `${JSON.stringify({ type: 'end', counts })}\n`
}

/** Yields images with the same backup object in 200 accounts. One in two has features, one in fifty is deleted. */
export function* imagesOfOneObject(images: number): Generator<Line> {
  for (let n = 0; n < ACCOUNTS; n++) yield accountLine(n)
  yield storageLine()
  yield objectLine(0)
  for (let n = 0; n < images; n++) yield { ...imageLine(n), backup_object_id: objectId(0) }
}

/** Like `imagesOfOneObject`, but each image has its own backup object, with the labels of a registered file. One in five images has a label. */
export function* wholeRegistry(images: number, baseUri?: string): Generator<Line> {
  for (let n = 0; n < ACCOUNTS; n++) yield accountLine(n)
  yield storageLine(baseUri)
  for (let n = 0; n < images; n++) yield objectLine(n)
  for (let n = 0; n < images; n++) yield imageLine(n)
  for (let n = 0; n < images; n++) {
    yield labelLine(objectId(n), 'vdc-manage.md5', hex('md5', n))
    yield labelLine(objectId(n), 'vdc-manage.sha256', hex('sha256', n))
    yield labelLine(objectId(n), 'vdc-manage.file-format', 'qcow2')
    yield labelLine(objectId(n), 'vdc-manage.virtual-size', String(10 * 2 ** 30))
    if (n % 5 === 0) yield labelLine(imageId(n), 'os', 'ubuntu')
  }
}

export async function writeRegistryFile(path: string, lines: Iterable<Line>): Promise<void> {
  await pipeline(Readable.from(registryFile(lines)), createWriteStream(path))
}
