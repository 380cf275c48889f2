/** What this machine says about its own way out: default gateway and resolver. Linux; elsewhere nothing is known. */
import { readFileSync } from "node:fs";

/** The gateway of the default route in dotted form, from the text of /proc/net/route; undefined when there is none. */
export function defaultGateway(routes: string): string | undefined {
  for (const line of routes.split("\n").slice(1)) {
    const [, destination, gateway, flags, , , , mask] = line.trim().split(/\s+/);
    if (destination !== "00000000" || mask !== "00000000" || gateway === undefined) continue;
    const up = 1;
    const viaGateway = 2;
    if ((parseInt(flags ?? "0", 16) & (up | viaGateway)) !== (up | viaGateway)) continue;
    // Little-endian hexadecimal (proc(5)).
    const word = parseInt(gateway, 16);
    return [0, 8, 16, 24].map((shift) => (word >>> shift) & 0xff).join(".");
  }
  return undefined;
}

/** The first nameserver of a resolv.conf; undefined when there is none. */
export function firstNameserver(text: string): string | undefined {
  return /^\s*nameserver\s+(\S+)/m.exec(text)?.[1];
}

/** "" when the file cannot be read. */
export function readSystemFile(path: "/proc/net/route" | "/etc/resolv.conf"): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
