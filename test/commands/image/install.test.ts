import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { type AddressInfo, createConnection, createServer } from 'node:net'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fileReport } from '../../../src/registry/results/file.ts'
import { makeImage, newFolder } from '../../support/files/images.ts'
import { makeBootCd, WRITTEN } from '../../support/guests/boot-cd.ts'
import { environment, PROGRAM, vdcManage } from '../../support/process/cli.ts'
import { processesWith } from '../../support/process/processes.ts'
import { newProgramFolder } from '../../support/process/programs.ts'

/*
 * The CDs are real ones, whose boot loader writes to the disk. A BIOS runs it one second after QEMU was started.
 */

const SECTOR = 2048
/** Place of the boot catalogue's sector in the boot record. */
const CATALOG = 17 * SECTOR + 0x47

const folder = newFolder()
const at = (name: string) => join(folder.path, name)
const temporary = at('tmp')
mkdirSync(temporary)
const env = { TMPDIR: temporary }
beforeAll(async () => {
  await makeBootCd(at('cd.iso'))
  await makeBootCd(at('restarts.iso'), 'restarts')
  await makeBootCd(at('hangs.iso'), 'runsForEver')
})
afterAll(() => folder.remove())

const install = (...args: string[]) => vdcManage(['image', 'install', ...args, '--accel', 'tcg'], { env })

