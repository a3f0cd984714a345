import { expect } from 'vitest'
import { countRows, type TestDatabase } from './databases.ts'

/**
 * Checks that nothing is half written: each image has its backup object, each backup object its
 * image and storage, each storage a backup object, and all have their history and labels.
 *
 * @returns the number of images.
 */
export async function expectWhole(database: TestDatabase): Promise<number> {
  const [orphanImages] = await database.query(
    "SELECT COUNT(*) AS n FROM images LEFT JOIN backup_objects ON backup_object_id = 'bo-' || backup_objects.uuid WHERE backup_objects.id IS NULL".replace(
      "'bo-' || backup_objects.uuid",
      database.engine === 'mariadb' ? "CONCAT('bo-', backup_objects.uuid)" : "'bo-' || backup_objects.uuid",
    ),
  )
  const [orphanObjects] = await database.query(
    'SELECT COUNT(*) AS n FROM backup_objects AS o WHERE NOT EXISTS (SELECT * FROM images WHERE SUBSTR(backup_object_id, 4) = o.uuid) OR NOT EXISTS (SELECT * FROM backup_storages AS s WHERE s.id = o.backup_storage_id)',
  )
  const [orphanStorages] = await database.query(
    'SELECT COUNT(*) AS n FROM backup_storages AS s WHERE NOT EXISTS (SELECT * FROM backup_objects WHERE backup_storage_id = s.id)',
  )
  const counts = await countRows(database)
  const { images = 0, backup_objects: objects = 0, backup_storages: storages = 0 } = counts
  expect({ orphanImages, orphanObjects, orphanStorages, counts }).toEqual({
    orphanImages: { n: 0 },
    orphanObjects: { n: 0 },
    orphanStorages: { n: 0 },
    counts: { ...counts, histories: 23 * images + 20 * objects, resource_labels: storages + 3 * objects },
  })
  return images
}
