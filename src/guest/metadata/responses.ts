import { bodyOf, unknownText } from './answers.ts'
import type { Instance } from './instance.ts'
import type { ServiceOptions } from './service.ts'
import { LONGEST_LIFE, lifeOf, Tokens } from './tokens.ts'

/** What a client asks for. All of it is untrusted. */
export interface Question {
  method: string
  /** As sent, with a query or a host if there is one. */
  target: string
  /** The lower-case headers that matter. */
  headers: Readonly<Record<string, string | string[] | undefined>>
  /** Undefined on a Unix socket. */
  address: string | undefined
}

/** An answer of the service. */
export interface Response {
  status: number
  body: string | Buffer
  headers?: Readonly<Record<string, string>>
  instanceId?: string
  /** Whether the connection ends, as more may follow that is not read. */
  ends?: boolean
}

/** Characters of a target. The longest that is served has a hundred. */
const LONGEST_TARGET = 1024
const TOKEN_PATH = '/latest/api/token'
const TOKEN = 'x-aws-ec2-metadata-token'
const TOKEN_LIFE = `${TOKEN}-ttl-seconds`

/** Decides how a service responds. */
export class Responder {
  readonly #tokens = new Tokens()
  readonly #options: Pick<ServiceOptions, 'find' | 'imdsV2'>

  constructor(options: Pick<ServiceOptions, 'find' | 'imdsV2'>) {
    this.#options = options
  }

  /** Returns the answer to a question. Never throws: if the instance cannot be looked up, the status is 503. */
  async answer(question: Question): Promise<Response> {
    if (hasBody(question)) return { status: 413, body: 'A request must not have a body', ends: true }
    if (question.target.length > LONGEST_TARGET) return { status: 414, body: 'The path is too long', ends: true }
    const path = pathOf(question.target)
    if (path === undefined) return { status: 400, body: 'The path is not valid' }
    const allowed = this.#isTokenPath(path) ? ['PUT'] : ['GET', 'HEAD']
    if (!allowed.includes(question.method))
      return { status: 405, body: 'Method not allowed', headers: { allow: allowed.join(', ') } }
    try {
      return await this.#answerInstance(question, path)
    } catch {
      return { status: 503, body: 'The instance cannot be looked up now' }
    }
  }

  /** Whether a path is that of tokens, which are unknown if they are off. */
  #isTokenPath(path: string): boolean {
    return this.#options.imdsV2 !== 'off' && path === TOKEN_PATH
  }

  async #answerInstance({ address, headers }: Question, path: string): Promise<Response> {
    const instance = await this.#options.find(address)
    if (instance === undefined) return { status: 404, body: `Unknown source IP: ${address ?? 'none'}` }
    const answer = this.#isTokenPath(path)
      ? this.#issueToken(instance, headers)
      : (this.#refuseToken(instance, headers) ?? (await metadataAt(instance, path)))
    return { ...answer, instanceId: instance.id }
  }

  #issueToken({ id }: Instance, headers: Question['headers']): Response {
    // As on EC2: a proxy that forwards requests of others must not get tokens for them.
    if (headers['x-forwarded-for'] !== undefined) return { status: 403, body: 'Forwarded requests get no token' }
    const life = lifeOf(one(headers[TOKEN_LIFE]))
    if (life === undefined) return { status: 400, body: `${TOKEN_LIFE} must be from 1 to ${LONGEST_LIFE}` }
    return { status: 200, body: this.#tokens.issue(id, life), headers: { [TOKEN_LIFE]: String(life) } }
  }

  /** Returns undefined if the token is good, or may be missing. */
  #refuseToken({ id }: Instance, headers: Question['headers']): Response | undefined {
    const { imdsV2 } = this.#options
    const token = one(headers[TOKEN])
    if (imdsV2 === 'off' || (token === undefined && imdsV2 === 'optional')) return undefined
    return token !== undefined && this.#tokens.accepts(token, id) ? undefined : { status: 401, body: 'Unauthorized' }
  }
}

async function metadataAt(instance: Instance, path: string): Promise<Response> {
  const body = await bodyOf(instance, path)
  return body === undefined ? { status: 404, body: unknownText(path) } : { status: 200, body }
}

/** Returns the decoded path of a target; undefined if it is not valid. */
function pathOf(target: string): string | undefined {
  // Clients that think that they talk to a proxy send the whole URL.
  const path = target.replace(/^http:\/\/[^/]*/i, '').replace(/[?#].*$/s, '')
  try {
    return path.startsWith('/') ? decodeURIComponent(path) : undefined
  } catch {
    return undefined
  }
}

function hasBody({ headers }: Question): boolean {
  return headers['transfer-encoding'] !== undefined || !['0', undefined].includes(one(headers['content-length']))
}

function one(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header
}
