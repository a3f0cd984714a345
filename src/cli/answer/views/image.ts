import type { ImageDetails } from '../../../registry/image/details.ts'
import { CHECK_LABELS, checkInLabels } from '../../../registry/rules/check-labels.ts'
import { TRY_LABELS, tryInLabels } from '../../../registry/rules/try-labels.ts'
import {
  BOOT_DEV_TYPES,
  BOOT_FROM_LOCAL,
  DEFAULT_OS_TYPE,
  DEFAULT_SERVICE_TYPE,
  FILE_FORMAT_LABEL,
  PROTECTED_LABEL,
} from '../../../registry/rules/values.ts'
import { counted } from '../cells.ts'
import type { Field, Section } from '../sections.ts'
import { fileFields, labelFields, stateFields, stateText, timeFields } from './backup-object.ts'

/**
 * Returns the fields of an image as lines for a pipe: the saved results of `image check` and `image try` are one field
 * each, and not repeated among the labels.
 */
export function withResults(image: ImageDetails): object {
  const { results, labels } = savedResults(image)
  const fields = Object.entries({ ...image, labels })
  return Object.fromEntries(
    fields.flatMap((field) => (field[0] === 'labels' ? [...Object.entries(results), field] : [field])),
  )
}

/** Returns the sections of `image show`. No value is in two of them. */
export function imageSections(image: ImageDetails): Section[] {
  const { backup_object: object, backup_storage: storage } = image
  const { results, labels } = savedResults(image)
  return [
    { title: 'Image', fields: ownFields(image) },
    {
      title: 'Guest',
      fields: [...guestFields(image), ...Object.entries(results).map(([name, value]) => ({ name, value }))],
    },
    {
      title: 'File',
      fields: [
        { name: 'backup_object_id', value: image.backup_object_id },
        { name: 'file_format', value: image.file_format },
        { name: 'virtual_size', value: image.virtual_size },
        ...(object === null ? [] : objectFields(object, image)),
      ],
    },
    { title: 'Storage', fields: storage === null ? [] : storageFields(storage, object) },
    {
      title: 'Labels',
      fields: [
        ...Object.entries(labels)
          .filter(([name]) => name !== PROTECTED_LABEL)
          .map(([name, value]) => ({ name: `labels.${name}`, value })),
        ...(object === null
          ? []
          : labelFields(object, 'backup_object.').map((field) => ({
              ...field,
              isUsual: field.name.endsWith(`.${FILE_FORMAT_LABEL}`) && field.value === image.file_format,
            }))),
      ],
    },
  ]
}

function ownFields(image: ImageDetails): Field[] {
  const since = image.labels[PROTECTED_LABEL]
  return [
    { name: 'id', value: image.id },
    { name: 'display_name', value: image.display_name },
    { name: 'description', value: image.description },
    { name: 'account_id', value: image.account_id },
    { name: 'visibility', value: image.visibility },
    { name: 'state', value: stateText(image) },
    { name: 'protected', value: since === undefined ? false : `yes, since ${since}`, isUsual: since === undefined },
    { name: 'parent_image_id', value: image.parent_image_id },
    { name: 'service_type', value: image.service_type, isUsual: image.service_type === DEFAULT_SERVICE_TYPE },
    { name: 'is_cacheable', value: image.is_cacheable, isUsual: !image.is_cacheable },
    ...timeFields(image, ''),
  ]
}

function guestFields(image: ImageDetails): Field[] {
  const features = Object.entries(image.features ?? {})
  const isOn = features.every(([, value]) => value === true)
  return [
    { name: 'arch', value: image.arch },
    { name: 'os_type', value: image.os_type, isUsual: image.os_type === DEFAULT_OS_TYPE },
    { name: 'root_device', value: image.root_device },
    { name: 'features', value: isOn ? features.map(([name]) => name) : image.features },
    { name: 'instance_model_name', value: image.instance_model_name },
    {
      name: 'boot_dev_type',
      value: image.boot_dev_type,
      isUsual: image.boot_dev_type === BOOT_DEV_TYPES[BOOT_FROM_LOCAL],
    },
    { name: 'volumes', value: image.volumes },
    { name: 'vifs', value: image.vifs },
  ]
}

type ImageObject = NonNullable<ImageDetails['backup_object']>

/** Returns the fields of the object that say more than the image. */
function objectFields(object: ImageObject, image: ImageDetails): Field[] {
  const differing = (name: 'account_id' | 'service_type' | 'description'): Field[] =>
    object[name] === image[name] ? [] : [{ name: `backup_object.${name}`, value: object[name] }]
  const fileName = object.object_key?.split('/').at(-1) ?? ''
  const times = object.created_at === image.created_at ? [] : timeFields(object, 'backup_object.')
  return [
    ...fileFields(object, 'backup_object.', image.virtual_size),
    ...stateFields(object, 'backup_object.'),
    ...(object.display_name === image.display_name
      ? []
      : [
          {
            name: 'backup_object.display_name',
            value: object.display_name,
            isUsual: fileName.startsWith(object.display_name),
          },
        ]),
    ...differing('account_id'),
    ...differing('description'),
    ...differing('service_type'),
    { name: 'backup_object.source_volume_id', value: object.source_volume_id },
    ...times.map((field) => ({ ...field, isUsual: true })),
  ]
}

/** Returns the fields of the storage. Its base URI is the beginning of the URI of the file. */
function storageFields(storage: NonNullable<ImageDetails['backup_storage']>, object: ImageObject | null): Field[] {
  const { base_uri: base, display_name: name } = storage
  const isInUri = object?.uri?.startsWith(base) === true
  return [
    { name: 'backup_storage.id', value: storage.id },
    ...(isInUri ? [] : [{ name: 'backup_storage.base_uri', value: base }]),
    { name: 'backup_storage.display_name', value: name, isUsual: base === `file://${name}` },
    { name: 'backup_storage.description', value: storage.description },
    { name: 'backup_storage.storage_type', value: storage.storage_type },
    { name: 'backup_storage.node_id', value: storage.node_id },
    { name: 'backup_storage.deleted_at', value: storage.deleted_at },
    ...timeFields(storage, 'backup_storage.').map((field) => ({ ...field, isUsual: true })),
  ]
}

/** Returns the results of `image check` and `image try` in the labels of an image as sentences, and its other labels. */
function savedResults({ labels }: ImageDetails): { results: Record<string, string>; labels: Record<string, string> } {
  const check = checkInLabels(labels)
  const tried = tryInLabels(labels)
  const shown = [...(check ? CHECK_LABELS : []), ...(tried ? TRY_LABELS : [])]
  return {
    results: {
      ...(check && { check: checkSentence(check) }),
      ...(tried && { try: trySentence(tried) }),
    },
    labels: Object.fromEntries(Object.entries(labels).filter(([name]) => !shown.includes(name))),
  }
}

function checkSentence({ ready, date, errors, warnings }: NonNullable<ReturnType<typeof checkInLabels>>): string {
  const counts = `${counted(errors, 'error')}, ${counted(warnings, 'warning')}`
  return `${ready ? 'ready' : 'not ready'} on ${date.slice(0, 10)} (${counts})`
}

function trySentence({ booted, date, failed }: NonNullable<ReturnType<typeof tryInLabels>>): string {
  return `${booted ? 'booted' : 'not booted'} on ${date.slice(0, 10)} (${counted(failed, 'failed step')})`
}
