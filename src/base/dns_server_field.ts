/** The schema field for the address of a DNS server. */
import { isIP } from "node:net";
import { type Schema, z } from "./schema.ts";

const DNS_PORT = 53;

/** "192.0.2.53", "192.0.2.53:5353", "2001:db8::53" or "[2001:db8::53]:5353". An address, since its name would need a server. */
export function dnsServerField(): Schema<{ readonly address: string; readonly port: number }> {
  return z.string().transform((text, context) => {
    const parts = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(text);
    const isBare = isIP(text) !== 0;
    const address = isBare ? text : parts?.[1] ?? parts?.[2] ?? "";
    const port = isBare || parts?.[3] === undefined ? DNS_PORT : Number(parts[3]);
    if (isIP(address) !== 0 && port >= 1 && port <= 65_535) return { address, port };
    context.addIssue({
      code: "custom",
      message: 'expected an address such as "192.0.2.53" or "[2001:db8::53]:5353"',
    });
    return z.NEVER;
  });
}
