import openrcHostKeys from '../../../guest/openrc/vdc-hostkeys?raw'
import openrcMetadata from '../../../guest/openrc/vdc-metadata?raw'
import systemdHostKeys from '../../../guest/systemd/vdc-hostkeys.service?raw'
import systemdMetadata from '../../../guest/systemd/vdc-metadata.service?raw'
import sysvinitHostKeys from '../../../guest/sysvinit/vdc-hostkeys?raw'
import sysvinitMetadata from '../../../guest/sysvinit/vdc-metadata?raw'
import upstartHostKeys from '../../../guest/upstart/vdc-hostkeys.conf?raw'
import upstartMetadata from '../../../guest/upstart/vdc-metadata.conf?raw'
import hostKeysScript from '../../../guest/vdc-hostkeys.sh?raw'
import metadataScript from '../../../guest/vdc-metadata.sh?raw'
import type { GuestPath } from '../tree/guest-path.ts'

/** What starts a script at boot. */
export type ServiceStyle = 'systemd' | 'upstart' | 'sysvinit' | 'openrc'

/** A script of ours that guests run at boot. */
export interface BootScript {
  /** The name of its service. */
  name: string
  /** For people, such as `the metadata script`. */
  what: string
  path: GuestPath
  text: string
  /** The text of the unit, job or init script that starts it. */
  services: Readonly<Record<ServiceStyle, string>>
}

/** Gets the metadata, when the network is up. */
export const METADATA_SCRIPT: BootScript = {
  name: 'vdc-metadata',
  what: 'the metadata script',
  path: '/usr/local/sbin/vdc-metadata',
  text: metadataScript,
  services: {
    systemd: systemdMetadata,
    upstart: upstartMetadata,
    sysvinit: sysvinitMetadata,
    openrc: openrcMetadata,
  },
}

/** Makes SSH host keys, before sshd starts. It is a script of its own, because a guest may need only one of them. */
export const HOST_KEYS_SCRIPT: BootScript = {
  name: 'vdc-hostkeys',
  what: 'the script that makes SSH host keys',
  path: '/usr/local/sbin/vdc-hostkeys',
  text: hostKeysScript,
  services: {
    systemd: systemdHostKeys,
    upstart: upstartHostKeys,
    sysvinit: sysvinitHostKeys,
    openrc: openrcHostKeys,
  },
}

/** Returns the file that holds the service of a script. On CentOS, /etc/init.d is a link. */
export function servicePath({ name }: Pick<BootScript, 'name'>, style: ServiceStyle): GuestPath {
  if (style === 'systemd') return `/etc/systemd/system/${name}.service`
  if (style === 'upstart') return `/etc/init/${name}.conf`
  return `/etc/init.d/${name}`
}

/** Returns whether a style runs the file of a service, so that it must be executable. */
export function isExecutableService(style: ServiceStyle): boolean {
  return style === 'sysvinit' || style === 'openrc'
}
