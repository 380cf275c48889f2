/** Debian's mail server Exim for tests: one port plain with STARTTLS, one with TLS from the first byte. It relays and stores nothing. */
import { join } from "node:path";
import type { KeyPair } from "../net/certificates.ts";
import { freePort, run, type Service, serviceFolder, startService } from "./service.ts";

export const EXIM = { "/usr/sbin/exim4": "exim4-daemon-light" };

export async function startExim(
  pair: KeyPair,
): Promise<{ readonly service: Service; readonly tlsPort: number }> {
  const [port, tlsPort] = [await freePort(), await freePort()];
  const folder = serviceFolder("smtp", { "cert.pem": pair.cert, "key.pem": pair.key });
  run(["/bin/chmod", "644", join(folder, "key.pem")]);
  run(["/bin/sh", "-c", 'cat >"$0"', join(folder, "conf")], {
    input: `primary_hostname = mail.example.com
spool_directory = ${folder}/spool
log_file_path = ${folder}/%slog
pid_file_path = ${folder}/pid
local_interfaces = 127.0.0.1
daemon_smtp_ports = ${port} : ${tlsPort}
tls_on_connect_ports = ${tlsPort}
tls_advertise_hosts = *
tls_certificate = ${folder}/cert.pem
tls_privatekey = ${folder}/key.pem
rfc1413_query_timeout = 0s
helo_lookup_domains =
keep_environment =
smtp_accept_max = 20
begin acl
begin routers
begin transports
begin retry
begin rewrite
begin authenticators
`,
  });
  run(["/bin/sh", "-c", `mkdir -p ${folder}/spool && chown Debian-exim ${folder} ${folder}/spool`]);
  const service = await startService({
    argv: ["/usr/sbin/exim4", "-bdf", "-C", join(folder, "conf")],
    folder,
    port,
  });
  return { service, tlsPort };
}
