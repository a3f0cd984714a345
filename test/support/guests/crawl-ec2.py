"""Runs the Ec2 source of cloud-init. Arguments: its folder, a URL, the platform (aws or unknown), a work
folder, and the seconds after which it gives up.

Prints what it found as JSON, or null if it found no metadata. Its log goes to stderr.
"""

import json
import logging
import sys
import time

folder, url, platform, work, patience = sys.argv[1:]
sys.path.insert(0, folder)

from cloudinit import distros, helpers, util  # noqa: E402
from cloudinit.sources.DataSourceEc2 import DataSourceEc2  # noqa: E402

logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
settings = {"metadata_urls": [url], "max_wait": int(patience), "timeout": int(patience), "strict_id": "false"}
paths = helpers.Paths({"cloud_dir": work + "/cloud", "run_dir": work + "/run"})
distro = distros.fetch("debian")("debian", {}, paths)
source = DataSourceEc2({"datasource": {"Ec2": settings}}, distro, paths)
# It is known by the DMI tables of the host otherwise.
source._cloud_name = platform
# It waits between its tries.
time.sleep = lambda seconds: None
# The network of this host does not matter.
DataSourceEc2.network_config = None

if not source.get_data():
    print("null")
    sys.exit()
found = {
    "metadata": source.metadata,
    "user_data": util.decode_binary(source.get_userdata_raw() or b""),
    "instance_id": source.get_instance_id(),
    "hostname": source.get_hostname().hostname,
    "public_keys": source.get_public_ssh_keys(),
}
print(json.dumps(found))
