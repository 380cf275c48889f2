/** Small plug-ins with the shapes that the real ones have, so that the manifest's messages do not change with them. */
import { durationField, headersField, PORT_FIELD } from "../../src/base/fields.ts";
import { z } from "../../src/base/schema.ts";
import type { Notifier, Probe, Registries, Remedy } from "../../src/model/plugin.ts";

function never(): never {
  throw new Error("these plug-ins are for validation only");
}

function probe<T>(parts: Pick<Probe<T>, "kind" | "aliases" | "schema" | "example" | "split">): Probe {
  return {
    summary: `a fake ${parts.kind}`,
    descriptors: 1,
    estimateMs: 10,
    run: never,
    ...parts,
  } as unknown as Probe;
}

const HTTP = probe({
  kind: "http",
  aliases: ["https"],
  example:
    "name: web\npulse_check:\n  type: http\n  interval: 30s\n  config:\n    url: http://127.0.0.1:8080/\n",
  schema: z.strictObject({
    url: z.string().refine((text) => /^https?:\/\/[^/\s]+/.test(text), {
      error: "expected a URL such as https://example.com/health",
    }),
    method: z.enum(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]).default("GET"),
    headers: headersField().default([]),
    expected_status: z.union([
      z.number().int().min(100).max(599),
      z.string(),
      z.array(z.union([z.number(), z.string()])),
    ])
      .optional(),
    auth: z.union([
      z.strictObject({ username: z.string(), password: z.string() }),
      z.strictObject({ token: z.string().min(8) }),
    ]).optional(),
    max_latency: durationField().optional(),
    insecure: z.boolean().default(false),
  }),
  split: ({ url, ...shared }) => ({ target: url, shared }),
});

const TCP = probe({
  kind: "tcp",
  aliases: [],
  example:
    "name: db\npulse_check:\n  type: tcp\n  interval: 5s\n  tcp:\n    host: 127.0.0.1\n    port: 5432\n",
  schema: z.strictObject({ host: z.string().min(1), port: PORT_FIELD }),
  split: ({ host, port }) => ({ target: `${host}:${port}`, shared: {} }),
});

const SCRIPT = probe({
  kind: "script",
  aliases: ["command", "exec"],
  example: "name: disk\npulse_check:\n  type: script\n  interval: 1m\n  config:\n    path: /usr/bin/true\n",
  schema: z.strictObject({ path: z.string().min(1), args: z.array(z.string()).default([]) }),
  split: ({ path, ...shared }) => ({ target: path, shared }),
});

function remedy<T>(parts: Pick<Remedy<T>, "kind" | "schema" | "split">): Remedy {
  const rest = { aliases: [], example: "", descriptors: 1, estimateMs: 1000, describe: never, run: never };
  return { summary: `a fake ${parts.kind}`, ...rest, ...parts } as unknown as Remedy;
}

const DOCKER = remedy({
  kind: "docker",
  schema: z.strictObject({
    container: z.string().min(1),
    action: z.enum(["restart", "start", "stop", "kill"]).optional(),
    type: z.enum(["restart", "start", "stop", "kill"]).optional(),
    timeout: durationField().optional(),
  }),
  split: ({ container, ...shared }) => ({ target: container, shared }),
});

function notifier<T>(parts: Pick<Notifier<T>, "kind" | "aliases" | "schema">): Notifier {
  const rest = { example: "", descriptors: 1, estimateMs: 50, timeoutMs: 5000, describe: never, open: never };
  return { summary: `a fake ${parts.kind}`, ...rest, ...parts } as unknown as Notifier;
}

const LOG = notifier({ kind: "log", aliases: ["file"], schema: z.strictObject({ file: z.string().min(1) }) });
const CONSOLE = notifier({ kind: "console", aliases: [], schema: z.strictObject({}) });
const PAGERDUTY = notifier({
  kind: "pagerduty",
  aliases: [],
  schema: z.strictObject({
    url: z.string().default("https://events.pagerduty.com/v2/enqueue"),
    routing_key: z.string().length(32).optional(),
  }),
});

export const FAKE_REGISTRIES: Registries = {
  probes: [HTTP, TCP, SCRIPT],
  remedies: [DOCKER],
  notifiers: [LOG, CONSOLE, PAGERDUTY],
};
