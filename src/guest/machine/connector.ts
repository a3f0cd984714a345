import { connect } from 'node:net'

/*
 * The entry point of dist/metadata-connector.cjs. QEMU runs it for each connection of a guest to the metadata
 * service, and passes the connection as stdin and stdout: node connector.cjs SOCKET
 */

/** Milliseconds after which a connection on which nothing moves ends; the service waits for less. */
const PATIENCE = 6000

const { stdin, stdout } = process
const socket = connect(process.argv[2] as string)
const end = () => process.exit()
for (const stream of [stdin, stdout, socket]) stream.on('error', end)
// The service may have closed the connection long ago: behind answers that the guest does not take, that is not seen.
socket.setTimeout(PATIENCE, end)
// Otherwise this process would wait for the guest to close the connection, and the guest for this process.
socket.once('end', () => stdout.write('', end))
stdin.pipe(socket).pipe(stdout)
