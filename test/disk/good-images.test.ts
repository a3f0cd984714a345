import { statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newFolder } from '../support/files/images.ts'
import { inspectFile } from '../support/files/inspecting-files.ts'
import { IS_THOROUGH } from '../support/thorough.ts'
import { noise } from './formats/inspecting.ts'

/*
 * No good file is refused: everything that qemu-img can make as one self-contained file is accepted,
 * with the virtual size that qemu-img reports.
 */

const KIB = 1024
const MIB = 1024 * KIB

const folder = newFolder()
const pathOf = (name: string) => join(folder.path, name.replaceAll(/[^\w.-]+/g, '_'))
afterAll(() => folder.remove())

/** Runs lines of bash until one fails. Returns what they print. */
async function run(lines: string): Promise<string> {
  const env = { PATH: `${process.env.PATH}:/usr/sbin:/sbin` }
  return (await execa('bash', ['-e', '-o', 'pipefail', '-c', lines], { cwd: folder.path, env })).stdout
}

/** An image, and the lines of bash that make it. */
interface Made {
  path: string
  by: string
}

/** Makes images of a format in one bash, because Node starts processes slowly, and requires that each is accepted. */
async function expectAccepted(format: string, images: readonly Made[]): Promise<void> {
  const lines = images.map(
    ({ path, by }) => `{ ${by}\n} >&2\nqemu-img info --output=json -f ${format} ${path} | tr -d '\\n'\necho`,
  )
  const infos = (await run(lines.join('\n'))).split('\n')
  expect(infos).toHaveLength(images.length)
  const prefersVhd = format === 'vpc'
  for (const [number, { path }] of images.entries()) {
    expect(await inspectFile(path, { prefersVhd }), path).toMatchObject({
      fileFormat: format,
      virtualSize: JSON.parse(infos[number] as string)['virtual-size'],
      refusals: [],
    })
  }
}

/** Options of each format that change the layout of its files. */
const OPTIONS: Record<string, string[]> = {
  qcow2: [
    ...['512', '1k', '4k', '32k', '64k', '256k', '2M'].map((size) => `cluster_size=${size}`),
    ...['0.10', '1.1'].map((version) => `compat=${version}`),
    ...[1, 2, 4, 8, 16, 32, 64].map((bits) => `refcount_bits=${bits}`),
    ...['metadata', 'falloc', 'full'].map((how) => `preallocation=${how}`),
    'extended_l2=on,cluster_size=16k',
    'extended_l2=on,cluster_size=128k',
    'extended_l2=on,cluster_size=2M,preallocation=metadata',
    'compat=0.10,preallocation=metadata',
    'cluster_size=512,preallocation=full',
    'lazy_refcounts=on',
    'compression_type=zstd',
  ],
  qcow: [''],
  qed: ['', 'cluster_size=4k,table_size=2', 'cluster_size=16k,table_size=16', 'cluster_size=1M,table_size=2'],
  vmdk: [
    ...['', 'compat6', 'zeroed_grain=on', 'subformat=streamOptimized', 'hwversion=13'],
    ...['ide', 'buslogic', 'lsilogic', 'legacyESX'].map((type) => `adapter_type=${type}`),
  ],
  vdi: ['', 'static=on'],
  vpc: ['', 'force_size=on', 'subformat=fixed', 'subformat=fixed,force_size=on'],
  vhdx: [
    ...['', 'subformat=fixed', 'block_size=1M', 'block_size=256M', 'log_size=16M', 'block_state_zero=off'],
    'subformat=fixed,block_size=2M,log_size=2M',
  ],
  parallels: ['', 'cluster_size=64k', 'cluster_size=4M'],
  raw: ['preallocation=off', 'preallocation=falloc', 'preallocation=full'],
}
const CASES = Object.entries(OPTIONS).flatMap(([format, all]) => all.map((options) => [format, options] as const))
const optionsOf = (options: string) => (options === '' ? '' : `-o ${options}`)

/** Bytes of disks: whole clusters, one sector, and a size that ends within a cluster of any size. */
const SIZES = [8 * MIB, 512, 3 * MIB + 300 * KIB + 3 * 512]

test.each(CASES.map(([format, options], number) => ({ format, options, number })))(
  'accepts an empty disk as $format $options',
  async ({ format, options, number }) => {
    const sizes = SIZES.filter((_, each) => IS_THOROUGH || (each + number) % SIZES.length === 0)
    const images = sizes.map((size) => {
      const path = pathOf(`empty-${size}-${options}.${format}`)
      return { path, by: `qemu-img create -f ${format} ${optionsOf(options)} ${path} ${size}` }
    })
    await expectAccepted(format, images)
  },
)

