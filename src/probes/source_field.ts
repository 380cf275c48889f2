/** The address a check is sent from, as http, tcp and icmp take it. */
import { type Schema, z } from "../base/schema.ts";
import { isPlainAddress } from "../net/raw/socket_address.ts";

/** "" = the kernel's choice. */
export function sourceField(): Schema<string> {
  return z.string().refine(
    isPlainAddress,
    'expected an address of this machine such as "192.0.2.7" or "2001:db8::7"',
  ).default("");
}
