import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import mysql from 'mysql2/promise'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Authority, newAuthority, type Pair } from '../../support/databases/certificates.ts'
import { type PrivateServer, startServer } from '../../support/databases/mariadb.ts'
import { newFolder } from '../../support/files/images.ts'
import { vdcManage } from '../../support/process/cli.ts'

/* TLS with a real MariaDB server and certificates that the test makes. */

const folder = newFolder()
const file = (name: string) => join(folder.path, name)
let ours: Authority
let foreign: Authority
let client: Pair
let server: PrivateServer
let root: mysql.Connection

/** Makes the server use a certificate. */
async function present(pair: Pair): Promise<void> {
  copyFileSync(pair.cert, file('server.pem'))
  copyFileSync(pair.key, file('server-key.pem'))
  for (const name of ['server.pem', 'server-key.pem']) chmodSync(file(name), 0o644)
  await root?.query('FLUSH SSL')
}

beforeAll(async () => {
  chmodSync(folder.path, 0o755)
  ours = await newAuthority(folder.path, 'ours')
  foreign = await newAuthority(folder.path, 'foreign')
  client = await ours.sign('operator')
  await present(await ours.sign('server', { names: ['DNS:localhost'] }))
  const files = [`--ssl-ca=${ours.ca}`, `--ssl-cert=${file('server.pem')}`, `--ssl-key=${file('server-key.pem')}`]
  server = await startServer(files)
  root = await mysql.createConnection({ host: '127.0.0.1', port: server.port, user: 'root' })
  await root.query('CREATE DATABASE w')
  const env = { VDC_MANAGE_DATABASE_URI: `mysql://root@127.0.0.1:${server.port}/w` }
  await vdcManage(['db', 'migrate'], { env, reject: true })
  for (const [user, needs] of [
    ['plain', 'NONE'],
    ['tls', 'SSL'],
    ['x509', 'X509'],
  ]) {
    await root.query(`CREATE USER ${user}@'%' IDENTIFIED BY 'secret' REQUIRE ${needs}`)
    await root.query(`GRANT ALL ON w.* TO ${user}@'%'`)
  }
})
afterAll(async () => {
  await root?.end()
  await server?.remove()
  folder.remove()
})

/** Returns the code and exit code of `db status` as a user of the server. */
async function status(user: string, query: string, host = 'localhost') {
  const uri = `mysql://${user}:secret@${host}:${server.port}/w${query}`
  const run = await vdcManage(['db', 'status', '--json'], { env: { VDC_MANAGE_DATABASE_URI: uri } })
  expect(run.stdout + run.stderr).not.toMatch(/secret|PRIVATE/)
  const answer = JSON.parse(run.stdout)
  return answer.error === undefined ? { code: 'ok', exit: run.code } : { ...answer.error, exit: run.code }
}

const OK = { code: 'ok', exit: 0 }
const withCa = (mode: string, authority: () => Authority) => (): string => `?ssl-mode=${mode}&ssl-ca=${authority().ca}`
const right = (): Authority => ours
const wrong = (): Authority => foreign

describe.each([
  ['not set', (): string => '', 'ok', 'ok', 'DATABASE_REFUSED'],
  ['DISABLED', (): string => '?ssl-mode=DISABLED', 'ok', 'DATABASE_TLS_REQUIRED', 'DATABASE_REFUSED'],
  ['PREFERRED', (): string => '?ssl-mode=preferred', 'ok', 'ok', 'DATABASE_REFUSED'],
  ['REQUIRED', (): string => '?ssl-mode=REQUIRED', 'ok', 'ok', 'DATABASE_REFUSED'],
  ['REQUIRED with the right CA', withCa('REQUIRED', right), 'ok', 'ok', 'DATABASE_REFUSED'],
  ['VERIFY_CA with the right CA', withCa('VERIFY_CA', right), 'ok', 'ok', 'DATABASE_REFUSED'],
  ['VERIFY_IDENTITY with the right CA', withCa('VERIFY_IDENTITY', right), 'ok', 'ok', 'DATABASE_REFUSED'],
  ...['PREFERRED', 'REQUIRED', 'VERIFY_CA', 'VERIFY_IDENTITY'].map(
    (mode) =>
      [
        `${mode} with a wrong CA`,
        withCa(mode, wrong),
        'DATABASE_TLS_FAILED',
        'DATABASE_TLS_FAILED',
        'DATABASE_TLS_FAILED',
      ] as const,
  ),
] as const)('ssl-mode %s', (_, query, plain, tls, x509) => {
  test.each([
    ['plain', plain],
    ['tls', tls],
    ['x509', x509],
  ])('account %s: %s', async (user, code) => {
    expect(await status(user, query())).toMatchObject({ code, exit: code === 'ok' ? 0 : 6 })
  })
})

test('a client certificate admits an account that requires one, and the hint names its parameters', async () => {
  const pair = `ssl-cert=${client.cert}&ssl-key=${client.key}`
  for (const query of [`?${pair}`, `?ssl-mode=VERIFY_IDENTITY&ssl-ca=${ours.ca}&${pair}`]) {
    expect(await status('x509', query)).toEqual(OK)
  }
  const stranger = await foreign.sign('stranger')
  expect(await status('x509', `?ssl-cert=${stranger.cert}&ssl-key=${stranger.key}`)).not.toEqual(OK)
  expect(await status('x509', '?ssl-mode=REQUIRED')).toMatchObject({
    hint: expect.stringMatching(/REQUIRE X509 needs ssl-cert and ssl-key$/),
  })
})

