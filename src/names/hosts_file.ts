/** /etc/hosts as hosts(5) describes it: names to addresses, several lines of one name together. Pure. */
import { Buffer } from "node:buffer";
import { isIP } from "node:net";
import { SOCKET_ADDRESS_BYTES, writeSocketAddress } from "../net/raw/socket_address.ts";

export interface HostAddresses {
  readonly ipv4: readonly string[];
  readonly ipv6: readonly string[];
}

/** Names in lower case, IPv6 addresses as RFC 5952 writes them. Lines that are not understood are passed over, as the C library does. */
export function parseHosts(text: string): ReadonlyMap<string, HostAddresses> {
  const hosts = new Map<string, { readonly ipv4: string[]; readonly ipv6: string[] }>();
  for (const line of text.split("\n")) {
    const [address = "", ...names] = line.replace(/#.*$/, "").trim().split(/\s+/);
    const version = isIP(address);
    if (version === 0 || address.includes("%")) continue;
    for (const name of names) {
      const key = name.toLowerCase();
      const known = hosts.get(key) ?? { ipv4: [], ipv6: [] };
      if (version === 4) known.ipv4.push(address);
      // The URL parser knows every spelling, IPv4 inside IPv6 included (WHATWG URL).
      else known.ipv6.push(new URL(`http://[${address}]/`).hostname.slice(1, -1));
      hosts.set(key, known);
    }
  }
  return hosts;
}

/** RFC 6761 §6.3: "localhost" and what is under it is never asked for. */
export const LOCALHOST: HostAddresses = { ipv4: ["127.0.0.1"], ipv6: ["::1"] };

export function isLocalhost(name: string): boolean {
  return name === "localhost" || name.endsWith(".localhost");
}

/** In the network's order; the text as parseHosts() and net/dns give it. */
export function addressBytes(address: string): Uint8Array {
  const text = Buffer.from(address);
  const socketAddress = new Uint8Array(SOCKET_ADDRESS_BYTES);
  writeSocketAddress(text, { hostFrom: 0, hostTo: text.length, port: 0 }, socketAddress);
  return address.includes(":") ? socketAddress.slice(8, 24) : socketAddress.slice(4, 8);
}
