/*
 * The values that the dcmgr database knows (dcmgr.md, "Values"), and those
 * that a new image starts with.
 */

export const ARCHES = ['x86', 'x86_64'] as const
export { FILE_FORMATS, TARGET_FORMATS } from '../../disk/inspect/file-formats.ts'
export const OS_TYPES = ['linux', 'windows'] as const
/** The states that an operator can give an image or a backup object; `deleted` is what deleting makes. */
export const STATES = ['available', 'creating', 'pending'] as const
/** The states that an image can be found in: those, what deleting makes, and what the column holds by itself. */
export const IMAGE_STATES = [...STATES, 'deleted', 'init'] as const
/** The same of a backup object, which agents may have purged. */
export const OBJECT_STATES = [...STATES, 'deleted', 'purged', 'initialized'] as const
export const CONTAINER_FORMATS = ['none', 'raw', 'gz', 'tar', 'tgz'] as const
export const STORAGE_TYPES = ['local', 'webdav', 'ifs'] as const
/** What an image can say of its operating system (`images.features`). */
export const FEATURES = ['virtio', 'acpi'] as const
/** `images.boot_dev_type`: what an image boots from. */
export const BOOT_DEV_TYPES: Readonly<Record<number, string>> = { 1: 'volume', 2: 'local' }
export const BOOT_FROM_VOLUME = 1
export const BOOT_FROM_LOCAL = 2

export const DEFAULT_ARCH = 'x86_64'
export const DEFAULT_OS_TYPE = 'linux'
export const DEFAULT_SERVICE_TYPE = 'std'
export const DEFAULT_STATE = 'available'
/** What an image's file holds where nobody looks into it. */
export const DEFAULT_FILE_FORMAT = 'raw'
export const DEFAULT_CONTAINER_FORMAT = 'none'
/** Percent; what is available is always complete. */
export const COMPLETE = 100

/** The shared pool: what it owns, every account can use. */
export const SHARED_POOL = 'a-shpoolxx'
/** The accounts that every data centre has; neither may be disabled or deleted. */
export const SYSTEM_ACCOUNTS: readonly string[] = ['a-00000000', SHARED_POOL]

/** YAML of an image without features, volumes and interfaces, byte for byte as the Ruby programs write it. */
export const EMPTY_YAML_MAP = '--- {}\n'
export const EMPTY_YAML_LIST = '--- []\n'

/** Labels whose names begin so are this program's own. */
export const OWN_LABELS = 'vdc-manage.'
/** Labels of a backup object that hold what its table has no column for. */
export const SHA256_LABEL = 'vdc-manage.sha256'
export const VIRTUAL_SIZE_LABEL = 'vdc-manage.virtual-size'
/** The MD5 that the object had when the two above were computed: they count as long as it has that. */
export const MD5_LABEL = 'vdc-manage.md5'
/** QEMU's name of what was found in a file that became an object, and of which images are made later; raw without it. */
export const FILE_FORMAT_LABEL = 'vdc-manage.file-format'
/** Label of an image that is not to be deleted or changed without being asked for; its value is the time of that, ISO 8601 UTC. */
export const PROTECTED_LABEL = 'vdc-manage.protected'
/** Label of a backup storage that makes its uuid unique: `backup_storages` has no unique index, `resource_labels` has. */
export const CLAIM_LABEL = 'vdc-manage.claim'
/** Stands for the files of all storages where a purge keeps others from registering one (`claimUse`). */
export const ALL_FILES = 'vdc-manage.files'
