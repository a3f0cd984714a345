import type { Instance } from '../../../src/guest/metadata/instance.ts'

/** An instance that has something of everything, and several of what there can be several of. */
export const FULL: Instance = {
  id: 'i-abc12345',
  imageId: 'wmi-lucid0',
  hostName: 'web1',
  instanceType: 'is-small',
  cpuCores: 2,
  memorySize: 256,
  state: 'running',
  availabilityZone: 'zone-a',
  publicKeys: [
    { name: 'ssh-first', key: 'ssh-rsa AAAAB3first first@example.com' },
    { name: 'ssh-second', key: 'ssh-ed25519 AAAAC3second' },
  ],
  userData: Buffer.from("#!/bin/sh\necho it\\'s on\n"),
  interfaces: [
    {
      mac: '52:54:00:00:00:01',
      networkId: 'nw-inner',
      localIpv4: '10.0.0.5',
      publicIpv4: '203.0.113.5',
      securityGroups: ['sg-web', 'sg-ssh'],
      gateway: '10.0.0.1',
      network: '10.0.0.0',
      netmask: '255.255.255.0',
      broadcast: '10.0.0.255',
      metric: 100,
    },
    {
      mac: '52:54:00:00:00:02',
      networkId: 'nw-other',
      localIpv4: '192.168.7.9',
      publicIpv4: undefined,
      securityGroups: ['sg-ssh'],
      gateway: undefined,
      network: '192.168.4.0',
      netmask: '255.255.252.0',
      broadcast: '192.168.7.255',
      metric: 10,
    },
  ],
}

/** An instance that has as little as there can be. */
export const BARE: Instance = { ...FULL, publicKeys: [], userData: undefined, interfaces: [], availabilityZone: '' }
