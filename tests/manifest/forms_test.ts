import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { renderProblems } from "../../src/manifest/problem.ts";
import type { MonitorSpec } from "../../src/model/monitor.ts";
import { loadText, manifestFolder } from "./manifest_folder.ts";

const TCP = "type: tcp, interval: 20s, config: {host: h, port: 1}";

async function one(text: string, options: Parameters<typeof loadText>[1] = {}): Promise<MonitorSpec> {
  const { monitors } = await loadText(text, options);
  assert.equal(monitors.length, 1);
  return monitors[0] as MonitorSpec;
}

test("a monitor has every default filled in", async () => {
  assert.deepEqual(await one(`- {name: a, pulse_check: {${TCP}}}`), {
    name: "a",
    enabled: true,
    probe: { kind: "tcp", target: "h:1", config: {} },
    intervalMs: 20_000,
    timeoutMs: 10_000,
    retries: 0,
    unhealthyThreshold: 1,
    healthyThreshold: 2,
    verificationChecks: 3,
    verificationTimeoutMs: 0,
    codes: {},
    groups: [],
    labels: {},
    dependsOn: [],
    metadata: {},
  });
});

test("all spellings of one check are one check", async () => {
  const spellings = [
    "pulse_check: {type: http, interval: 90s, timeout: 5s, max_failures: 3, config: {url: http://h/, retries: 2}}",
    "pulse: {type: http, interval: 1m30s, timeout: 5, unhealthy_threshold: 3, retries: 2, http: {url: http://h/}}",
    "pulse: {type: https, interval: 90, timeout: 5000ms, max_failures: 3, https: {url: http://h/, retries: 2}, retries: 2}",
    'pulse: {type: HTTP, interval: "90", timeout: 5s, max_failures: 3, http: {url: http://h/, retries: 2}}',
  ];
  const specs = await Promise.all(spellings.map((text) => one(`- name: a\n  ${text}`)));
  for (const spec of specs) assert.deepEqual(spec, specs[0]);
  assert.deepEqual([specs[0]?.intervalMs, specs[0]?.retries, specs[0]?.unhealthyThreshold], [90_000, 2, 3]);
});

test("thresholds: the explicit one wins, verification follows the healthy threshold when that is set", async () => {
  const counts = (
    spec: MonitorSpec,
  ) => [spec.unhealthyThreshold, spec.healthyThreshold, spec.verificationChecks];
  const of = async (keys: string) => counts(await one(`- {name: a, pulse_check: {${TCP}${keys}}}`));
  assert.deepEqual(await of(""), [1, 2, 3]);
  assert.deepEqual(await of(", healthy_threshold: 5"), [1, 5, 5]);
  assert.deepEqual(await of(", healthy_threshold: 5, verification: {checks: 4}"), [1, 5, 4]);
  assert.deepEqual(await of(", unhealthy_threshold: 4, max_failures: 4"), [4, 2, 3]);
  using folder = manifestFolder({
    "a.yaml": `- {name: a, pulse_check: {${TCP}, unhealthy_threshold: 4, max_failures: 2}}`,
  });
  const both = await folder.load();
  assert.deepEqual([both.monitors[0]?.unhealthyThreshold, both.warningCount], [4, 1]);
  const spec = await one(`- {name: a, pulse_check: {${TCP}, verification: {timeout: 2m}}}`);
  assert.equal(spec.verificationTimeoutMs, 120_000);
});

test("the timeout defaults to the interval, at most 10 s", async () => {
  const short = await one(
    `- {name: a, pulse_check: {type: tcp, interval: 500ms, config: {host: h, port: 1}}}`,
  );
  assert.equal(short.timeoutMs, 500);
});

test("target and config of an intervention are one block, action and type one word", async () => {
  const spellings = [
    "{action: docker, config: {container: c, action: stop}}",
    "{type: docker, target: {container: c, action: stop}}",
    "{action: docker, type: docker, target: {container: c}, config: {container: c, action: stop}}",
  ];
  for (const text of spellings) {
    const spec = await one(`- {name: a, pulse_check: {${TCP}}, intervention: ${text}}`);
    assert.deepEqual(spec.remedy, {
      kind: "docker",
      target: "c",
      config: { action: "stop" },
      retries: 0,
      maxFailures: 1,
      timeoutMs: 60_000,
    });
  }
});

