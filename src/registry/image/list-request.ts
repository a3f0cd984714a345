import * as z from 'zod/mini'
import { type ImageSelection, imageListing } from '../../db/lists/images.ts'
import { isValueInUse, LIVING_IMAGES } from '../../db/lists/selection.ts'
import { findAccount } from '../../db/tables/accounts.ts'
import { findBackupObject } from '../../db/tables/backup-objects.ts'
import { findImage, ownsImages } from '../../db/tables/images.ts'
import { accountNotFound } from '../account/find.ts'
import { objectNotFound } from '../backup-object/find.ts'
import { storageKeysOf } from '../backup-storage/find.ts'
import { parseLabelFilter } from '../labels.ts'
import * as list from '../list-request.ts'
import { byIdOrName } from '../names/by-id-or-name.ts'
import type { Registry } from '../registry.ts'
import { canonicalId, parseId } from '../rules/identifiers.ts'
import { isStorable } from '../rules/storable.ts'
import { validate } from '../rules/validate.ts'
import {
  ARCHES,
  FILE_FORMATS,
  IMAGE_STATES,
  MD5_LABEL,
  OS_TYPES,
  PROTECTED_LABEL,
  VIRTUAL_SIZE_LABEL,
} from '../rules/values.ts'
import { usableBy } from './access.ts'
import { imageNotFound } from './find.ts'

const choice = z.object({
  ...list.choice,
  /** Only images that this account can use; ID with or without prefix. */
  account_id: z.optional(z.string()),
  /** With `account_id`: only images owned by the account, in any state. */
  owned: z.optional(z.boolean()),
  /** A pattern for the display name (`parseGlob`). */
  name: z.optional(z.string()),
  state: list.anyOf,
  arch: list.anyOf,
  os_type: list.anyOf,
  file_format: list.anyOf,
  service_type: list.anyOf,
  public: z.optional(z.boolean()),
  protected: z.optional(z.boolean()),
  /** Only images with all of these labels, each `name` or `name=value`. */
  label: z.optional(z.array(z.string())),
  parent: list.anyOf,
  backup_object_id: list.anyOf,
  storage_id: list.anyOf,
  checksum: list.anyOf,
})

/** The filters of a list of images. */
export type ImageChoice = z.input<typeof choice>
/** The filters, sorting and paging options of a list of images. */
export type ImageListRequest = ImageChoice & list.PageRequest

/** The filters in the form that the database takes. */
export interface ChosenImages {
  selection: ImageSelection
  /** Canonical ID of the account that the list is for. */
  accountId: string | undefined
}

/** The list of images, including the values of this program's own labels. */
export const IMAGES = imageListing({ virtualSize: VIRTUAL_SIZE_LABEL, md5: MD5_LABEL, protection: PROTECTED_LABEL })

/** The sort keys of a list of images. */
export const IMAGE_SORT_KEYS = list.sortKeys(IMAGES.keys, {
  name: 'display_name',
  account: 'account_id',
  size: 'virtual_size',
  created: 'created_at',
  updated: 'updated_at',
  deleted: 'deleted_at',
})

/**
 * Validates the filters of a list of images.
 *
 * @returns undefined if nothing can match because the database cannot store a label of the filter.
 * @throws VdcError VALUE_REFUSED if a filter is not valid; ACCOUNT_NOT_FOUND, IMAGE_NOT_FOUND,
 *   OBJECT_NOT_FOUND or STORAGE_NOT_FOUND if an ID neither exists nor is used by an image.
 */
export async function chosenImages(registry: Registry, request: ImageChoice): Promise<ChosenImages | undefined> {
  const given = validate(choice, request)
  const { arch, os_type, file_format, service_type } = given
  const common = list.selectionOf(given)
  const matching = { display_name: list.patternOf('name', given.name) }
  const labels = given.label?.map(parseLabelFilter)
  const checksums = list.checksumsOf(given.checksum)
  await list.requireKnown(registry, 'images', {
    state: { values: given.state, known: IMAGE_STATES },
    arch: { values: arch, known: ARCHES },
    os_type: { values: os_type, known: OS_TYPES },
    file_format: { values: file_format, known: FILE_FORMATS },
  })
  const accountId = given.account_id === undefined ? undefined : await knownAccount(registry, given.account_id)
  const parent_image_id = await knownReferences(registry, 'parent_image_id', given.parent)
  const backup_object_id = await knownReferences(registry, 'backup_object_id', given.backup_object_id)
  const storageKeys = await storageKeysOf(registry.database.knex, given.storage_id)
  for (const { name, value } of labels ?? []) {
    if (!(await isStorable(registry.database, 'resource_labels', { name, string_value: value }))) return undefined
  }
  const { states, ...whose } = ownership(accountId, given.owned)
  return {
    accountId,
    selection: {
      ...common,
      ...whose,
      life: list.lifeOfStates(common.life, given.state, LIVING_IMAGES.deletedStates),
      oneOf: { arch, os_type, file_format, service_type, parent_image_id, backup_object_id },
      matching,
      states: given.state?.filter((state) => states?.includes(state) ?? true) ?? states,
      isPublic: given.public,
      isProtected: given.protected,
      labels,
      storageKeys,
      checksums,
    },
  }
}

function ownership(
  accountId: string | undefined,
  owned: boolean | undefined,
): Pick<ImageSelection, 'ownedBy' | 'ownedByOrPublic' | 'states'> {
  if (accountId === undefined) return {}
  return owned ? { ownedBy: accountId } : usableBy(accountId)
}

/**
 * Validates the sorting and paging options of a list of images.
 *
 * @throws VdcError VALUE_REFUSED if an option is not valid; IMAGE_NOT_FOUND if `after` does not exist.
 */
export function imagePage(registry: Registry, request: ImageListRequest) {
  const notFound = (uuid: string) => imageNotFound(registry.database.knex, uuid)
  return list.pageOf(registry, { listing: IMAGES, kind: 'image', notFound, keys: IMAGE_SORT_KEYS }, request)
}

/** Returns the canonical ID. In Wakame-vdc, accounts without a row can own images. */
async function knownAccount(registry: Registry, id: string): Promise<string> {
  const { knex } = registry.database
  const uuid = parseId('account', id)
  const canonical = canonicalId('account', uuid)
  if ((await findAccount(knex, uuid)) === undefined && !(await ownsImages(registry.database, canonical))) {
    throw accountNotFound(uuid)
  }
  return canonical
}

/** The columns that refer to other objects by canonical ID. */
const REFERENCES = {
  parent_image_id: { kind: 'image', find: findImage, notFound: imageNotFound },
  backup_object_id: {
    kind: 'backupObject',
    find: findBackupObject,
    notFound: (_: unknown, uuid: string) => objectNotFound(uuid),
  },
} as const

/** Returns the canonical IDs. The Ruby programs store references unchecked, so IDs that images use are known, too. */
async function knownReferences(
  { database }: Registry,
  column: keyof typeof REFERENCES,
  ids: readonly string[] | undefined,
): Promise<string[] | undefined> {
  if (ids === undefined) return undefined
  const { kind, find, notFound } = REFERENCES[column]
  const known: string[] = []
  for (const id of ids) {
    const canonical = await byIdOrName(database.knex, kind, id, async (uuid) => {
      const canonical = canonicalId(kind, uuid)
      const isThere = (await find(database.knex, uuid)) !== undefined
      if (isThere || (await isValueInUse(database, 'images', column, canonical))) return canonical
      throw await notFound(database.knex, uuid)
    })
    known.push(canonical)
  }
  return known
}