describe('a disk with content', () => {
  /** Disks, and the commands that make them. */
  const DISKS: Record<string, string> = {
    'grub-rescue-cdrom.iso': 'cp /usr/lib/grub-rescue/grub-rescue-cdrom.iso IMAGE',
    'ipxe.iso': 'cp /usr/lib/ipxe/ipxe.iso IMAGE',
    random: '',
    ext4: 'truncate -s 4M IMAGE\nmkfs.ext4 -q IMAGE',
    xfs: 'truncate -s 300M IMAGE\nmkfs.xfs -q IMAGE',
    btrfs: 'truncate -s 110M IMAGE\nmkfs.btrfs -q IMAGE',
    gpt: 'truncate -s 4M IMAGE\nsgdisk -n 1:2048:6000 IMAGE',
  }
  beforeAll(async () => {
    for (const [name, commands] of Object.entries(DISKS)) await run(commands.replaceAll('IMAGE', pathOf(name)))
    writeFileSync(pathOf('random'), noise(3 * MIB + 5 * 512, 20))
  })

  /** Returns the command that converts a disk. */
  const convertTo = (format: string, options: string, name: string, path: string) =>
    `qemu-img convert -f raw -O ${format} ${options} ${pathOf(name)} ${path}`
  // These options do not move the data.
  const cases = CASES.filter(([, options]) => !/refcount|compat=1|adapter|compression/.test(options))
  test.each(cases.map(([format, options], number) => ({ format, options, number })))(
    'is accepted as $format $options',
    async ({ format, options, number }) => {
      const images: Made[] = []
      for (const [disk, name] of Object.keys(DISKS).entries()) {
        if (!IS_THOROUGH && (disk + number) % 4 !== 0) continue
        // Large disks without holes take long and show nothing more.
        if (/full|falloc|static|fixed|metadata/.test(options) && statSync(pathOf(name)).size > 16 * MIB) continue
        const path = pathOf(`${name}-${options}.${format}`)
        images.push({ path, by: convertTo(format, optionsOf(options), name, path) })
      }
      await expectAccepted(format, images)
      for (const { path } of images) truncateSync(path)
    },
  )

  const compressed = ['compression_type=zlib', 'compression_type=zstd,cluster_size=4k', 'extended_l2=on']
  test.each(compressed.map((options, number) => ({ options, number })))(
    'is accepted as compressed qcow2 with $options',
    async ({ options, number }) => {
      const disks = Object.keys(DISKS).filter((_, disk) => IS_THOROUGH || (disk + number) % 2 === 0)
      const images = disks.map((name) => {
        const path = pathOf(`${name}-${options}-compressed.qcow2`)
        return { path, by: convertTo('qcow2', `-c ${optionsOf(options)}`, name, path) }
      })
      await expectAccepted('qcow2', images)
    },
  )
})

