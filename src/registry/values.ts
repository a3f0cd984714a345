/*
 * The values that the dcmgr database knows (dcmgr.md, "Values"), and those
 * that a new image starts with.
 */

export const ARCHES = ['x86', 'x86_64'] as const
export { FILE_FORMATS } from '../disk/formats.ts'
export const OS_TYPES = ['linux', 'windows'] as const
/** The states in which an image can come into the registry; `deleted` is what `image del` makes. */
export const NEW_IMAGE_STATES = ['available', 'creating', 'pending'] as const
/** `images.boot_dev_type`: what an image boots from. */
export const BOOT_DEV_TYPES: Readonly<Record<number, string>> = { 1: 'volume', 2: 'local' }
export const BOOT_FROM_LOCAL = 2

export const DEFAULT_ARCH = 'x86_64'
export const DEFAULT_OS_TYPE = 'linux'
export const DEFAULT_SERVICE_TYPE = 'std'
export const DEFAULT_STATE = 'available'

/** The shared pool: what it owns, every account can use. */
export const SHARED_POOL = 'a-shpoolxx'

/** YAML of an image without features, volumes and interfaces, byte for byte as the Ruby programs write it. */
export const EMPTY_YAML_MAP = '--- {}\n'
export const EMPTY_YAML_LIST = '--- []\n'

/** Labels of a backup object that hold what its table has no column for. */
export const SHA256_LABEL = 'vdc-manage.sha256'
export const VIRTUAL_SIZE_LABEL = 'vdc-manage.virtual-size'
/** Label of a backup storage that makes its uuid unique: `backup_storages` has no unique index, `resource_labels` has. */
export const CLAIM_LABEL = 'vdc-manage.claim'
