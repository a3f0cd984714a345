import { describeCheck, folder, link, program, SYSVINIT, script } from '../../support/guests/guests.ts'

const CLOUD_INIT = { '/usr/bin/cloud-init': program }
const GET = 'curl http://169.254.169.254/latest/meta-data/local-hostname'
/** Our script, as it is installed. */
const OURS = {
  '/usr/local/sbin/vdc-metadata': script('server=http://169.254.169.254'),
  '/etc/systemd/system/vdc-metadata.service': '[Service]\nExecStart=/usr/local/sbin/vdc-metadata\n',
  '/etc/systemd/system/multi-user.target.wants/vdc-metadata.service': link('/etc/systemd/system/vdc-metadata.service'),
}

describeCheck('init.metadata', {
  ok: [
    { title: 'rc.local', base: SYSVINIT, guest: { '/etc/rc.local': script(GET) } },
    {
      title: 'a script that rc.local calls',
      base: SYSVINIT,
      guest: { '/etc/rc.d/rc.local': script('touch /var/lock/x\n/etc/metadata.sh || true'), '/etc/metadata.sh': GET },
    },
    { title: "Wakame-vdc's script", base: SYSVINIT, guest: { '/etc/rc.local': script('/etc/wakame-init ubuntu') } },
    {
      title: 'a unit',
      guest: {
        '/etc/systemd/system/metadata.service': '[Service]\nExecStart=/usr/local/sbin/metadata --once\n',
        '/etc/systemd/system/multi-user.target.wants/metadata.service': link('/etc/systemd/system/metadata.service'),
        '/usr/local/sbin/metadata': script(GET),
      },
    },
    {
      title: 'our script and bash',
      guest: { ...OURS, '/usr/bin/bash': link('../lib/bash'), '/usr/lib/bash': program },
    },
    {
      title: 'our script without a client, and another one',
      guest: { ...OURS, '/bin/bash': folder, '/etc/rc.local': script(GET) },
    },
    {
      title: 'cloud-init with Ec2 alone',
      guest: {
        ...CLOUD_INIT,
        '/etc/cloud/cloud.cfg': 'users:\n - default\ndatasource_list: [NoCloud]\n',
        '/etc/cloud/cloud.cfg.d/90_dpkg.cfg':
          '# to update this file, run dpkg-reconfigure cloud-init\ndatasource_list: [ NoCloud, Ec2, None ]\n',
        '/etc/cloud/cloud.cfg.d/99-ec2.cfg': 'datasource_list: [ Ec2, None ]\n',
      },
    },
    {
      title: 'cloud-init that does not ask the host',
      guest: { ...CLOUD_INIT, '/etc/cloud/cloud.cfg.d/a.cfg': 'datasource:\n  Ec2:\n    strict_id: false\n' },
    },
    { title: 'ds-identify', guest: { ...CLOUD_INIT, '/etc/cloud/ds-identify.cfg': 'policy: enabled\n' } },
  ],
  bad: [
    { title: 'nothing', guest: {}, evidence: ['error nothing gets the metadata'] },
    {
      title: 'our script without a client',
      guest: { ...OURS, '/bin/bash': folder, '/usr/bin/wget': link('missing') },
      evidence: ['error /usr/local/sbin/vdc-metadata'],
    },
    {
      title: 'a comment',
      guest: { '/etc/rc.local': script(`# ${GET}`) },
      evidence: ['error nothing gets the metadata'],
    },
    {
      title: 'a script that is not executable',
      guest: { '/etc/rc.local': { text: `#!/bin/sh\n${GET}\n`, mode: 0o644 } },
      evidence: ['error /etc/rc.local'],
    },
    {
      title: 'cloud-init as Debian installs it',
      guest: {
        ...CLOUD_INIT,
        '/etc/cloud/cloud.cfg.d/90_dpkg.cfg': '# comment\ndatasource_list: [ NoCloud, Ec2, None ]\n',
      },
      evidence: ['error /etc/cloud/cloud.cfg.d/90_dpkg.cfg:2 datasource_list: NoCloud, Ec2, None'],
    },
    {
      title: 'cloud-init for another cloud',
      guest: { ...CLOUD_INIT, '/etc/cloud/cloud.cfg': 'datasource_list:\n  - Azure\n' },
      evidence: ['error /etc/cloud/cloud.cfg:1 datasource_list: Azure'],
    },
    {
      title: 'cloud-init that is disabled',
      guest: { ...CLOUD_INIT, '/etc/cloud/cloud-init.disabled': '' },
      evidence: ['error /etc/cloud/cloud-init.disabled'],
    },
  ],
  unknown: [
    {
      title: 'a configuration that is not YAML',
      guest: { ...CLOUD_INIT, '/etc/cloud/cloud.cfg': 'datasource_list: [\n' },
      message: /^\/etc\/cloud\/cloud\.cfg is not valid YAML$/,
    },
  ],
})

describeCheck('init.cloud-state', {
  ok: [{ title: 'clean', guest: { ...CLOUD_INIT, '/var/lib/cloud/scripts/per-boot/x': '' } }],
  bad: [
    {
      title: 'an instance',
      guest: { '/var/lib/cloud/instance': link('instances/i-1'), '/var/lib/cloud/instances/i-1/x': '' },
      evidence: ['warning /var/lib/cloud/instance', 'warning /var/lib/cloud/instances/i-1'],
    },
    {
      title: 'an instance that our script has set up',
      guest: { '/var/lib/vdc-metadata/instance-id': 'i-1\n' },
      evidence: ['warning /var/lib/vdc-metadata'],
    },
  ],
  unknown: [{ title: 'a loop of links', guest: { '/var/lib/cloud': link('cloud') }, message: /loop of links/ }],
  notApplicable: [{ title: 'no cloud-init', guest: {}, message: /^cloud-init is not installed$/ }],
})
