import { acpiphp } from './boot/acpiphp.ts'
import { serialConsole } from './boot/console.ts'
import { fstab } from './boot/fstab.ts'
import { grow } from './boot/grow.ts'
import { kernel } from './boot/kernel.ts'
import { loader } from './boot/loader.ts'
import { system } from './boot/system.ts'
import { virtio } from './boot/virtio.ts'
import { dhcpLeases } from './bytes/dhcp-leases.ts'
import { logFiles } from './bytes/log-files.ts'
import { pkgCache } from './bytes/pkg-cache.ts'
import { spoolCrash } from './bytes/spool-crash.ts'
import { spoolCron } from './bytes/spool-cron.ts'
import { spoolMail } from './bytes/spool-mail.ts'
import type { GuestCheck } from './check.ts'
import { machineId } from './id/machine-id.ts'
import { seed } from './id/seed.ts'
import { cloudState } from './init/cloud-state.ts'
import { metadata } from './init/metadata.ts'
import { dhcp } from './net/dhcp.ts'
import { mac } from './net/mac.ts'
import { resolv } from './net/resolv.ts'
import { history } from './secret/history.ts'
import { keys } from './secret/keys.ts'
import { passwords } from './secret/passwords.ts'
import { tokens } from './secret/tokens.ts'
import { firewall } from './ssh/firewall.ts'
import { hostKeys } from './ssh/hostkeys.ts'
import { server } from './ssh/server.ts'

/** All checks, in the order of reports. */
export const CHECKS: readonly GuestCheck[] = [
  system,
  loader,
  kernel,
  virtio,
  fstab,
  serialConsole,
  dhcp,
  mac,
  resolv,
  hostKeys,
  server,
  firewall,
  machineId,
  seed,
  metadata,
  cloudState,
  acpiphp,
  keys,
  history,
  tokens,
  passwords,
  logFiles,
  pkgCache,
  dhcpLeases,
  spoolMail,
  spoolCron,
  spoolCrash,
  grow,
]

/** Returns the group of a check: its ID up to the dot. */
export function groupOf(id: string): string {
  return id.slice(0, id.indexOf('.'))
}

/** The IDs of all checks, and their groups. */
export const CHECK_NAMES: readonly string[] = [...new Set(CHECKS.flatMap(({ id }) => [groupOf(id), id]))]
