/** An instance file with all keys, for `metadata serve --instance`. */
export const EXAMPLE = `# An instance for: vdc-manage metadata serve --instance FILE
# Every key can be left out.

instance_id: i-demo1
image_id: wmi-demo1

# Up to 32 lower-case letters, digits and hyphens.
hostname: demo1

instance_type: is-demospec
cpu_cores: 1
# In megabytes.
memory_size: 512
# Served as instance-action.
state: running
availability_zone: ''

# The SSH keys that may log in. Replace the key by a line of your ~/.ssh/*.pub.
public_keys:
  - name: ssh-demo1
    key: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIINbW74KkcooCk1cpOgmDSUBcVvVwP5EIVcvoqIyfrrr demo

# A script that runs at the first boot, or anything else that the guest understands.
user_data: |
  #!/bin/sh
  echo "Hello from user-data"

interfaces:
  - mac: 52:54:00:12:34:56
    network_id: nw-demo1
    local_ipv4: 10.0.2.15
    # The bits of the network: its mask and its broadcast address follow from them.
    prefix: 24
    gateway: 10.0.2.2
    metric: 100
    # The address by which other networks reach the instance, if there is one.
    public_ipv4: 203.0.113.15
    security_groups:
      - sg-demo1
`
