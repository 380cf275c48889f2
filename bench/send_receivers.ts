/** What the bench of sends sends to, as a process of its own: an HTTP server and an SMTP server that take everything. */
import { createServer } from "node:http";
import type { AddressInfo, Server } from "node:net";
import { SMTPServer } from "smtp-server";

const OK = '{"ok":true,"ts":"1.1","status":1}';

const http = createServer((request, response) => {
  request.resume();
  request.on("end", () => response.writeHead(200, { "Content-Type": "application/json" }).end(OK));
});
const smtp = new SMTPServer({
  authOptional: true,
  disabledCommands: ["STARTTLS", "AUTH"],
  disableReverseLookup: true,
  onData(stream, _session, callback) {
    stream.resume();
    stream.on("end", () => callback(null));
  },
});
await Promise.all([
  new Promise<void>((resolve) => http.listen(0, "127.0.0.1", () => resolve())),
  new Promise<void>((resolve) => void smtp.listen(0, "127.0.0.1", () => resolve())),
]);
const port = (server: Server) => (server.address() as AddressInfo).port;
process.stdout.write(`${JSON.stringify({ http: port(http), smtp: port(smtp.server) })}\n`);
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
