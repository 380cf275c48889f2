/**
 * Checks that an SSH server introduces itself (RFC 4253 §4.2): up to 50 lines of greeting, then "SSH-2.0-…". Our own line
 * follows, so that the server's log shows an ordinary leave-taking. Keys and logins are not tried.
 */
import { z } from "../base/schema.ts";
import { stop } from "../net/wire.ts";
import { streamProbe } from "./stream_probe.ts";

const GREETING_LINES_MAX = 50;

export const SSH = streamProbe({
  kind: "ssh",
  summary: "SSH server: protocol 2 banner, optionally its software",
  port: 22,
  fields: { expect: z.string().default("") },
  example: `name: bastion
pulse_check:
  type: ssh
  interval: 1m
  timeout: 5s
  config:
    host: bastion.example.com
    expect: OpenSSH
`,
  async converse(wire, { config }) {
    let line = await wire.line();
    for (let lines = 1; !line.startsWith("SSH-") && lines < GREETING_LINES_MAX; lines++) {
      line = await wire.line();
    }
    // A server that also speaks 1.x calls itself 1.99 (§5.1).
    if (!/^SSH-(?:2\.0|1\.99)-[\x21-\x2c\x2e-\x7e]/.test(line)) throw stop("protocol", line);
    if (!line.includes(config.expect)) throw stop("expect_mismatch", line);
    wire.write("SSH-2.0-cpra\r\n");
    await wire.flushed();
  },
});
