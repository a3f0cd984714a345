import { join } from 'node:path'
import { execa } from 'execa'
import { expect, test } from 'vitest'
import { makeImage, newFolder } from './support/files/images.ts'
import { ROOT } from './support/process/cli.ts'

/** Runs the demo without its set-up, which the test run has already done. */
const demo = (args: string[], cwd: string) =>
  execa('bash', [join(ROOT, 'scripts/demo.sh'), ...args], { cwd, env: { VDC_MANAGE_DEMO_READY: '1', INIT_CWD: cwd } })

test('npm run demo registers, lists, shows and deletes an image, and prints each command', async () => {
  const { stdout } = await demo([], '/')
  const commands = stdout.split('\n').filter((line) => line.startsWith('$ '))
  expect(commands.map((line) => line.replace(/wmi-\w{8}/, 'ID'))).toEqual([
    '$ qemu-img create -f qcow2 images/ubuntu10.04-amd64.qcow2 8G',
    '$ vdc-manage image add local images/ubuntu10.04-amd64.qcow2 --arch x86_64 --account-id a-shpoolxx --description "Ubuntu 10.04 64bit"',
    '$ vdc-manage image list',
    '$ vdc-manage image show ID',
    '$ vdc-manage image del ID',
    '$ vdc-manage image list --all',
  ])
  expect(stdout).toMatch(/^wmi-\w{8} +ubuntu10\.04-amd64 .* 8 GiB +available /m)
  expect(stdout).toMatch(/^wmi-\w{8} +ubuntu10\.04-amd64 .* deleted /m)
})

test('npm run demo -- PATH resolves a disk image against the current folder', async () => {
  const folder = newFolder()
  await makeImage(join(folder.path, 'mine.raw'), { format: 'raw', size: '3M' })
  const { stdout } = await demo(['mine.raw'], folder.path)
  expect(stdout).toContain(`$ vdc-manage image add local ${folder.path}/mine.raw`)
  expect(stdout).toMatch(/^wmi-\w{8} +mine .* raw +3 MiB +available /m)
  folder.remove()
})
