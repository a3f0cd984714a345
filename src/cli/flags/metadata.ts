import { Flags } from '@oclif/core'
import { choice, grouped, text } from './common.ts'

const where = (defaultListen: string) => ({
  listen: Flags.string({
    helpValue: 'ADDRESS',
    default: defaultListen,
    summary: 'Listen on HOST:PORT, or on a Unix socket: unix:PATH.',
  }),
  'allow-remote': Flags.boolean({ summary: 'Allow addresses that other hosts can reach.' }),
})

/** The options that describe an instance. */
const instanceOptions = {
  instance: text('FILE', 'Serve the instance in this YAML file; options override its values.'),
  'instance-id': text('i-ID', 'ID; without other instance options, serve this one from the database.'),
  'image-id': text('wmi-ID', 'ID of its image.'),
  hostname: text('NAME', 'Host name.'),
  'local-ipv4': text('ADDRESS', 'Address of its first interface.'),
  'public-ipv4': text('ADDRESS', 'Public address of its first interface.'),
  mac: text('MAC', 'MAC address of its first interface.'),
  'security-group': Flags.string({
    helpValue: 'sg-ID',
    multiple: true,
    multipleNonGreedy: true,
    summary: 'Security group of its first interface; repeat for several.',
  }),
  'authorized-key': text('FILE', 'Public SSH keys, one per line, such as ~/.ssh/id_ed25519.pub.'),
  'user-data': text('FILE', 'User-data.'),
}

/** The options of `metadata serve`. */
export const metadataServe = (defaultListen: string, imdsV2: readonly string[]) =>
  grouped(
    { INSTANCE: Object.keys(instanceOptions) },
    {
      ...where(defaultListen),
      imdsv2: choice('WHEN', imdsV2, "Tokens of Amazon's IMDSv2", { value: 'off' }),
      ...instanceOptions,
    },
  )
