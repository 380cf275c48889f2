/**
 * Whether this process may send ICMP echo requests, and what to do when it may not: by ping sockets, for the groups in
 * net.ipv4.ping_group_range (icmp(7)), or by raw sockets, with CAP_NET_RAW (capabilities(7)). Linux; elsewhere unknown.
 */
import { readFileSync } from "node:fs";
import process from "node:process";

const RANGE_FILE = "/proc/sys/net/ipv4/ping_group_range";
const CAP_NET_RAW = 13n;

/** For the text of a check that was not permitted; fits its 200 bytes for programs at usual places. */
export function permissionAdvice({ unprivileged }: { readonly unprivileged: boolean }): string {
  const sysctl = 'sysctl -w net.ipv4.ping_group_range="0 2147483647"';
  if (unprivileged) return `ping sockets are not permitted; run: ${sysctl}`;
  return `neither ping nor raw sockets are permitted; run: ${sysctl} or: setcap cap_net_raw+ep ${process.execPath}`;
}

/** Undefined: permitted, as far as can be seen without a socket. */
export function pingHindrance(): string | undefined {
  const range = textOf(RANGE_FILE);
  const status = textOf("/proc/self/status");
  if (range === "" || status === "") return undefined;
  return mayPing(range, status) ? undefined : permissionAdvice({ unprivileged: false });
}

/** From the texts of the two files. */
export function mayPing(range: string, status: string): boolean {
  const [from = 1, to = 0] = range.trim().split(/\s+/).map(Number);
  const field = (name: string) => new RegExp(`^${name}:\\s*(.*)$`, "m").exec(status)?.[1] ?? "";
  const [, effectiveGroup = "-1"] = field("Gid").split(/\s+/);
  const groups = [effectiveGroup, ...field("Groups").split(/\s+/).filter((group) => group !== "")].map(
    Number,
  );
  if (groups.some((group) => group >= from && group <= to)) return true;
  const capabilities = field("CapEff");
  return /^[0-9a-f]+$/.test(capabilities) && ((BigInt(`0x${capabilities}`) >> CAP_NET_RAW) & 1n) === 1n;
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
