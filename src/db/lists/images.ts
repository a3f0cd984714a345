import type { Knex } from 'knex'
import type { Database } from '../database.ts'
import { canonical, exact, sameText } from '../sql/exact-text.ts'
import type { ImageRow, Int64 } from '../tables/rows.ts'
import { type Listing, listing } from './listing.ts'
import { number, text, time } from './order.ts'
import { LIVING_IMAGES, type Selection, shownState, whereOneOf, whereSelected } from './selection.ts'
import {
  type ChecksumChoice,
  isStaleBeside,
  joinObjectLabel,
  type LabelChoice,
  labelOf,
  measuredSize,
  whereChecksum,
  whereLabelled,
} from './with-label.ts'

/** Selects the images of a list. IDs are canonical, checksums hex in lower case. */
export interface ImageSelection
  extends Selection<
    | 'account_id'
    | 'arch'
    | 'os_type'
    | 'file_format'
    | 'service_type'
    | 'parent_image_id'
    | 'backup_object_id'
    | 'display_name'
  > {
  /** Only images that this account owns. */
  ownedBy?: string | undefined
  /** Only images that one of these accounts owns, or that are public. */
  ownedByOrPublic?: readonly string[] | undefined
  isPublic?: boolean | undefined
  isProtected?: boolean | undefined
  /** Only images whose object is in one of these storages, given by integer ID. */
  storageKeys?: readonly number[] | undefined
  /** Only images whose object has one of these checksums. */
  checksums?: ChecksumChoice | undefined
  /** Only images that have all of these labels. */
  labels?: readonly LabelChoice[] | undefined
}

/** A row of the list: an image, and fields of its backup object and the object's storage, null if these do not exist. */
export type ImageListRow = Omit<ImageRow, 'boot_dev_type' | 'instance_model_name'> & {
  /** Bytes of the disk image after unpacking. */
  size: Int64 | null
  allocation_size: Int64 | null
  /** MD5, hex. */
  checksum: string | null
  storage_uuid: string | null
  /** The value of the label for the virtual size: bytes as decimal text. */
  virtual_size: string | null
  /** 1 or 0. */
  is_protected: number
}

/** Prefix and uuid column of the ID by which labels refer to an image. */
const IMAGE_ID = ['wmi-', 'i.uuid'] as const

/** Column with the canonical ID of an image's object. */
const OBJECT_ID = 'i.backup_object_id'

const COLUMNS = {
  id: text('i.uuid'),
  display_name: text('i.display_name'),
  account_id: text('i.account_id'),
  arch: text('i.arch'),
  os_type: text('i.os_type'),
  file_format: text('i.file_format'),
  virtual_size: number({ of: virtualSize, joins: ['v', 'm', 'o'] }),
  allocation_size: number('o.allocation_size'),
  state: text({ of: (database) => shownState(database, LIVING_IMAGES) }),
  is_public: number('i.is_public'),
  is_cacheable: number('i.is_cacheable'),
  service_type: text('i.service_type'),
  root_device: text('i.root_device'),
  parent_image_id: text('i.parent_image_id'),
  backup_object_id: text('i.backup_object_id'),
  backup_storage_id: text('s.uuid'),
  checksum: text('o.checksum'),
  created_at: time('i.created_at'),
  updated_at: time('i.updated_at'),
  deleted_at: time('i.deleted_at'),
}

/** Names of the labels that the list of images uses. */
export interface ImageLabels {
  /** The virtual size of a backup object. */
  virtualSize: string
  /** The MD5 of the backup object at the time when its virtual size was measured. */
  md5: string
  /** Marks an image as protected. */
  protection: string
}

