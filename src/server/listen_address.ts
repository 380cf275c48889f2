/** Where the server listens, as a user writes it: "localhost:6060", "[::1]:6060", ":6060", "0.0.0.0:6060". */
export interface ListenAddress {
  readonly hostname: string;
  /** 0 lets the kernel choose. */
  readonly port: number;
}

/** What an error message tells the user to write. */
export const LISTEN_FORMS = 'HOST:PORT such as "localhost:6060", "[::1]:6060" or "0.0.0.0:6060"';

/** Undefined when the text is no address. ":6060" is every address of this machine, as in Go. */
export function parseListenAddress(text: string): ListenAddress | undefined {
  const parts = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]*)):(\d{1,5})$/.exec(text.trim());
  if (parts === null) return undefined;
  const port = Number(parts[3]);
  if (port > 65535) return undefined;
  return { hostname: parts[1] ?? (parts[2] || "0.0.0.0"), port };
}

/** The address in a URL or a message: IPv6 in brackets. */
export function formatListenAddress({ hostname, port }: ListenAddress): string {
  return `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
}

/**
 * True when only this machine can reach it: 127.0.0.0/8 (RFC 1122 §3.2.1.3), ::1 and "localhost" (RFC 6761 §6.3). A name
 * that merely resolves to such an address does not count: it may resolve otherwise tomorrow.
 */
export function isLoopback(hostname: string): boolean {
  const host = hostname.toLowerCase();
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}