describe('image install', () => {
  test.each([
    ['qcow2', 'cd.iso', []],
    ['raw', 'restarts.iso', ['--offline']],
  ] as const)('makes a %s disk from %s when the guest ends', async (format, cd, options) => {
    const out = at(`made.${format}`)
    const run = await install(at(cd), out, '--size', '16M', '--to', format, ...options)
    expect(run).toMatchObject({ code: 0, stdout: `${out}\n` })
    expect(run.stderr).toMatch(
      /^Look at the screen with: vncviewer \S+\/vnc\nPrepare it with: vdc-manage image prepare \S+ OUT\n$/,
    )
    await execa('qemu-img', ['convert', '-f', format, '-O', 'raw', out, at('bytes.raw')])
    const bytes = readFileSync(at('bytes.raw'))
    expect(bytes.length).toBe(16 * 2 ** 20)
    expect(bytes.toString('latin1', 64, 64 + WRITTEN.length)).toBe(WRITTEN)
    rmSync(out)
    expect(readdirSync(temporary)).toEqual([])
    expect(machines()).toEqual([])
  })

  test('reports the new file with --json', async () => {
    const run = await install(at('cd.iso'), at('json.qcow2'), '--size', '1G', '--json')
    expect(fileReport.parse(JSON.parse(run.stdout))).toMatchObject({
      path: at('json.qcow2'),
      file_format: 'qcow2',
      virtual_size: 2 ** 30,
      acceptable: true,
    })
    rmSync(at('json.qcow2'))
  })

  test.each(['SIGINT', 'SIGKILL'] as const)('shows the screen until it ends; %s leaves nothing', async (signal) => {
    const ours = mkdtempSync(at('out-'))
    const running = spawn(PROGRAM, ['image', 'install', at('hangs.iso'), join(ours, 'x.qcow2'), '--accel', 'tcg'], {
      env: environment({ env }),
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    const ended = once(running, 'close')
    const [note] = await once(running.stderr.setEncoding('utf8'), 'data')
    const socket = /vncviewer (\S+)\n$/.exec(note)?.[1] as string
    expect(await greetingOf(socket)).toBe('RFB 003.008\n')
    expect(machines()).toHaveLength(1)
    expect(existsSync(join(ours, 'x.qcow2'))).toBe(false)
    running.kill(signal)
    expect(await ended).toEqual(signal === 'SIGINT' ? [130, null] : [null, 'SIGKILL'])
    await expect.poll(machines, { timeout: 20_000 }).toEqual([])
    // The next command removes what killed ones left.
    await install(at('cd.iso'), join(ours, 'y.qcow2'), '--size', '1M')
    expect(readdirSync(ours)).toEqual(['y.qcow2'])
    expect(readdirSync(temporary)).toEqual([])
  })

  test('a guest that takes too long leaves no file', async () => {
    const ours = mkdtempSync(at('out-'))
    expect(await install(at('hangs.iso'), join(ours, 'x.qcow2'), '--timeout', '1')).toMatchObject({
      code: 6,
      stdout: '',
      stderr: expect.stringMatching(
        /\nError: The guest has not powered off within 1 s, so nothing was kept\nHint: Allow more time with --timeout\n$/,
      ),
    })
    expect(readdirSync(ours)).toEqual([])
    expect(readdirSync(temporary)).toEqual([])
  })

  test('a port of VNC that is taken is named', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    expect(await install(at('hangs.iso'), at('vnc.qcow2'), '--vnc', `127.0.0.1:${port}`)).toMatchObject({
      code: 6,
      stdout: '',
      stderr: expect.stringMatching(/Address already in use\nHint: Choose another port with --vnc\n$/),
    })
    server.close()
    expect(existsSync(at('vnc.qcow2'))).toBe(false)
    expect(readdirSync(temporary)).toEqual([])
  })

  test('a dry run prints the file, and starts nothing', async () => {
    const run = await vdcManage(['image', 'install', at('cd.iso'), at('dry.qcow2'), '-n', '--json'])
    expect(JSON.parse(run.stdout)).toMatchObject([{ action: 'create', path: at('dry.qcow2'), file_format: 'qcow2' }])
    expect(existsSync(at('dry.qcow2'))).toBe(false)
  })

  test('refuses before it starts anything, and writes nothing', async () => {
    const [cd, out] = [at('cd.iso'), at('out.qcow2')]
    const [plain, there] = [await makeImage(at('plain.raw')), await makeImage(at('there.qcow2'))]
    writeFileSync(at('cut.iso'), readFileSync(cd).subarray(0, 18 * SECTOR))
    await execa('xorriso', ['-as', 'mkisofs', '-quiet', '-o', at('data.iso'), plain])
    const change = (name: string, edit: (bytes: Buffer, catalogue: number) => void) => {
      const bytes = Buffer.from(readFileSync(cd))
      edit(bytes, bytes.readUInt32LE(CATALOG) * SECTOR)
      writeFileSync(at(name), bytes)
      return at(name)
    }
    // The sum of the words stays 0.
    const efi = change('efi.iso', (bytes, catalogue) => {
      bytes[catalogue + 1] = 0xef
      bytes[catalogue + 29] = ((bytes[catalogue + 29] as number) - 0xef) & 0xff
    })
    const damaged = change('damaged.iso', (bytes, catalogue) => void bytes.writeUInt8(1, catalogue + 5))
    const idle = change('idle.iso', (bytes, catalogue) => void bytes.writeUInt8(0, catalogue + 32))
    const far = change('far.iso', (bytes) => void bytes.writeUInt32LE(0xffffffff, CATALOG))
    const refusals: [args: string[], code: number, stderr: RegExp][] = [
      [[at('none.iso'), out], 3, /none\.iso does not exist/],
      [
        [plain, out],
        3,
        /plain\.raw is not an ISO image, so no guest can be installed from it\nHint: Name the ISO image/,
      ],
      [[at('cut.iso'), out], 3, /cut\.iso is damaged or truncated: it needs/],
      [[at('data.iso'), out], 3, /data\.iso has no boot record/],
      [[efi, out], 3, /efi\.iso boots only computers with EFI/],
      [[damaged, out], 3, /damaged\.iso has a damaged boot catalogue/],
      [[idle, out], 3, /idle\.iso has no boot loader in its boot catalogue/],
      [[far, out], 3, /far\.iso is damaged or truncated/],
      [[cd, there], 5, /there\.qcow2 already exists/],
      [[cd, at('none/out.qcow2')], 6, /its folder does not exist/],
      [[cd, at('out.vmdk')], 3, /out\.vmdk ends in \.vmdk, but its format would be qcow2/],
      [[cd, out, '--size', '10X'], 3, /--size must be a number of bytes/],
      [[cd, out, '--size', '1000'], 3, /--size must be whole MiB, from 1M to 64T/],
      [[cd, out, '--memory', '1'], 3, /--memory must be a whole number from 16 to/],
      [[cd, out, '--vnc', '0.0.0.0:5900'], 3, /vnc '0\.0\.0\.0:5900' is neither unix nor a port of the loopback/],
      [[cd, out, '--timeout', '0'], 3, /--timeout must be a whole number from 1 to/],
    ]
    const files = readdirSync(folder.path)
    for (const [args, code, stderr] of refusals)
      expect(await install(...args), args.join(' ')).toMatchObject({
        code,
        stdout: '',
        stderr: expect.stringMatching(stderr),
      })
    expect(readdirSync(folder.path)).toEqual(files)
  })

  test('names the package of QEMU if it is missing', async () => {
    const bin = newProgramFolder(at('bin'))
    const run = await vdcManage(['image', 'install', at('cd.iso'), at('no.qcow2'), '--accel', 'tcg'], {
      env: { ...env, PATH: bin },
    })
    expect(run).toMatchObject({
      code: 6,
      stdout: '',
      stderr: expect.stringMatching(/ is not installed\nHint: Install it with: apt-get install .*qemu-system-x86\n$/),
    })
    expect(existsSync(at('no.qcow2'))).toBe(false)
  })
})

/** Returns the processes that work in our temporary folder, as QEMU does. */
function machines(): number[] {
  return processesWith('qemu-system').filter((pid) => {
    try {
      return readlinkSync(`/proc/${pid}/cwd`).startsWith(temporary)
    } catch {
      // It has ended.
      return false
    }
  })
}

/** Returns the first bytes that a VNC server sends. */
async function greetingOf(socket: string): Promise<string> {
  const connection = createConnection(socket)
  try {
    const [bytes] = await once(connection, 'data')
    return String(bytes)
  } finally {
    connection.destroy()
  }
}