/** Lists images. */
export function imageListing(
  labels: ImageLabels,
): Listing<ImageListRow, ImageSelection, keyof typeof COLUMNS | 'protected'> {
  const protection = (database: Database) => labelOf(database, IMAGE_ID, labels.protection)
  // Most registries have no protected image: the first EXISTS, evaluated once per list, then saves one per image.
  const isProtected = {
    of: (database: Database) =>
      database.knex.raw('(EXISTS ? AND EXISTS ?)', [
        database
          .knex('resource_labels as l')
          .select('l.id')
          .where('l.name', labels.protection)
          .whereBetween('l.resource_uuid', ['wmi-', 'wmi.']),
        protection(database),
      ]),
  }
  const join = (database: Database, query: Knex.QueryBuilder, alias: string, name: string) =>
    joinObjectLabel(database, query, { alias, name, objectId: OBJECT_ID })
  return listing({
    table: 'images',
    alias: 'i',
    columns: { ...COLUMNS, protected: number(isProtected) },
    others: {
      size: 'o.size',
      allocation_size: 'o.allocation_size',
      checksum: 'o.checksum',
      storage_uuid: 's.uuid',
      virtual_size: { of: (database) => measuredSize(database, OBJECT_ID), joins: ['v', 'm', 'o'] },
      is_protected: isProtected,
    },
    joins: [
      { alias: 'o', join: joinObject },
      {
        alias: 's',
        needs: ['o'],
        join: (_, query) => query.leftJoin('backup_storages as s', 's.id', 'o.backup_storage_id'),
      },
      { alias: 'v', join: (database, query) => join(database, query, 'v', labels.virtualSize) },
      { alias: 'm', join: (database, query) => join(database, query, 'm', labels.md5) },
    ],
    joinsOf: ({ storageKeys, checksums }) => (storageKeys !== undefined || checksums !== undefined ? ['o'] : []),
    choose(database, query, selection) {
      whereChosen(database, query, selection)
      if (selection.isProtected === true) query.whereExists(protection(database))
      if (selection.isProtected === false) query.whereNotExists(protection(database))
    },
  })
}

/** Joins an image's object as `o`. The index on its uuid ignores case; the second condition does not. */
export function joinObject(database: Database, query: Knex.QueryBuilder): void {
  // backup_object_id is canonical; backup_objects.uuid lacks the prefix `bo-`.
  query.leftJoin('backup_objects as o', (join) =>
    join
      .on('o.uuid', database.knex.raw('SUBSTR(??, 4)', ['i.backup_object_id']))
      .on(sameText(database, canonical(database, 'bo-', 'o.uuid'), 'i.backup_object_id') as never),
  )
}

/** Restricts a query to the images of a selection. For `storageKeys` and `checksums`, it must join the object. */
export function whereChosen(database: Database, query: Knex.QueryBuilder, selection: ImageSelection): void {
  whereSelected(database, query, LIVING_IMAGES, selection)
  const { ownedBy, ownedByOrPublic, isPublic, storageKeys, checksums } = selection
  if (ownedBy !== undefined) whereOwnedBy(database, query, [ownedBy])
  if (ownedByOrPublic !== undefined) {
    query.where((either) => {
      either.where((some) => whereOwnedBy(database, some, ownedByOrPublic)).orWhere('i.is_public', 1)
    })
  }
  if (isPublic !== undefined) query.where('i.is_public', isPublic ? '=' : '<>', 1)
  if (storageKeys !== undefined) query.whereIn('o.backup_storage_id', storageKeys)
  if (checksums !== undefined) whereChecksum(database, query, checksums)
  for (const label of selection.labels ?? []) whereLabelled(database, query, IMAGE_ID, label)
}

/** Restricts a query to the images of accounts. The index on account_id ignores case; the second condition does not. */
function whereOwnedBy(database: Database, query: Knex.QueryBuilder, ids: readonly string[]): void {
  query.whereIn('i.account_id', ids)
  whereOneOf(database, query, 'i.account_id', ids)
}

/**
 * Returns an expression for the virtual size of an image: the label of its object, if
 * that is current and a number of up to 18 digits; for other raw images the object's size.
 */
function virtualSize(database: Database): Knex.Raw {
  const { knex, engine } = database
  const digits = engine === 'mysql' ? "?? NOT REGEXP '[^0-9]'" : "?? NOT GLOB '*[^0-9]*'"
  const label = 'v.string_value'
  return knex.raw(
    `CASE WHEN LENGTH(??) BETWEEN 1 AND 18 AND ${digits} AND NOT ? THEN CAST(?? AS ${engine === 'mysql' ? 'SIGNED' : 'INTEGER'}) WHEN ? = 'raw' THEN ?? END`,
    [
      label,
      label,
      isStaleBeside(database, 'v', 'm', 'i.backup_object_id'),
      label,
      exact(database, 'i.file_format'),
      'o.size',
    ],
  )
}
