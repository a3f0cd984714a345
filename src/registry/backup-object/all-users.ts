import { streamAliveUsers } from '../../db/lists/object-users.ts'
import { selectImagesWithVolumes } from '../../db/tables/images.ts'
import { objectsInVolumes } from '../image/volumes.ts'
import type { Registry } from '../registry.ts'
import { canonicalId } from '../rules/identifiers.ts'

/** Separates the parts of the texts that are kept per object; no part contains it. */
const END = '\t'

/** The images that are not deleted and use backup objects. They are kept as texts, because there can be 100,000. */
export class AllUsers {
  /** By canonical ID of the object: the file format of its first image, and the uuids of all. */
  readonly #users = new Map<string, string>()

  /** Reads the images of the whole registry once, so that a list needs no query per object. */
  static async read({ database }: Registry): Promise<AllUsers> {
    const all = new AllUsers()
    for await (const images of streamAliveUsers(database))
      for (const { uuid, backup_object_id: id, file_format: format } of images) if (id) all.#add(id, uuid, format)
    for (const { uuid, volumes } of await selectImagesWithVolumes(database.knex, { deleted: false }))
      for (const id of await objectsInVolumes(volumes))
        if (!all.of(id).includes(canonicalId('image', uuid))) all.#add(id, uuid, '')
    return all
  }

  #add(id: string, uuid: string, format: string): void {
    const known = this.#users.get(id)
    this.#users.set(id, `${known ?? format}${END}${uuid}`)
  }

  /** Returns the canonical IDs of the images that use an object, given by canonical ID. */
  of(id: string): string[] {
    const [, ...uuids] = this.#users.get(id)?.split(END) ?? []
    return uuids.map((uuid) => canonicalId('image', uuid))
  }

  /** Returns true if an image uses the object. */
  has(id: string): boolean {
    return this.#users.has(id)
  }

  /** Returns the file format of the first image that boots from an object; undefined if there is none. */
  formatOf(id: string): string | undefined {
    return this.#users.get(id)?.split(END, 1)[0] || undefined
  }
}
