/** What every remedy promises, whatever it does: one suite over the registry. */
import { test } from "node:test";
import assert from "node:assert/strict";
import { z } from "../../src/base/schema.ts";
import { REMEDIES } from "../../src/remedies/registry.ts";

/** A configuration per kind that can be run without doing anything. */
const CONFIGS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  docker: { container: "nobody", socket: "/nonexistent/docker.sock" },
  script: { path: "/bin/true" },
  ssh: { host: "127.0.0.1", port: 1, command: "true T0KEN" },
  systemd: { unit: "nobody", socket: "/nonexistent/bus" },
  kubernetes: {
    action: "restart",
    kind: "deployment",
    name: "web",
    server: "https://127.0.0.1:1",
    token: "T0KEN",
  },
  webhook: { url: "http://127.0.0.1:1/T0KEN" },
};

test("every remedy has a name of its own, a summary, an example and a configuration here", () => {
  const names = REMEDIES.flatMap((remedy) => [remedy.kind, ...remedy.aliases]);
  assert.deepEqual(names, [...new Set(names)]);
  for (const remedy of REMEDIES) {
    assert.match(remedy.kind, /^[a-z]+$/);
    assert.ok(remedy.summary.length > 10 && !remedy.summary.includes("\n"));
    assert.match(remedy.example, new RegExp(`^intervention:\n  action: ${remedy.kind}$`, "m"));
    assert.ok(remedy.descriptors >= 0 && remedy.estimateMs > 0);
    assert.ok(CONFIGS[remedy.kind] !== undefined, remedy.kind);
  }
});

test("every remedy refuses unknown keys and has a JSON Schema", () => {
  for (const remedy of REMEDIES) {
    assert.equal(
      remedy.schema.safeParse({ ...CONFIGS[remedy.kind], nonsense: 1 }).success,
      false,
      remedy.kind,
    );
    assert.equal(remedy.schema.safeParse({}).success, false, `${remedy.kind}: an empty target is an error`);
    assert.ok(
      JSON.stringify(z.toJSONSchema(remedy.schema, { io: "input" })).includes("properties"),
      remedy.kind,
    );
  }
});

test("every remedy survives the round trip of its configuration, and does nothing once it is aborted", async () => {
  for (const remedy of REMEDIES) {
    const { target, shared } = remedy.split(remedy.schema.parse(CONFIGS[remedy.kind]));
    assert.ok(target !== "", remedy.kind);
    const config: unknown = JSON.parse(JSON.stringify(shared));
    assert.deepEqual(config, shared, remedy.kind);
    const words = remedy.describe(target, config);
    assert.match(words, /^[a-z]+ \S/, remedy.kind);
    assert.doesNotMatch(words, /T0KEN/);
    const request = { monitor: "m", incident: "i", attempt: 1, error: "", timeoutMs: 1000, target, config };
    const result = await remedy.run(request, AbortSignal.abort());
    assert.equal(result.ok, false, remedy.kind);
    assert.ok(result.text !== "" && !result.text.includes("T0KEN"));
  }
});
