import type { Registry } from './registry.ts'

/** Warns if dcmgr.conf lacks a service type. Any name is accepted, as in the original. */
export function checkServiceType(registry: Registry, serviceType: string | undefined): void {
  if (serviceType === undefined || registry.serviceTypes === undefined || registry.serviceTypes.has(serviceType)) return
  const known = [...registry.serviceTypes.keys()].sort().join(', ')
  registry.warn(
    `The service type ${serviceType} is not in dcmgr.conf${known === '' ? '' : `, which has: ${known}`}; possibly no host serves it`,
  )
}
