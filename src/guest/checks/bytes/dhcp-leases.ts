import { emptied, leftOver, removed } from './left-over.ts'

export const dhcpLeases = leftOver({
  id: 'dhcp.leases',
  what: 'DHCP leases are left',
  folders: [
    ['/var/lib/dhcp', /lease/],
    ['/var/lib/dhclient', /lease/],
    ['/var/lib/dhcpcd', /lease/],
    ['/var/lib/NetworkManager', /lease/],
    ['/var/lib/wicked', /lease/],
  ],
  requirement: 'There are no DHCP leases of the builder.',
  remedy: 'Delete the files.',
  prepares: 'Deletes the files, and empties those of a DHCP server.',
  // dhcpd does not start without its file.
  editOf: (left) => (/(?:^|\/)dhcpd6?\.leases$/.test(left.below) ? emptied(left) : removed(left)),
})
