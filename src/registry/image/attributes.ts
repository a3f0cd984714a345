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

/** The columns of an image that an operator gives; those that may be NULL take any text of their kind. */
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

/** The same for a new image, with dcmgr's defaults (dcmgr.md, "Values"). */
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
/** What is asked for a new image, validated. */
export type NewImage = z.output<typeof newImage>

/**
 * Refuses what the database can't hold, and warns of an unknown service type and a
 * root device that Wakame-vdc can't find.
 *
 * @throws VdcError VALUE_REFUSED.
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
      `The root device '${root}' is neither uuid:… nor label:…, by which Wakame-vdc finds the root filesystem`,
    )
}
