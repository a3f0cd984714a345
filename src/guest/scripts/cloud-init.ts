import type { Edit } from '../prepare/edit.ts'
import type { GuestFiles } from '../tree/guest-files.ts'
import { writing } from './place.ts'

/** Keeps cloud-init from running. */
export const CLOUD_INIT_DISABLED = '/etc/cloud/cloud-init.disabled'
/** Of the files in its folder, the last by name counts. */
const CONFIG = '/etc/cloud/cloud.cfg.d/zz-vdc-metadata.cfg'
/** With this list, cloud-init asks the metadata server although the host does not claim to be Amazon EC2. */
const TEXT = `# The metadata server of Wakame-vdc answers as that of Amazon EC2 does.
datasource_list: [ Ec2, None ]
datasource:
  Ec2:
    # No warning in each shell that this is not Amazon EC2.
    strict_id: false
`

/** Yields the edits that have cloud-init get the metadata, and none if they are made. */
export async function* enablingCloudInit(files: GuestFiles): AsyncGenerator<Edit> {
  const disabled = await files.findLink(CLOUD_INIT_DISABLED)
  if (disabled !== undefined) yield { action: 'remove', path: disabled.path }
  yield* writing(files, CONFIG, TEXT, 0o644, 'the data source of cloud-init')
}
