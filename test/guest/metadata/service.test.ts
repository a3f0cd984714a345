import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import type { AnsweredRequest, MetadataService, ServiceOptions } from '../../../src/guest/metadata/service.ts'
import { startMetadataService } from '../../../src/guest/metadata/start-service.ts'
import { curl, exchange, open, untilClosed } from '../../support/guests/metadata-clients.ts'
import { FULL } from '../../support/guests/metadata-instance.ts'

const ID = '/latest/meta-data/instance-id'
const TOKEN = 'X-aws-ec2-metadata-token'
const GET = `GET ${ID} HTTP/1.1\r\nHost: x\r\n`

describe('the metadata service', () => {
  let service: MetadataService | undefined
  let requests: AnsweredRequest[] = []
  const sockets: Socket[] = []
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy()
    await service?.close()
    service = undefined
  })

  async function start(options: Partial<ServiceOptions> = {}): Promise<string> {
    requests = []
    const onRequest = (request: AnsweredRequest) => requests.push(request)
    service = await startMetadataService(
      { host: '127.0.0.1', port: 0 },
      { imdsV2: 'off', find: async () => FULL, onRequest, ...options },
    )
    const { port } = service.endpoint as { port: number }
    return `http://127.0.0.1:${port}`
  }
  const expectServed = async (url: string) => expect(await curl(url + ID)).toEqual({ status: 200, body: FULL.id })

  test('reports each request, cut short', async () => {
    const url = await start()
    await curl(`${url}${ID}?x=1`, '-A', 'me')
    await curl(`${url}/latest/${'x'.repeat(500)}`, '-A', 'y'.repeat(500))
    const [first, second] = requests
    expect(first).toEqual({
      ...{ method: 'GET', path: `${ID}?x=1`, status: 200, client: 'me', address: '127.0.0.1', instanceId: FULL.id },
    })
    expect(second).toMatchObject({ status: 404, client: 'y'.repeat(200), path: `/latest/${'x'.repeat(192)}` })
  })

  test('takes a HEAD, a whole URL, an encoded path, HTTP/1.0, and no Host', async () => {
    const url = await start()
    const ok = /^HTTP\/1\.1 200 OK\r\n.*content-length: 10\r\n.*\r\n\r\ni-abc12345$/s
    for (const text of [
      `GET ${ID} HTTP/1.0\r\n\r\n`,
      `GET ${ID} HTTP/1.1\r\nConnection: close\r\n\r\n`,
      `GET http://169.254.169.254${ID} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
      `GET /latest/meta%2Ddata/instance%2did?x#y HTTP/1.0\r\n\r\n`,
    ])
      expect(await exchange(url, text)).toMatch(ok)
    expect(await exchange(url, `HEAD ${ID} HTTP/1.0\r\n\r\n`)).toMatch(/content-length: 10\r\n.*\r\n\r\n$/s)
  })

  test('refuses other methods, bodies, and paths that are not valid or too long, and goes on', async () => {
    const url = await start()
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND'])
      expect([method, await curl(url + ID, '-X', method)]).toEqual([
        method,
        { status: 405, body: 'Method not allowed' },
      ])
    expect(await curl(url + ID, '-X', 'GET', '-d', 'body')).toMatchObject({ status: 413 })
    expect(await curl(url + ID, '-X', 'GET', '-T', '/dev/null', '-H', 'Transfer-Encoding: chunked')).toMatchObject({
      status: 413,
    })
    expect(await curl(`${url}/${'x'.repeat(2000)}`)).toMatchObject({ status: 414 })
    for (const path of ['/%zz', '/latest/%ff']) expect(await curl(url + path)).toMatchObject({ status: 400 })
    expect(await curl(`${url}/latest/%00%0d%0aX`)).toEqual({ status: 404, body: 'Unknown metadata: ???X' })
    await expectServed(url)
  })

  test('reports requests that Node would answer itself', async () => {
    const url = await start()
    expect(await exchange(url, 'CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n')).toMatch(/^HTTP\/1.1 405 /)
    expect(await exchange(url, `${GET}Expect: nothing\r\nConnection: close\r\n\r\n`)).toMatch(/^HTTP\/1.1 200 /)
    expect(requests.map(({ method, path, status }) => [method, path, status])).toEqual([
      ['CONNECT', 'a:80', 405],
      ['GET', ID, 200],
    ])
  })

  test('answers 404 to strangers, and 503 if an instance cannot be looked up', async () => {
    const stranger = await start({ find: async () => undefined })
    expect(await curl(stranger + ID)).toEqual({ status: 404, body: 'Unknown source IP: 127.0.0.1' })
    expect(await curl(stranger)).toMatchObject({ status: 404 })
    await service?.close()
    const failing = await start({
      find: async () => {
        throw new Error('secret')
      },
    })
    expect(await curl(failing + ID)).toEqual({ status: 503, body: 'The instance cannot be looked up now' })
    expect(requests.map(({ status }) => status)).toEqual([503])
  })

  test.each(['off', 'optional', 'required'] as const)('tokens that are %s', async (imdsV2) => {
    const url = await start({ imdsV2 })
    const put = (...options: string[]) => curl(`${url}/latest/api/token`, '-X', 'PUT', ...options)
    const life = (seconds: string) => ['-H', `${TOKEN}-ttl-seconds: ${seconds}`]
    const get = (token: string) => curl(url + ID, '-H', `${TOKEN}: ${token}`)
    if (imdsV2 === 'off') {
      expect(await put(...life('60'))).toMatchObject({ status: 405 })
      expect(await get('anything')).toMatchObject({ status: 200 })
      return
    }
    for (const seconds of ['0', '21601', 'x']) expect(await put(...life(seconds))).toMatchObject({ status: 400 })
    expect(await put()).toMatchObject({ status: 400 })
    expect(await put(...life('60'), '-H', 'X-Forwarded-For: 10.0.0.1')).toMatchObject({ status: 403 })
    expect(await curl(`${url}/latest/api/token`)).toMatchObject({ status: 405 })
    const { status, body: token } = await put(...life('60'))
    expect([status, token]).toEqual([200, expect.stringMatching(/^[\w-]{54}$/)])
    expect(await get(token)).toEqual({ status: 200, body: FULL.id })
    expect(await get(`${token.slice(0, -2)}${token.endsWith('AA') ? 'BA' : 'AA'}`)).toMatchObject({ status: 401 })
    expect(await curl(url + ID)).toMatchObject({ status: imdsV2 === 'required' ? 401 : 200 })
    const { body: short } = await put(...life('1'))
    expect(short).toMatch(/^[\w-]{54}$/)
    await expect.poll(() => get(short)).toMatchObject({ status: 401 })
    expect(await get(token)).toMatchObject({ status: 200 })
  })

  test('endless headers and paths are cut off', async () => {
    const url = await start()
    const mega = 'x'.repeat(1024 * 1024)
    for (const text of [
      `GET /${mega} HTTP/1.1\r\nHost: x\r\n\r\n`,
      `${GET}X: ${mega}\r\n\r\n`,
      `${GET}${'X: y\r\n'.repeat(100_000)}\r\n`,
      mega,
      '\0'.repeat(100_000),
    ])
      expect(await exchange(url, text)).toMatch(/^(?:HTTP\/1\.1 4\d\d [^\r]*\r\nConnection: close\r\n.*)?$/s)
    await expectServed(url)
    expect(requests.map(({ status }) => status)).toContain(431)
  })

  test('serves while hundreds of slow clients, of the same address, send nothing, half a request or a byte at a time', async () => {
    const url = await start()
    for (let i = 0; i < 100; i++) {
      sockets.push(await open(url), await open(url, GET), await open(url, 'G'))
      sockets.push(await open(url, `POST ${ID} HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n`))
    }
    const dripping = await open(url, 'GET ')
    sockets.push(dripping)
    const timer = setInterval(() => dripping.write('/'), 50)
    const begun = Date.now()
    for (let i = 0; i < 20; i++) await expectServed(url)
    expect(Date.now() - begun).toBeLessThan(60_000)
    // It is closed at the latest when the time for its headers is over.
    await untilClosed(dripping)
    clearInterval(timer)
    expect(Date.now() - begun).toBeLessThan(120_000)
  })

  test('serves while others do not read, send requests without end, or close half of their connection', async () => {
    const url = await start({
      find: async () => {
        await sleep(1)
        return { ...FULL, userData: Buffer.alloc(65_000, 'x') }
      },
    })
    const userData = 'GET /latest/user-data HTTP/1.1\r\nHost: x\r\n\r\n'
    for (let i = 0; i < 20; i++) {
      const socket = await open(url, userData.repeat(4))
      socket.pause()
      sockets.push(socket, await open(url, userData.repeat(5000)))
      const half = await open(url, GET)
      half.end()
      sockets.push(half)
    }
    for (let i = 0; i < 10; i++) await expectServed(url)
    // A few requests in one go are answered in their order.
    const few = [ID, '/latest/meta-data/mac', ID].map((path) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`).join('')
    const answers = await exchange(url, `${few}GET / HTTP/1.1\r\nConnection: close\r\n\r\n`)
    expect(answers.match(/\r\n\r\n[^H]+/g)?.map((body) => body.trim())).toEqual([
      FULL.id,
      FULL.interfaces.map(({ mac }) => mac).join('\n'),
      FULL.id,
      'latest\n2011-01-01',
    ])
  })

  test('closes all connections at its end', async () => {
    const url = await start()
    const idle = await open(url)
    await service?.close()
    service = undefined
    await untilClosed(idle)
    await expect(curl(url)).rejects.toThrow()
  })
})
