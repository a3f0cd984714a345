import type { IncomingHttpHeaders } from 'node:http'

/** The part of a file that a response contains: RFC 9110, section 14.4. */
export interface ContentRange {
  /** Offset of the first byte. */
  start: number
  /** Bytes of the whole file; undefined if the server does not tell. */
  total: number | undefined
}

/** Milliseconds between a file's last change and the response after which its date identifies its contents. */
const SETTLED = 1000

/**
 * Returns what identifies the contents of a file for an If-Range header: a strong ETag, else a
 * modification date that is old enough (RFC 9110, sections 8.8 and 13.1.5). Returns undefined
 * if there is neither, so the rest of the file cannot be requested.
 */
export function validatorOf({ etag, date, 'last-modified': modified }: IncomingHttpHeaders): string | undefined {
  if (etag !== undefined && /^"[\x21\x23-\x7e\x80-\xff]*"$/.test(etag)) return etag
  if (modified === undefined || date === undefined) return undefined
  return Date.parse(date) - Date.parse(modified) >= SETTLED ? modified : undefined
}

/** Returns the number in a Content-Length header; undefined if there is none. */
export function lengthOf({ 'content-length': length }: IncomingHttpHeaders): number | undefined {
  return length !== undefined && /^[0-9]{1,16}$/.test(length) ? Number(length) : undefined
}

/** Parses the Content-Range header of a response with status 206; undefined if it is missing or invalid. */
export function contentRangeOf({ 'content-range': range }: IncomingHttpHeaders): ContentRange | undefined {
  const [, start, end, total] = /^bytes ([0-9]{1,16})-([0-9]{1,16})\/([0-9]{1,16}|\*)$/i.exec(range ?? '') ?? []
  if (start === undefined || Number(end) < Number(start)) return undefined
  return { start: Number(start), total: total === '*' ? undefined : Number(total) }
}

/** Returns the size of the file in the Content-Range header of a response with status 416; undefined if there is none. */
export function unsatisfiedLength({ 'content-range': range }: IncomingHttpHeaders): number | undefined {
  const [, total] = /^bytes \*\/([0-9]{1,16})$/i.exec(range ?? '') ?? []
  return total === undefined ? undefined : Number(total)
}
