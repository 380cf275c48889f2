import { test } from "node:test";
import assert from "node:assert/strict";
import { type DemoTerminal, showDemo } from "../../src/cli/demo_screen.ts";
import {
  type DemoSnapshot,
  type DemoTransition,
  renderDemo,
  summarizeDemo,
} from "../../src/cli/demo_view.ts";
import { cellCount, cutToCells, plainText } from "../../src/cli/text_cells.ts";

// deno-lint-ignore no-control-regex
const SGR = /\x1b\[\d+m/g;

const AT = Date.UTC(2030, 0, 2, 3, 4, 5);

const HOSTILE = "\x1b[2J\x1b[Hrm -rf\r\nfake-up \u202Egnp.exe 数据库数据库数据库数据库数据库 👩‍👩‍👧";

const TRANSITIONS: readonly DemoTransition[] = [
  { wallMs: AT, monitor: "http-00042", from: "degraded", to: "repairing", detail: "connection refused" },
  { wallMs: AT - 1000, monitor: HOSTILE, from: "up", to: "degraded", detail: HOSTILE },
  {
    wallMs: AT - 2000,
    monitor: "a-very-long-name-that-nobody-would-want-to-see-whole",
    from: "repairing",
    to: "verifying",
    detail: "webhook answered 200 in 1.2 s, and went on to talk about it at length",
  },
  ...Array.from({ length: 20 }, (_, i): DemoTransition => (
    { wallMs: AT - 3000 - i * 1000, monitor: `tcp-${i}`, from: "verifying", to: "up", detail: "ok" }
  )),
];

const SNAPSHOT: DemoSnapshot = {
  address: "http://localhost:6060",
  uptimeMs: 134_567,
  monitors: 10_000,
  states: {
    pending: 0,
    up: 9985,
    degraded: 4,
    down: 1,
    repairing: 3,
    verifying: 7,
    maintenance: 0,
    suspect: 0,
  },
  checksTotal: 268_113,
  checksPerSecond: 2003.7,
  checkP95Ms: 1.234,
  lagMs: { p50: 0.41, p95: 0.87, p99: 12.4 },
  pipelines: [
    { name: "pulse", queueDepth: 12, workers: 2, slots: 64, busy: 5 },
    { name: "intervention", queueDepth: 0, workers: 1, slots: 8, busy: 3 },
    { name: "code", queueDepth: 0, workers: 1, slots: 8, busy: 0 },
  ],
  repairs: { running: 3, succeeded: 12, failed: 2 },
  alerts: { red: 1, yellow: 16, green: 9, cyan: 12, gray: 0 },
  alertsWaiting: 0,
  transitions: TRANSITIONS,
};

const GOLDEN = `cpra demo  10,000 monitors  up 2m14s  http://localhost:6060  Ctrl-C stops

 pending             0                  repairing           3 █
 up              9,985 ███████████████  verifying           7 █
 degraded            4 █                maintenance         0
 down                1 █                suspect             0

 checks  2,004/s   268,113 so far   P95 of a check 1.2 ms
 lag     P50 0.4 ms   P95 0.9 ms   P99 12 ms
 pipeline           queue   workers     slots      busy
 pulse                 12         2        64         5
 intervention           0         1         8         3
 code                   0         1         8         0
 repairs 12 done   2 failed   3 running
 alerts  red 1   yellow 16   green 9   cyan 12   gray 0   0 waiting
last transitions (UTC)
`;

test("renderDemo() fills 80 x 24", () => {
  const lines = renderDemo(SNAPSHOT, { columns: 80, rows: 24 }, false);
  assert.equal(lines.length, 24);
  assert.equal(`${lines.slice(0, 16).join("\n")}\n`, GOLDEN);
  assert.equal(lines[16], " 03:04:05 http-00042       degraded → repairing    connection refused");
  assert.equal(
    lines[18],
    " 03:04:03 a-very-long-nam… repairing → verifying   webhook answered 200 in 1.2 …",
  );
});

test("renderDemo() never goes beyond the size it is given, and shows more where there is room", () => {
  for (const columns of [10, 40, 80, 81, 133, 250]) {
    for (const rows of [1, 5, 24, 25, 60]) {
      const lines = renderDemo(SNAPSHOT, { columns, rows }, false);
      assert.equal(lines.length, Math.min(rows, 16 + TRANSITIONS.length));
      for (const line of lines) assert.ok(cellCount(line) <= columns, `${columns} x ${rows}: ${line}`);
    }
  }
});

test("renderDemo() lets nothing through that moves the cursor, forges a line or turns the text around", () => {
  for (const color of [false, true]) {
    const text = renderDemo(SNAPSHOT, { columns: 300, rows: 60 }, color).join("");
    const bare = text.replace(SGR, "");
    // deno-lint-ignore no-control-regex
    assert.doesNotMatch(bare, /[\u0000-\u001f\u007f-\u009f\u2028\u2029]|\p{Cf}/u);
    assert.match(bare, /\\u001b\[2J\\u001b\[Hrm -rf\\u000d\\u000afake-up ·gnp\.exe/);
  }
});

test("renderDemo() colors states, and only when asked to", () => {
  const size = { columns: 80, rows: 24 };
  const colored = renderDemo(SNAPSHOT, size, true);
  assert.ok(colored[16]?.includes("\x1b[35mdegraded → repairing    \x1b[0m"));
  const bare = colored.map((line) => line.replace(SGR, "").trimEnd());
  assert.deepEqual(bare, renderDemo(SNAPSHOT, size, false));
  assert.ok(
    colored.every((line) => (line.match(SGR) ?? []).length % 2 === 0),
    "each color is ended",
  );
});

test("summarizeDemo() says it in one line", () => {
  assert.equal(
    summarizeDemo(SNAPSHOT),
    "2m14s: up 9985, degraded 4, down 1, repairing 3, verifying 7; 2004 checks/s, lag P95 0.9 ms; " +
      "repairs 12 done, 2 failed, 3 running; alerts 38",
  );
});

test("showDemo() draws in place on a terminal, in plain lines elsewhere, and leaves the cursor visible", async () => {
  const written: string[] = [];
  const terminal: DemoTerminal = {
    live: true,
    color: false,
    columns: 80,
    rows: 24,
    write: (text) => void written.push(text),
  };
  const source = (live: boolean) => ({ snapshot: () => SNAPSHOT, terminal: () => ({ ...terminal, live }) });
  await showDemo(source(true), AbortSignal.abort());
  assert.ok(written[0]?.startsWith("\x1b[?25l\x1b[Hcpra demo") && written[0].endsWith("\x1b[J"));
  assert.equal(written[0]?.split("\n").length, 24);
  assert.equal(written.at(-1), "\n\x1b[?25h");
  written.length = 0;
  await showDemo(source(false), AbortSignal.abort());
  assert.deepEqual(written, [`${summarizeDemo(SNAPSHOT)}\n`, `${summarizeDemo(SNAPSHOT)}\n`]);
});

test("cutToCells() counts wide characters as two and never splits one", () => {
  assert.equal(cellCount("数据"), 4);
  assert.equal(cutToCells("数据库", 6), "数据库");
  assert.equal(cutToCells("数据库", 5), "数据…");
  assert.equal(cutToCells("数据库", 4), "数…");
  assert.equal(cutToCells("abc", 1), "…");
  assert.equal(cutToCells("abc", 0), "");
  assert.equal(plainText("e\u0301 \ud800 \u200b"), "é · ·");
});
