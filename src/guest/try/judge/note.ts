import type { DhcpEvent, GuestEvent, Moment } from '../event.ts'
import { noteLine } from './console-signs.ts'
import type { Facts } from './facts.ts'
import { noteRequest } from './requests.ts'

/** Adds what an event tells to facts. Returns whether that may change the result of a step. */
export function note(facts: Facts, event: GuestEvent): boolean {
  if (isActivity(facts, event)) facts.lastActivity = event.at
  switch (event.kind) {
    case 'console':
      facts.lastLine = event.line
      return noteLine(facts.console, event.line, event.at)
    case 'dhcp':
      noteDhcp(facts.dhcp, event)
      break
    case 'foreign-address':
      facts.foreign.push(event)
      break
    case 'metadata':
      noteRequest(facts.metadata, event.request, event.at)
      break
    case 'ssh':
      facts.ssh = event
      break
    case 'login':
      facts.login = event
      break
    case 'end':
      facts.end = event
  }
  return true
}

function isActivity({ patience }: Facts, event: GuestEvent): boolean {
  if (event.kind === 'console' || event.kind === 'metadata') return patience[event.kind]-- > 0
  return event.kind !== 'login' || event.user !== undefined
}

function noteDhcp(dhcp: Facts['dhcp'], { message, address, hostName, vendor, at }: DhcpEvent & { at: Moment }): void {
  // The firmware of a network card.
  if (vendor?.startsWith('PXEClient')) return
  if (message === 'ack') {
    if (dhcp.asked !== undefined && address !== undefined) dhcp.given ??= { at, text: address, address }
    return
  }
  dhcp.asked ??= at
  dhcp.vendor = vendor ?? dhcp.vendor
  if (hostName !== undefined) dhcp.hostName = { at, text: hostName }
}
