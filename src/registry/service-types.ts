import type { Registry } from './registry.ts'

/** Warns of a service type that the installation does not know; as in the original, any name passes. */
export function checkServiceType(registry: Registry, serviceType: string | undefined): void {
  if (serviceType === undefined || registry.serviceTypes === undefined || registry.serviceTypes.has(serviceType)) return
  const known = [...registry.serviceTypes.keys()].sort().join(', ')
  registry.warn(
    `The service type ${serviceType} is not in dcmgr.conf${known === '' ? '' : `, which has: ${known}`}; no host may serve it`,
  )
}
