import { connect } from 'node:net'

/*
 * The entry point of dist/metadata-connector.cjs. QEMU runs it for each connection of a guest to the metadata
 * service, and passes the connection as stdin and stdout: node connector.cjs SOCKET
 */

const { stdin, stdout } = process
const socket = connect(process.argv[2] as string)
const end = () => process.exit()
for (const stream of [stdin, stdout, socket]) stream.on('error', end)
// Otherwise this process would wait for the guest to close the connection, and the guest for this process.
socket.once('end', () => stdout.write('', end))
stdin.pipe(socket).pipe(stdout)
