import type { AnsweredRequest } from '../../metadata/service.ts'
import type { Moment } from '../event.ts'
import { plainText } from '../plain-text.ts'
import type { MetadataFacts } from './facts.ts'

const MOST_NAMES = 40
const MOST_REFUSED = 5
const LONGEST_NAME = 60

/** Requests for a token are part of others. */
const TOKEN = /\/api\/token$/
const USER_DATA = /\/user-data\/?$/
const SETUP = /\/(?:(?:local-|public-)?hostname|public-keys(?:\/.*)?|metadata\.(?:json|sh|yaml))\/?$/

/** Adds what an answered request tells to facts. */
export function noteRequest(facts: MetadataFacts, { path, status, client }: AnsweredRequest, at: Moment): void {
  if (TOKEN.test(path)) return
  facts.count++
  facts.firstAsked ??= at
  facts.client ??= client === undefined ? undefined : plainText(client, LONGEST_NAME)
  const isAnswered = status >= 200 && status < 300
  if (USER_DATA.test(path)) {
    if (isAnswered || facts.userData === undefined) facts.userData = { at, status }
  } else if (isAnswered) {
    if (SETUP.test(path)) facts.gotSetup ??= at
    add(facts.answered, nameOf(path), MOST_NAMES)
  } else add(facts.refused, `${status} for ${plainText(path, LONGEST_NAME)}`, MOST_REFUSED)
}

/** The name of a value: its path below `meta-data`, or its file. */
function nameOf(path: string): string {
  const [, below] = /\/meta-data\/(.+)$/.exec(path) ?? []
  return plainText(below ?? path, LONGEST_NAME)
}

function add(list: string[], text: string, most: number): void {
  if (list.length < most && !list.includes(text)) list.push(text)
}