test("codes take colors in any case, every dispatch, lists of notifiers and groups of them", async () => {
  const spec = await one(`
notify_groups:
  ops: [{notify: log, config: {file: /ops}}, {notify: console}]
monitors:
  - name: a
    pulse_check: {${TCP}}
    codes:
      RED: {notify: [file, console], config: {file: /red}, notify_groups: [ops], repeat: 1h}
      Yellow: {dispatch: failure, notify: console}
      green: {dispatch: on_transition, notify: console, cooldown: 0}
      Cyan: {dispatch: always, notify: console, cooldown: 1m}
      grey: {dispatch: false, notify: console}
`);
  const dispatches = Object.fromEntries(
    Object.entries(spec.codes).map(([color, code]) => [color, code.dispatch]),
  );
  assert.deepEqual(dispatches, {
    red: "transition",
    yellow: "transition",
    green: "transition",
    cyan: "always",
    gray: "never",
  });
  // The group's console is the same channel as the code's own: told once.
  assert.deepEqual(spec.codes.red?.channels, [
    { kind: "log", config: { file: "/red" } },
    { kind: "console", config: {} },
    { kind: "log", config: { file: "/ops" } },
  ]);
  assert.deepEqual([spec.codes.red?.repeatMs, spec.codes.red?.cooldownMs, spec.codes.green?.cooldownMs], [
    3_600_000,
    300_000,
    0,
  ]);
});

test("one text or a list, numbers and booleans in labels, metadata as it is", async () => {
  const { monitors } = await loadText(`
- name: a
  enabled: false
  pulse_check: {${TCP}}
  groups: edge
  labels: {tier: 1, canary: true, team: core}
  metadata: {runbook: {url: x, steps: [1, null]}}
- {name: b, depends_on: c, groups: [x, y], pulse_check: {${TCP}}}
- {name: c, depends_on: [a, d], pulse_check: {${TCP}}}
- {name: d, pulse_check: {${TCP}}}
`);
  const [a, b, c] = monitors;
  assert.equal(a?.enabled, false);
  assert.deepEqual(a?.labels, { tier: "1", canary: "true", team: "core" });
  assert.deepEqual(a?.metadata, { runbook: { url: "x", steps: [1, null] } });
  assert.deepEqual([a?.groups, b?.groups, b?.dependsOn, c?.dependsOn], [["edge"], ["x", "y"], ["c"], [
    "a",
    "d",
  ]]);
});

test("a monitor lies over its template, and that over the defaults, by meaning and not by spelling", async () => {
  const { monitors } = await loadText(`
defaults:
  pulse: {interval: 1m, unhealthy_threshold: 5, retries: 1}
  labels: {region: eu, team: none}
  intervention: {action: docker, config: {container: fallback, action: restart}}
  codes: {Red: {notify: log, config: {file: /default}}, grey: {notify: console}}
templates:
  web:
    pulse_check: {type: http, max_failures: 4, http: {method: HEAD, headers: {A: b}}}
    labels: {team: web}
monitors:
  - {name: a, template: web, pulse_check: {config: {url: "http://a/"}}}
  - {name: b, template: web, pulse: {max_failures: 2, interval: 5s, config: {url: "http://b/", method: GET}}, labels: {region: us}}
  - {name: c, template: web, pulse_check: {type: tcp, config: {host: h, port: 1}}, intervention: {target: {container: mine}}}
  - {name: d, template: web, pulse_check: {config: {url: "http://d/"}}, intervention: , codes: {red: {notify: console}, GRAY: }}
`);
  const [a, b, c, d] = monitors;
  assert.deepEqual([a?.intervalMs, a?.unhealthyThreshold, a?.retries, a?.labels], [60_000, 4, 1, {
    region: "eu",
    team: "web",
  }]);
  assert.deepEqual(a?.probe, {
    kind: "http",
    target: "http://a/",
    config: { method: "HEAD", headers: [["A", "b"]], insecure: false },
  });
  assert.deepEqual([b?.intervalMs, b?.unhealthyThreshold, b?.labels], [5000, 2, {
    region: "us",
    team: "web",
  }]);
  assert.equal((b?.probe.config as { method: string }).method, "GET");
  // Another type takes nothing of the template's configuration; the same remedy does.
  assert.deepEqual(c?.probe, { kind: "tcp", target: "h:1", config: {} });
  assert.deepEqual([c?.remedy?.target, c?.remedy?.config], ["mine", { action: "restart" }]);
  // "key:" and nothing after it takes the inherited value away; another notifier takes nothing of the other's.
  assert.equal(d?.remedy, undefined);
  assert.deepEqual(d?.codes.red?.channels, [{ kind: "console", config: {} }]);
  assert.deepEqual(Object.keys(d?.codes ?? {}), ["red"]);
});

