/*
 * The values that the dcmgr database accepts (dcmgr.md, "Values"), the defaults
 * of a new image, and the names of this program's own labels.
 */

/** CPU architectures of an image (`images.arch`). */
export const ARCHES = ['x86', 'x86_64'] as const
export { FILE_FORMATS, TARGET_FORMATS } from '../../disk/inspect/file-formats.ts'
/** Formats of prepared images: those in which deleted data is known to be overwritten. */
export const PREPARED_FORMATS = ['qcow2', 'raw'] as const
/** Operating systems of an image (`images.os_type`). */
export const OS_TYPES = ['linux', 'windows'] as const
/** The states that users can set for an image or a backup object. Deleting sets `deleted`. */
export const STATES = ['available', 'creating', 'pending'] as const
/** All states of an image, including `deleted` and the column's default, `init`. */
export const IMAGE_STATES = [...STATES, 'deleted', 'init'] as const
/** All states of a backup object, including `purged`, which agents set, and the column's default, `initialized`. */
export const OBJECT_STATES = [...STATES, 'deleted', 'purged', 'initialized'] as const
/** Container formats of a backup object (`backup_objects.container_format`). */
export const CONTAINER_FORMATS = ['none', 'raw', 'gz', 'tar', 'tgz'] as const
/** Types of a backup storage (`backup_storages.storage_type`). */
export const STORAGE_TYPES = ['local', 'webdav', 'ifs'] as const
/** Guest features that an image can have (`images.features`). */
export const FEATURES = ['virtio', 'acpi'] as const
/** Names of the boot devices, by the value of `images.boot_dev_type`. */
export const BOOT_DEV_TYPES: Readonly<Record<number, string>> = { 1: 'volume', 2: 'local' }
/** `images.boot_dev_type` of an image that boots from a volume. */
export const BOOT_FROM_VOLUME = 1
/** `images.boot_dev_type` of an image that boots from a local disk. */
export const BOOT_FROM_LOCAL = 2

/** Default architecture of a new image. */
export const DEFAULT_ARCH = 'x86_64'
/** Default operating system of a new image. */
export const DEFAULT_OS_TYPE = 'linux'
/** Default service type of a new image or backup object. */
export const DEFAULT_SERVICE_TYPE = 'std'
/** Default state of a new image or backup object. */
export const DEFAULT_STATE = 'available'
/** File format of an image whose file was not inspected. */
export const DEFAULT_FILE_FORMAT = 'raw'
/** Default container format of a new backup object. */
export const DEFAULT_CONTAINER_FORMAT = 'none'
/** Progress in percent of everything that is available. */
export const COMPLETE = 100

/** The shared pool, an account whose images every account can use. */
export const SHARED_POOL = 'a-shpoolxx'
/** The accounts that every data centre has. They cannot be disabled or deleted. */
export const SYSTEM_ACCOUNTS: readonly string[] = ['a-00000000', SHARED_POOL]

/** YAML of an empty map, such as the features of an image without any, byte for byte as the Ruby programs write it. */
export const EMPTY_YAML_MAP = '--- {}\n'
/** YAML of an empty list, such as the volumes of an image without any, byte for byte as the Ruby programs write it. */
export const EMPTY_YAML_LIST = '--- []\n'

/** Prefix of the names of this program's own labels. */
export const OWN_LABELS = 'vdc-manage.'
/** Label with the SHA-256 of a backup object, which has no column. */
export const SHA256_LABEL = 'vdc-manage.sha256'
/** Label with the virtual size of a backup object, which has no column. */
export const VIRTUAL_SIZE_LABEL = 'vdc-manage.virtual-size'
/** Label with the MD5 that the object had when the two labels above were computed. They are valid while the MD5 is unchanged. */
export const MD5_LABEL = 'vdc-manage.md5'
/** Label with the file format of a backup object, in QEMU's terms, for images added later. Without it, the format is raw. */
export const FILE_FORMAT_LABEL = 'vdc-manage.file-format'
/** Label that protects an image from being deleted or changed without --force. Its value is the time of protection, ISO 8601 UTC. */
export const PROTECTED_LABEL = 'vdc-manage.protected'
/** Label that makes the UUID of a backup storage unique: `backup_storages` has no unique index, but `resource_labels` has. */
export const CLAIM_LABEL = 'vdc-manage.claim'
/** Claimed by a purge to keep others from registering a file in any storage (`claimUse`). */
export const ALL_FILES = 'vdc-manage.files'
