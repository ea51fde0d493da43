/** Whose connection it is, as far as the limits for one address go, and what came along to prove more. */
import type { IncomingMessage } from 'node:http';
import ipaddr from 'ipaddr.js';
import proxyAddr from 'proxy-addr';

/**
 * Finds the address of a request: of its socket, or, through proxies that are trusted, what they say.
 * @throws TypeError when `trusted` has something that is neither an address nor a network
 */
export function addressReader(trusted: readonly string[]): (request: IncomingMessage) => string {
  const trust = proxyAddr.compile([...trusted]);
  return (request) => proxyAddr(request, trust);
}

/**
 * What counts as one address: IPv4 as it is, whether or not it is written as IPv6; of IPv6 the /64 network, because that is
 * the least that one household is given.
 */
export function limitKey(address: string): string {
  if (!ipaddr.isValid(address)) return 'unknown';
  const parsed = ipaddr.process(address);
  if (parsed instanceof ipaddr.IPv4) return parsed.toString();
  return new ipaddr.IPv6([...parsed.parts.slice(0, 4), 0, 0, 0, 0]).toString();
}

const tokenProtocol = 'bearer.';

/**
 * The bearer token of a request. Pages cannot set headers of a WebSocket: they offer a subprotocol, or, where that is not
 * possible either, put it into the address, which proxies like to write down.
 */
export function bearerToken({ headers, url }: IncomingMessage): string | null {
  const [, fromHeader] = /^bearer +(\S+)$/i.exec(headers.authorization ?? '') ?? [];
  if (fromHeader !== undefined) return fromHeader;
  const offered = headers['sec-websocket-protocol']?.split(',').map((protocol) => protocol.trim()) ?? [];
  const fromProtocol = offered.find((protocol) => protocol.startsWith(tokenProtocol));
  if (fromProtocol !== undefined) return fromProtocol.slice(tokenProtocol.length);
  return new URLSearchParams(url?.split('?', 2)[1] ?? '').get('access_token');
}

/** A browser gives up when it offered subprotocols and none was chosen. A token is not chosen: it would be sent back. */
export function chooseProtocol(offered: ReadonlySet<string>): string | false {
  for (const protocol of offered) if (!protocol.startsWith(tokenProtocol)) return protocol;
  return false;
}
