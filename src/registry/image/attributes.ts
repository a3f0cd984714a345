import * as z from 'zod/mini'
import { FILE_FORMATS } from '../../disk/inspect/file-formats.ts'
import type { Registry } from '../registry.ts'
import { requireStorable } from '../rules/storable.ts'
import { line, name, oneOf, orNull, text } from '../rules/texts.ts'
import {
  ARCHES,
  DEFAULT_ARCH,
  DEFAULT_OS_TYPE,
  DEFAULT_SERVICE_TYPE,
  DEFAULT_STATE,
  OS_TYPES,
  STATES,
} from '../rules/values.ts'
import { checkServiceType } from '../service-types.ts'

/** The image columns that an operator can set. */
export const imageAttributes = {
  account_id: z.string(),
  arch: oneOf(ARCHES),
  description: text,
  display_name: name,
  file_format: oneOf(FILE_FORMATS),
  is_public: z.boolean(),
  is_cacheable: z.boolean(),
  state: oneOf(STATES),
  root_device: line,
  service_type: name,
  os_type: oneOf(OS_TYPES),
  instance_model_name: line,
  parent_image_id: z.string(),
}

/** The attributes of a new image, with dcmgr's defaults (dcmgr.md, "Values"). */
export const newImageAttributes = {
  ...imageAttributes,
  create_account: z.prefault(z.boolean(), false),
  uuid: z.optional(z.string()),
  arch: z.prefault(imageAttributes.arch, DEFAULT_ARCH),
  description: orNull(imageAttributes.description),
  display_name: z.optional(imageAttributes.display_name),
  file_format: z.optional(imageAttributes.file_format),
  is_public: z.prefault(imageAttributes.is_public, false),
  is_cacheable: z.prefault(imageAttributes.is_cacheable, false),
  state: z.prefault(imageAttributes.state, DEFAULT_STATE),
  root_device: orNull(imageAttributes.root_device),
  service_type: z.prefault(imageAttributes.service_type, DEFAULT_SERVICE_TYPE),
  os_type: z.prefault(imageAttributes.os_type, DEFAULT_OS_TYPE),
  instance_model_name: z.prefault(imageAttributes.instance_model_name, ''),
  parent_image_id: orNull(imageAttributes.parent_image_id),
}

const newImage = z.object(newImageAttributes)
/** The validated attributes of a new image. */
export type NewImage = z.output<typeof newImage>

/**
 * Checks that the database can store the attributes. Warns about an unknown service type
 * and about a root device that Wakame-vdc cannot find.
 *
 * @throws VdcError VALUE_REFUSED if the database cannot store a value.
 */
export async function checkImageAttributes(
  registry: Registry,
  given: { service_type?: string | undefined; root_device?: string | null | undefined },
): Promise<void> {
  checkServiceType(registry, given.service_type)
  await requireStorable(registry.database, 'images', given)
  const { root_device: root } = given
  if (typeof root === 'string' && !/^(uuid|label):./.test(root))
    registry.warn(
      `The root device '${root}' is neither uuid:… nor label:…; Wakame-vdc finds the root filesystem by one of these`,
    )
}
