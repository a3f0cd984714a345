import * as z from 'zod/mini'
import { asVdcError, VdcError } from '../../core/errors.ts'
import type { Interruption } from '../../core/interruption.ts'
import { type AnsweredRequest, IMDS_V2, type ImdsV2, type ServiceOptions } from '../../guest/metadata/service.ts'
import type { Registry } from '../registry.ts'
import { oneOf } from '../rules/texts.ts'
import { validate } from '../rules/validate.ts'
import { describeInstance, type InstanceDescription } from './describe-instance.ts'
import { parseEndpoint, urlOf } from './listen.ts'
import { batchedLookUp, findByAddress, findById, requireInstances } from './living-instances.ts'

export type { AnsweredRequest } from '../../guest/metadata/service.ts'
export { IMDS_V2 } from '../../guest/metadata/service.ts'

/** Where `metadata serve` listens by default. */
export const DEFAULT_LISTEN = '127.0.0.1:8169'

/** The first exit code of errors of interruptions. */
const INTERRUPTED = 130

const serveRequest = z.object({
  listen: z.prefault(z.string(), DEFAULT_LISTEN),
  allow_remote: z.prefault(z.boolean(), false),
  imdsv2: z.prefault(oneOf(IMDS_V2), 'off'),
})

/** The request of `serveMetadata`. An instance ID alone is that of an instance in the database. */
export type ServeRequest = z.input<typeof serveRequest> & InstanceDescription

/** What describes an instance, in place of the database. */
const DESCRIBING = [
  'instance',
  'image_id',
  'hostname',
  'local_ipv4',
  'public_ipv4',
  'mac',
  'security_group',
  'authorized_key',
  'user_data',
] as const satisfies readonly (keyof InstanceDescription)[]

/** How `serveMetadata` opens the registry, and reports. */
export interface ServeSurroundings {
  /** Called only if no instance is described. */
  withRegistry: <T>(work: (registry: Registry) => Promise<T>) => Promise<T>
  /** Called with the URL once it listens. */
  onListening: (url: string) => Promise<unknown>
  onRequest: (request: AnsweredRequest) => void
  warn: (text: string) => void
}

/**
 * Serves metadata until an interruption is requested: of the instance that is described, or else of those in
 * the database. Reads only.
 *
 * @throws VdcError USAGE, VALUE_REFUSED, FILE_REFUSED, ADDRESS_IN_USE; INSTANCE_NOT_FOUND, SCHEMA_MISSING and
 *   DATABASE_... before it listens. Later errors of the database concern single requests.
 */
export async function serveMetadata(
  request: ServeRequest,
  interruption: Interruption,
  { withRegistry, ...surroundings }: ServeSurroundings,
): Promise<void> {
  const { listen, allow_remote, imdsv2 } = validate(serveRequest, request)
  const endpoint = parseEndpoint(listen, allow_remote)
  const serve = async (find: ServiceOptions['find']) => {
    const { startMetadataService } = await import('../../guest/metadata/start-service.ts')
    const { onListening, onRequest } = surroundings
    const service = await startMetadataService(endpoint, { imdsV2: imdsv2 as ImdsV2, find, onRequest })
    try {
      await onListening(urlOf(service.endpoint))
      await requested(interruption)
    } finally {
      await service.close()
    }
  }
  if (DESCRIBING.some((name) => request[name] !== undefined)) {
    const instance = await describeInstance(request, interruption)
    return serve(async () => instance)
  }
  const { instance_id } = request
  if ('path' in endpoint && instance_id === undefined)
    throw new VdcError('USAGE', 'On a Unix socket, callers have no address by which their instance is found', {
      hint: 'Name the instance with --instance-id, or listen on an IP address',
    })
  return withRegistry(async (registry) => {
    await requireInstances(registry)
    if (instance_id !== undefined) await findById(registry, instance_id)
    return serve(findInRegistry(registry, instance_id, surroundings.warn))
  })
}

/** Returns a function that finds the instance of a caller. Warns of the same trouble, and of an address, once until it is over. */
function findInRegistry(
  registry: Registry,
  id: string | undefined,
  warn: (text: string) => void,
): ServiceOptions['find'] {
  const lookUp = batchedLookUp(registry)
  let trouble: string | undefined
  const ambiguous = new Set<string>()
  const warnOfAddress = (address: string) => {
    if (!ambiguous.has(address)) warn(`Several running instances have the address ${address}: it gets no metadata`)
    ambiguous.add(address)
  }
  return async (address) => {
    try {
      const instance = await (id === undefined
        ? findByAddress(registry, lookUp, address, warnOfAddress)
        : findById(registry, id))
      trouble = undefined
      if (instance !== undefined && address !== undefined) ambiguous.delete(address)
      return instance
    } catch (error) {
      const { code, message, exit } = asVdcError(error)
      if (code === 'INSTANCE_NOT_FOUND') return undefined
      if (message !== trouble && exit < INTERRUPTED) warn(message)
      trouble = message
      throw error
    }
  }
}

function requested({ signal }: Interruption): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
