// Joins standard input and output to a port of the loopback, for guestfwd of QEMU: node connector.js PORT
import { connect } from 'node:net'

const socket = connect(Number(process.argv[2]), '127.0.0.1')
socket.on('error', () => process.exit(1))
process.stdin.pipe(socket).pipe(process.stdout)
