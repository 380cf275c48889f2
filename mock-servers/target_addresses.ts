/**
 * Where target i of the mock fleet lives: arithmetic instead of tables, so that a million targets cost nothing.
 * Linux answers for all of 127.0.0.0/8, so one socket on 0.0.0.0 is 16 million addresses. Slots 0, 1, 2 … are 127.1.0.1,
 * 127.1.0.2 …; several ports share a slot: target i lives at slot floor(i / ports) on port i mod ports.
 * 127.0.x.y and 127.255.x.y stay free for what else the machine runs there.
 */
const LAST_OCTETS = 254;
const MIDDLE_OCTETS = 256;
const FIRST_OCTETS = 254;

/** Addresses there are; slots count from 0. */
export const SLOT_COUNT = LAST_OCTETS * MIDDLE_OCTETS * FIRST_OCTETS;

export function hostOfSlot(slot: number): string {
  const last = 1 + slot % LAST_OCTETS;
  const rest = Math.floor(slot / LAST_OCTETS);
  return `127.${1 + Math.floor(rest / MIDDLE_OCTETS)}.${rest % MIDDLE_OCTETS}.${last}`;
}

/** The slot of an address in dotted form, or -1 when it is none of the fleet's. */
export function slotOfHost(host: string): number {
  if (!host.startsWith("127.")) return -1;
  const octets = [0, 0, 0];
  let octet = 0;
  for (let i = 4; i < host.length; i++) {
    const code = host.charCodeAt(i);
    if (code === 46) octet++;
    else octets[octet] = (octets[octet] as number) * 10 + code - 48;
  }
  const [first, middle, last] = octets as [number, number, number];
  if (first < 1 || first > FIRST_OCTETS || last < 1 || last > LAST_OCTETS) return -1;
  return ((first - 1) * MIDDLE_OCTETS + middle) * LAST_OCTETS + last - 1;
}

/** Where target `index` lives when the fleet listens on `ports`. */
export function sharedPlace(
  index: number,
  ports: readonly number[],
): { readonly host: string; readonly port: number } {
  return { host: hostOfSlot(Math.floor(index / ports.length)), port: ports[index % ports.length] as number };
}
