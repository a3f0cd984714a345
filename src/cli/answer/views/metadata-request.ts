import type { AnsweredRequest } from '../../../registry/metadata/serve-metadata.ts'
import { printable } from '../../terminal/escape.ts'

/** Returns the line that reports an answered request: time, address, instance, request, status and client. */
export function requestLine(request: AnsweredRequest, now = new Date()): string {
  const { address = 'unix', instanceId = '-', method, path, status, client } = request
  const what = method === '' ? 'invalid request' : `${method} ${path}`
  const time = now.toISOString().replace(/\.\d+Z$/, 'Z')
  return printable(
    [time, address, instanceId, status, what, ...(client === undefined ? [] : [`(${client})`])].join(' '),
  )
}