/** Images that are changed after they are made. IMAGE stands for the path. */
const LIVES: [title: string, format: string, commands: string][] = [
  [
    'internal snapshots',
    'qcow2',
    `qemu-img create -f qcow2 -o cluster_size=4k IMAGE 5M
     qemu-io -c "write -P 1 0 1M" IMAGE
     qemu-img snapshot -c one IMAGE
     qemu-io -c "write -P 2 100k 2M" IMAGE
     qemu-img snapshot -c two IMAGE
     qemu-img resize IMAGE 9M
     qemu-io -c "write -P 3 8M 77k" -c "discard 0 200k" IMAGE
     qemu-img snapshot -c three IMAGE
     qemu-img snapshot -d two IMAGE`,
  ],
  [
    'bitmaps',
    'qcow2',
    `qemu-img create -f qcow2 IMAGE 5M
     qemu-img bitmap --add IMAGE one
     qemu-io -c "write -P 1 0 1M" IMAGE
     qemu-img bitmap --add -g 64k IMAGE two
     qemu-io -c "write -P 1 3M 5k" IMAGE
     qemu-img bitmap --disable IMAGE one`,
  ],
  [
    'a disk that grew from within a cluster',
    'qcow2',
    `qemu-img create -f qcow2 IMAGE 100k
     qemu-io -c "write -P 1 0 100k" IMAGE
     qemu-img resize IMAGE 10M`,
  ],
  [
    'a disk that shrank',
    'qcow2',
    `qemu-img create -f qcow2 IMAGE 10M
     qemu-io -c "write -P 1 0 10M" IMAGE
     qemu-img resize --shrink IMAGE 4100k`,
  ],
  [
    'a merged backing file',
    'qcow2',
    `qemu-img create -f raw IMAGE.base 3M
     qemu-io -f raw -c "write -P 1 0 1M" IMAGE.base
     qemu-img create -f qcow2 -F raw -b IMAGE.base IMAGE 4M
     qemu-io -c "write -P 2 500k 5k" IMAGE
     qemu-img rebase -b "" IMAGE`,
  ],
  [
    'a committed overlay',
    'qcow2',
    `qemu-img create -f qcow2 IMAGE 3M
     qemu-img create -f qcow2 -F qcow2 -b IMAGE IMAGE.top 4M
     qemu-io -c "write -P 2 3500k 5k" IMAGE.top
     qemu-img commit IMAGE.top`,
  ],
  [
    'a change to an older version',
    'qcow2',
    `qemu-img create -f qcow2 -o lazy_refcounts=on IMAGE 3M
     qemu-io -c "write -P 2 0 1M" -c "write -z 2M 100k" IMAGE
     qemu-img amend -o compat=0.10,lazy_refcounts=off IMAGE`,
  ],
  [
    'a change of the refcount width',
    'qcow2',
    `qemu-img create -f qcow2 -o cluster_size=512 IMAGE 3M
     qemu-io -c "write -P 2 0 1M" IMAGE
     qemu-img amend -o refcount_bits=1 IMAGE`,
  ],
  [
    'a partly written cluster with subclusters',
    'qcow2',
    `qemu-img create -f qcow2 -o extended_l2=on IMAGE 3M
     qemu-io -c "write -P 2 64k 4k" -c "write -z 1M 6k" IMAGE`,
  ],
  [
    'a compressed cluster that ends within a sector',
    'qcow2',
    `qemu-img create -f qcow2 IMAGE 3M
     qemu-io -c "write -c -P 2 64k 64k" IMAGE`,
  ],
  [
    'a zstd cluster that ends within a sector',
    'qcow2',
    `qemu-img create -f qcow2 -o compression_type=zstd IMAGE 3M
     qemu-io -c "write -c -P 2 64k 64k" IMAGE`,
  ],
  [
    'compressed clusters',
    'qcow',
    `qemu-img create -f qcow IMAGE 3M
     qemu-io -f qcow -c "write -c -P 2 64k 4k" -c "write -P 3 1M 5k" -c "write -c -P 4 2M 4k" IMAGE`,
  ],
  [
    'a partly written cluster',
    'qcow',
    `qemu-img create -f qcow IMAGE 99k
     qemu-io -f qcow -c "write -P 2 98k 512" IMAGE`,
  ],
  [
    'a disk that grew',
    'qed',
    `qemu-img create -f qed IMAGE 100k
     qemu-io -f qed -c "write -P 2 64k 36k" -c "write -z 0 64k" IMAGE
     qemu-img resize -f qed IMAGE 10M`,
  ],
  [
    'a partly written block',
    'vdi',
    `qemu-img create -f vdi IMAGE 1000k
     qemu-io -f vdi -c "write -P 2 64k 36k" IMAGE`,
  ],
  [
    'zeros and data',
    'vmdk',
    `qemu-img create -f vmdk -o zeroed_grain=on IMAGE 1000k
     qemu-io -f vmdk -c "write -P 2 65k 512" -c "write -z 128k 64k" IMAGE`,
  ],
  [
    'a partly written block',
    'vpc',
    `qemu-img create -f vpc IMAGE 10M
     qemu-io -f vpc -c "write -P 2 65k 512" IMAGE`,
  ],
  [
    'a partly written block',
    'parallels',
    `qemu-img create -f parallels IMAGE 10M
     qemu-io -f parallels -c "write -P 2 65k 512" IMAGE`,
  ],
  [
    'a partly written block',
    'vhdx',
    `qemu-img create -f vhdx IMAGE 10M
     qemu-io -f vhdx -c "write -P 2 65k 512" IMAGE`,
  ],
]

test.each(LIVES)('accepts %s in %s', async (title, format, commands) => {
  const path = pathOf(`${title}.${format}`)
  await expectAccepted(format, [{ path, by: commands.replaceAll('IMAGE', path) }])
})

/** Large disks, up to the limits of their formats. */
const LARGE: [format: string, options: string, size: string][] = [
  ['qcow2', '', '64T'],
  ['qcow2', 'cluster_size=512', '20G'],
  ['qcow2', 'cluster_size=2M,extended_l2=on', '64T'],
  ['qcow2', 'preallocation=metadata', '20G'],
  ['qcow', '', '2T'],
  ['qed', '', '2T'],
  ['vmdk', '', '2T'],
  // qemu-img checks each grain.
  ['vmdk', 'subformat=streamOptimized', IS_THOROUGH ? '2T' : '200G'],
  ['vdi', '', '2T'],
  ['vpc', '', '2040G'],
  ['vpc', 'force_size=on', '2040G'],
  ['vhdx', '', '64T'],
  ['vhdx', 'block_size=1M', '2T'],
  ['parallels', '', '2T'],
  ['raw', '', '8T'],
]

test.each(LARGE)('accepts a large disk: %s %s, %s', async (format, options, size) => {
  const path = pathOf(`large-${options}-${size}.${format}`)
  const by = `qemu-img create -f ${format} ${optionsOf(options)} ${path} ${size}`
  await expectAccepted(format, [{ path, by }])
})