test('only VERIFY_IDENTITY refuses a certificate for another name or address', async () => {
  const ca = `ssl-ca=${ours.ca}`
  expect(await status('plain', `?ssl-mode=VERIFY_CA&${ca}`, '127.0.0.1')).toEqual(OK)
  expect(await status('plain', `?ssl-mode=VERIFY_IDENTITY&${ca}`, '127.0.0.1')).toMatchObject({
    code: 'DATABASE_TLS_FAILED',
    message: expect.stringMatching(/^TLS with 127\.0\.0\.1:\d+ failed: its certificate is for another name: /),
    hint: expect.stringMatching(/ssl-mode=VERIFY_CA/),
  })
  await present(await ours.sign('server', { names: ['IP:127.0.0.1', 'DNS:db.example'] }))
  expect(await status('plain', `?ssl-mode=VERIFY_IDENTITY&${ca}`, '127.0.0.1')).toEqual(OK)
  expect(await status('plain', `?ssl-mode=VERIFY_IDENTITY&${ca}`)).toMatchObject({ code: 'DATABASE_TLS_FAILED' })
})

test('refuses an expired certificate if the CA is checked', async () => {
  const days: [string, string] = ['20200101000000Z', '20200201000000Z']
  await present(await ours.sign('old', { names: ['DNS:localhost'], days }))
  expect(await status('plain', '?ssl-mode=REQUIRED')).toEqual(OK)
  expect(await status('plain', `?ssl-ca=${ours.ca}`)).toMatchObject({
    code: 'DATABASE_TLS_FAILED',
    message: expect.stringMatching(/has expired$/),
  })
  await present(await ours.sign('server', { names: ['DNS:localhost'] }))
})

test('doctor reports whether the connection is encrypted', async () => {
  for (const [query, says] of [
    ['', /^MariaDB [\d.]+ answers in \d+ ms, over TLSv1\.[23]$/],
    ['?ssl-mode=DISABLED', /, without TLS$/],
  ] as const) {
    const env = { VDC_MANAGE_DATABASE_URI: `mysql://plain:secret@127.0.0.1:${server.port}/w${query}` }
    const { checks } = JSON.parse((await vdcManage(['doctor', '--json'], { env })).stdout)
    const database = (checks as { name: string; message: string }[]).find(({ name }) => name === 'database')
    expect(database?.message).toMatch(says)
  }
})

test('the URI of dcmgr.conf accepts the same parameters', async () => {
  const conf = file('dcmgr.conf')
  const uri = `mysql2://localhost:${server.port}/w?user=tls&password=secret&encoding=utf8`
  const list = (query: string) => {
    writeFileSync(conf, `database_uri '${uri}${query}'\n`)
    return vdcManage(['account', 'list', '--quiet'], { env: { CONF_PATH: conf } })
  }
  expect(await list(`&ssl-mode=VERIFY_CA&ssl-ca=${ours.ca}`)).toMatchObject({ code: 0, stderr: '' })
  expect(await list(`&ssl-ca=${foreign.ca}`)).toMatchObject({ code: 6, stdout: '' })
  const refused = await list('&sslca=/ca.pem')
  expect(refused).toMatchObject({ code: 3, stdout: '' })
  expect(refused.stderr).toMatch(/dcmgr\.conf has the unknown parameter 'sslca'\nHint: Did you mean ssl-ca\?/)
})

test('an account that requires TLS needs ssl-mode=REQUIRED on a Unix socket', async () => {
  const at = `&socket=${server.socket}`
  expect(await status('plain', `?${at}`)).toEqual(OK)
  expect(await status('tls', `?${at}`)).toMatchObject({
    code: 'DATABASE_TLS_REQUIRED',
    hint: 'Add ssl-mode=REQUIRED to the database URI',
  })
  expect(await status('tls', `?ssl-mode=REQUIRED${at}`)).toEqual(OK)
})

test('a server that requires TLS refuses ssl-mode=DISABLED', async () => {
  await root.query('SET GLOBAL require_secure_transport = ON')
  expect(await status('plain', '?ssl-mode=DISABLED')).toMatchObject({
    code: 'DATABASE_TLS_REQUIRED',
    hint: expect.stringMatching(/Remove ssl-mode=DISABLED/),
  })
  expect(await status('plain', '')).toEqual(OK)
  await root.query('SET GLOBAL require_secure_transport = OFF')
})

test('names unusable certificate files and the parameter of each', async () => {
  const bad = file('bad.pem')
  const locked = file('folder')
  mkdirSync(locked)
  writeFileSync(bad, 'not a certificate, but a S3cret')
  for (const [query, message] of [
    [`?ssl-ca=${file('none.pem')}`, /none\.pem does not exist$/],
    [`?ssl-ca=${locked}`, /folder is not a regular file of at most 1 MiB$/],
    [`?ssl-ca=${bad}`, /bad\.pem does not contain a certificate in PEM format$/],
    [`?ssl-cert=${client.cert}&ssl-key=${bad}`, /bad\.pem does not contain a private key in PEM format$/],
    [
      `?ssl-cert=${client.cert}&ssl-key=${file('server-key.pem')}`,
      /server-key\.pem does not belong to the certificate/,
    ],
  ] as const) {
    const error = await status('plain', query)
    expect(error).toMatchObject({ code: 'CONFIG_REFUSED', exit: 3, message: expect.stringMatching(message) })
    expect(error.hint).toMatch(/ssl-(?:ca|cert|key)/)
    expect(JSON.stringify(error)).not.toMatch(/S3cret/)
  }
})
