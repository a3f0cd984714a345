import type { BuildOptions } from './build-options.ts'

/** Suites of Ubuntu, which names kernels differently than Debian does. */
const UBUNTU = [
  ...['trusty', 'xenial', 'bionic', 'focal', 'jammy', 'noble'],
  ...['lunar', 'mantic', 'oracular', 'plucky', 'questing', 'resolute'],
]
/** Suites in which systemd-resolved is part of the package systemd. */
const WITH_RESOLVED = ['stretch', 'buster', 'bullseye', 'xenial', 'bionic', 'focal', 'jammy']

/** The system, its network, SSH, and growpart, with which our script grows the root filesystem. */
const BASE = ['systemd-sysv', 'udev', 'dbus', 'netbase', 'iproute2', 'openssh-server', 'cloud-guest-utils']
/** Debian's configuration of cloud-init lets its user use sudo. */
const CLOUD_INIT = ['cloud-init', 'sudo']

/** Returns the packages to install, without duplicates and sorted. */
export function packagesOf({
  suite,
  kernel,
  packages,
  init,
}: Pick<BuildOptions, 'suite' | 'kernel' | 'packages' | 'init'>): string[] {
  const names = [
    ...BASE,
    kernel ?? usualKernel(suite),
    ...(WITH_RESOLVED.includes(suite) ? [] : ['systemd-resolved']),
    ...(init === 'cloud-init' ? CLOUD_INIT : []),
    ...packages,
  ]
  return [...new Set(names)].sort()
}

/** Returns the package of the kernel for virtual machines, which is always the newest one of its suite. */
function usualKernel(suite: string): string {
  return UBUNTU.includes(suite) ? 'linux-image-virtual' : 'linux-image-cloud-amd64'
}
