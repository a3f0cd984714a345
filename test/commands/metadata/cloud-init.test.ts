import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, describe, expect, test } from 'vitest'
import { newFolder } from '../../support/files/images.ts'
import { type ServeProcess, startServe } from '../../support/guests/metadata-server-process.ts'
import { ROOT, vdcManage } from '../../support/process/cli.ts'
import { IS_THOROUGH } from '../../support/thorough.ts'

/*
 * The Ec2 source of Debian's cloud-init, which scripts/cloud-init.sh unpacks, asks the service.
 */

const MODULES = join(ROOT, 'node_modules/.cache/cloud-init/usr/lib/python3/dist-packages')
const CRAWLER = join(ROOT, 'test/support/guests/crawl-ec2.py')
const hasCloudInit = existsSync(join(MODULES, 'cloudinit'))

test('cloud-init could be downloaded, or not required', ({ skip }) => {
  if (!hasCloudInit && !IS_THOROUGH) skip('cloud-init could not be downloaded')
  expect(hasCloudInit).toBe(true)
})

describe.runIf(hasCloudInit)('cloud-init', () => {
  const folder = newFolder()
  afterAll(() => folder.remove())

  /** @param platform that the DMI tables name: tokens are used on aws only. */
  async function crawl(server: ServeProcess, platform: 'aws' | 'unknown', finds: boolean) {
    const seconds = finds ? '60' : '5'
    const args = [MODULES, server.url, platform, folder.path, seconds]
    const { stdout } = await execa('/usr/bin/python3', ['-I', CRAWLER, ...args])
    return JSON.parse(stdout)
  }

  test.each([
    ['off', 'unknown', true],
    ['optional', 'unknown', true],
    ['optional', 'aws', true],
    ['required', 'aws', true],
    // It gives up where tokens are unknown, or where it has none.
    ['off', 'aws', false],
    ['required', 'unknown', false],
  ] as const)('gets all values with tokens %s, on platform %s: %s', async (imdsv2, platform, finds) => {
    const { stdout: example } = await vdcManage(['metadata', 'example'])
    const file = join(folder.path, 'instance.yaml')
    writeFileSync(file, example)
    const server = await startServe(['--instance', file, '--imdsv2', imdsv2])
    try {
      const found = await crawl(server, platform, finds)
      if (!finds) return expect(found).toBe(null)
      const key = /key: (.*)/.exec(example)?.[1]
      expect(found).toMatchObject({
        ...{ instance_id: 'i-demo1', hostname: 'demo1', public_keys: [key] },
        user_data: '#!/bin/sh\necho "Hello from user-data"\n',
        metadata: {
          ...{ 'ami-id': 'wmi-demo1', 'instance-type': 'is-demospec', 'local-ipv4': '10.0.2.15' },
          ...{
            'security-groups': 'sg-demo1',
            'public-keys': { 'ssh-demo1': key },
            placement: { 'availability-zone': '' },
          },
          network: { interfaces: { macs: { '52:54:00:12:34:56': { 'x-netmask': '255.255.255.0' } } } },
        },
      })
      expect(Object.keys(found.metadata)).toHaveLength(22)
    } finally {
      await server.stop()
    }
    expect(server.log().includes('PUT /latest/api/token')).toBe(platform === 'aws')
  })
})
