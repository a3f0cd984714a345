import type { ListenOptions, Server } from 'node:net'
import { VdcError } from '../../core/errors.ts'
import { systemError } from '../../core/system-error.ts'

/** What an error of listen(2) says of the address. */
const HINTS: Readonly<Record<string, string>> = {
  EACCES: 'Ports below 1024 need root: choose another',
  EADDRNOTAVAIL: 'Choose an address of this host',
}

/**
 * Lets a server listen.
 *
 * @param name of the address, for messages.
 * @throws VdcError ADDRESS_IN_USE if another process listens there; VALUE_REFUSED if the address cannot be used.
 */
export async function listening(server: Server, where: ListenOptions, name: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException) => reject(failureOf(error, name))
    server.once('error', fail)
    server.listen({ ...where, exclusive: true }, () => {
      server.off('error', fail)
      resolve()
    })
  })
}

function failureOf(error: NodeJS.ErrnoException, name: string): VdcError {
  if (error.code === 'EADDRINUSE') return addressInUse(name, error)
  return new VdcError('VALUE_REFUSED', `Cannot listen on ${name}: ${systemError(error.code)}`, {
    hint: HINTS[error.code ?? ''],
    cause: error,
  })
}

/** Returns the error of an address on which another process listens. */
export function addressInUse(name: string, cause?: unknown): VdcError {
  return new VdcError('ADDRESS_IN_USE', `Cannot listen on ${name}: it is in use`, {
    hint: 'Choose another, or end the process that listens there',
    cause,
  })
}
