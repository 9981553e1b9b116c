// Names and addresses of servers, so that two can be compared.
import { isIPv6 } from 'node:net'

/** The same address can be written in many ways, and certificates have their own. */
export const canonicalHost = (host: string): string =>
  isIPv6(host) ? new URL(`http://[${host}]`).hostname.slice(1, -1) : host.toLowerCase()