test("variables are filled in values only, typed where the whole value is one, and $$ is a dollar sign", async () => {
  const env = { HOST: "db.example.com", PORT: "5432", EMPTY: "", ON: "false" };
  const spec = await one(
    `
- name: "\${HOST}-\${MISSING:-x y}-\${EMPTY:-z}-\${EMPTY}-$$5-$HOST"
  enabled: \${ON}
  labels: {"\${HOST}": "\${PORT}"}
  pulse_check: {type: tcp, interval: "\${EVERY:-30s}", config: {host: "\${HOST}", port: "\${PORT}"}}
`,
    { env },
  );
  assert.equal(spec.name, "db.example.com-x y-z--$5-$HOST");
  assert.deepEqual(spec.labels, { "${HOST}": "5432" });
  assert.equal(spec.probe.target, "db.example.com:5432");
  assert.deepEqual([spec.enabled, spec.intervalMs], [false, 30_000]);
});

test("secrets come from files beside the manifest, and no message repeats them", async () => {
  const key = "0123456789abcdef0123456789abcdef";
  using folder = manifestFolder({
    "a.yaml":
      `- {name: a, pulse_check: {${TCP}}, codes: {red: {notify: [pagerduty, console], config: {routing_key_file: key.secret}}}}\n` +
      `- {name: b, pulse_check: {${TCP}}, codes: {red: {notify: pagerduty, config: {routing_key_file: wrong.secret}}}}\n` +
      `- {name: c, pulse_check: {type: http, interval: 5s, config: {url: "http://h/", auth: {token_file: wrong.secret}}}}\n`,
    "key.secret": `${key}\n`,
    "wrong.secret": "hunter2\n",
    "big.secret": "x".repeat(65 * 1024),
  });
  const loaded = await folder.load();
  const text = renderProblems(loaded).join("\n");
  assert.equal(loaded.errorCount, 2, text);
  assert.ok(!text.includes("hunter2"), text);
  assert.match(
    text,
    /routing_key_file: found the content of routing_key_file, expected exactly 32 characters/,
  );
  const [a] = loaded.monitors;
  assert.deepEqual((a?.codes.red?.channels[0]?.config as Record<string, unknown>).routing_key, key);
  writeFileSync(
    join(folder.path, "a.yaml"),
    `- {name: a, pulse_check: {${TCP}}, codes: {red: {notify: pagerduty, config: {routing_key_file: big.secret}}}}`,
  );
  assert.match(renderProblems(await folder.load()).join(), /larger than 64 KiB/);
});

test("maintenance windows come out with their times and whom they are for", async () => {
  const { maintenance } = await loadText(`
groups: {edge: {}, core: {}}
maintenance:
  - {name: once, start: 2031-01-31T22:00:00Z, end: "2031-02-01T01:00:00+02:00", monitors: a}
  - {days: [mon, fri], from: "22:30", to: "02:00", zone: Europe/Berlin, groups: [edge, core], labels: {tier: 1}}
  - {from: "00:00", to: "00:00", all: true}
monitors:
  - {name: a, pulse_check: {${TCP}}}
`);
  const start = Date.UTC(2031, 0, 31, 22);
  const nobody = { all: false, monitors: [], groups: [], labels: {} };
  assert.deepEqual(maintenance, [
    {
      name: "once",
      match: { ...nobody, monitors: ["a"] },
      time: { kind: "once", startMs: start, endMs: start + 3_600_000 },
    },
    {
      name: "maintenance 2",
      match: { ...nobody, groups: ["edge", "core"], labels: { tier: "1" } },
      time: { kind: "weekly", days: [1, 5], fromMinute: 1350, toMinute: 120, zone: "Europe/Berlin" },
    },
    {
      name: "maintenance 3",
      match: { ...nobody, all: true },
      time: { kind: "weekly", days: [0, 1, 2, 3, 4, 5, 6], fromMinute: 0, toMinute: 0, zone: "UTC" },
    },
  ]);
});
