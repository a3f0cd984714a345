import { lstatSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs'

/** A socket of libguestfs, which puts it into /tmp for root, whatever TMPDIR says. */
const SOCKET = /^[^:]+:(?: \S+){5} +(\d+) (\/tmp\/libguestfs\w+)\/\w+\.sock$/

/** Returns the folders in /tmp in which a process of guestfish has its sockets. It removes them itself unless killed. */
export function socketFolders(pid: number): string[] {
  try {
    const descriptors = readdirSync(`/proc/${pid}/fd`).map((fd) => targetOf(`/proc/${pid}/fd/${fd}`))
    const sockets = readFileSync(`/proc/${pid}/net/unix`, 'latin1').split('\n')
    return sockets.flatMap((line) => {
      const [, inode, folder] = SOCKET.exec(line) ?? []
      return folder !== undefined && descriptors.includes(`socket:[${inode}]`) ? [folder] : []
    })
  } catch {
    // It has ended.
    return []
  }
}

/** Removes folders of sockets, if they belong to this user. */
export function removeSocketFolders(folders: Iterable<string>): void {
  for (const folder of folders) {
    const stat = lstatSync(folder, { throwIfNoEntry: false })
    if (stat?.isDirectory() && stat.uid === process.geteuid?.()) rmSync(folder, { recursive: true, force: true })
  }
}

function targetOf(link: string): string | undefined {
  try {
    return readlinkSync(link)
  } catch {
    return undefined
  }
}
