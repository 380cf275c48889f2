/** The log notifier on real files: bursts, order, rotation, full disks. */
import { test } from "node:test";
import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { gunzipSync } from "node:zlib";
import { LOG } from "../../src/notifiers/log.ts";
import { alertMessage } from "../support/alert_message.ts";

const NEVER = new AbortController().signal;

function open(config: unknown) {
  return LOG.open(LOG.schema.parse(config));
}

function temporary() {
  const folder = mkdtempSync(join(tmpdir(), "cpra-log-"));
  return { folder, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
}

function lines(file: string): Record<string, unknown>[] {
  const text = readFileSync(file, "utf8");
  assert.ok(text === "" || text.endsWith("\n"));
  return text.split("\n").slice(0, -1).map((line) => JSON.parse(line));
}

test("log appends one JSON line per alert and creates its file with mode 0640", async () => {
  using place = temporary();
  const file = join(place.folder, "alerts.log");
  const channel = open({ file });
  assert.equal(existsSync(file), false, "nothing is touched before the first alert");
  const message = alertMessage({ summary: "two\nlines \u2028 and \u0000" });
  assert.deepEqual(await channel.send(message, NEVER), { result: "sent" });
  assert.equal(statSync(file).mode & 0o777 & ~process.umask(), 0o640 & ~process.umask());
  const [line] = lines(file);
  assert.equal(line?.["summary"], message.summary);
  assert.equal(line?.["color"], "red");
  assert.equal(line?.["key"], message.key);
  await channel.close();
});

test("log writes 1,000 alerts sent at once as 1,000 whole lines, each sender's in order", async () => {
  using place = temporary();
  const file = join(place.folder, "alerts.log");
  writeFileSync(file, '{"kept":true}\n');
  // Two channels on one file, as two code workers have them.
  const channels = [open({ file }), open({ file })];
  const sender = async (name: number) => {
    for (let seq = 0; seq < 20; seq++) {
      const message = alertMessage({ monitor: `m${name}`, seq, summary: "x".repeat(name * 50) });
      const result = await (channels[name % 2] as (typeof channels)[0]).send(message, NEVER);
      assert.equal(result.result, "sent");
    }
  };
  await Promise.all(Array.from({ length: 50 }, (_, name) => sender(name)));
  const burst = Array.from(
    { length: 1000 },
    (_, seq) => channels[0]?.send(alertMessage({ monitor: "burst", seq }), NEVER),
  );
  assert.ok((await Promise.all(burst)).every((result) => result?.result === "sent"));

  const written = lines(file);
  assert.deepEqual(written.shift(), { kept: true });
  assert.equal(written.length, 2000);
  const last = new Map<unknown, number>();
  for (const { monitor, seq } of written) {
    assert.equal(seq, (last.get(monitor) ?? -1) + 1, `order of ${monitor}`);
    last.set(monitor, seq as number);
  }
  await Promise.all(channels.map((channel) => channel.close()));
});

test("log goes on in a new file after every rename and reopen, and loses no line in between", async () => {
  using place = temporary();
  const file = join(place.folder, "alerts.log");
  const channel = open({ file });
  const summary = "x".repeat(20_000);
  const sends: Promise<unknown>[] = [];
  const files = [file];
  for (let rotation = 0; rotation < 20; rotation++) {
    for (let i = 0; i < 30; i++) {
      sends.push(channel.send(alertMessage({ seq: sends.length, summary }), NEVER));
    }
    // Now and then in the middle of a write.
    if (rotation % 2 === 0) await sends[sends.length - 30];
    const old = `${file}.${rotation}`;
    if (existsSync(file)) {
      renameSync(file, old);
      files.splice(-1, 0, old);
    }
    const reopened = channel.reopen();
    if (rotation % 3 === 0) await reopened;
  }
  for (const result of await Promise.all(sends)) assert.deepEqual(result, { result: "sent" });
  const seqs = files.flatMap(lines).map((line) => line["seq"]);
  assert.deepEqual(seqs, sends.map((_, seq) => seq));
  await channel.close();
});

test("log says what is wrong with its place, and works once that is put right", async () => {
  using place = temporary();
  const file = join(place.folder, "gone", "alerts.log");
  const channel = open({ file });
  assert.deepEqual(await channel.send(alertMessage(), NEVER), {
    result: "retry",
    error: `log ${file}: its directory does not exist`,
  });
  mkdirSync(join(place.folder, "gone"));
  assert.deepEqual(await channel.send(alertMessage(), NEVER), { result: "sent" });
  await channel.close();
  assert.deepEqual(await open({ file: place.folder }).send(alertMessage(), NEVER), {
    result: "refused",
    error: `log ${place.folder}: it is a directory`,
  });
  assert.deepEqual(await open({ file: "/dev/full" }).send(alertMessage(), NEVER), {
    result: "retry",
    error: "log /dev/full: no space left on the disk",
  });
});

test("log on a disk that fills up and is emptied again has every accepted line whole", async (context) => {
  using place = temporary();
  const disk = join(place.folder, "disk");
  mkdirSync(disk);
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=16k", "tmpfs", disk], { stdio: "pipe" });
  } catch {
    context.skip?.("needs the right to mount a tmpfs");
    return;
  }
  try {
    const file = join(disk, "alerts.log");
    const ballast = join(disk, "ballast");
    writeFileSync(ballast, "x".repeat(8192));
    const channel = open({ file });
    const sent: number[] = [];
    const send = async (seq: number) => {
      const result = await channel.send(alertMessage({ seq, summary: "y".repeat(1500) }), NEVER);
      if (result.result === "sent") sent.push(seq);
      return result;
    };
    const results = await Promise.all(Array.from({ length: 10 }, (_, seq) => send(seq)));
    assert.deepEqual(results.at(-1), { result: "retry", error: `log ${file}: no space left on the disk` });
    rmSync(ballast);
    assert.deepEqual(await send(100), { result: "sent" });
    const whole = readFileSync(file, "utf8").split("\n").flatMap((line) => {
      try {
        return [(JSON.parse(line) as { seq: number }).seq];
      } catch {
        return [];
      }
    });
    assert.deepEqual(sent.filter((seq) => !whole.includes(seq)), []);
    assert.equal(whole.at(-1), 100, "nothing is joined to the line that was cut");
    assert.ok(whole.length > 1, "the lines that still fitted are there");
    await channel.close();
  } finally {
    execFileSync("umount", ["-l", disk]);
  }
});

test("log does not join a line to what a crash left of another", async () => {
  using place = temporary();
  const file = join(place.folder, "alerts.log");
  writeFileSync(file, '{"seq":1}\n{"seq":');
  const channel = open({ file });
  await channel.send(alertMessage({ seq: 2 }), NEVER);
  await channel.reopen();
  await channel.send(alertMessage({ seq: 3 }), NEVER);
  await channel.close();
  const [first, broken, second, third, end] = readFileSync(file, "utf8").split("\n");
  assert.deepEqual([first, broken, end], ['{"seq":1}', '{"seq":', ""]);
  assert.deepEqual([second, third].map((line) => JSON.parse(line ?? "").seq), [2, 3]);
});

test("log settles at its signal when the file takes nothing, and holds back no later line", async () => {
  using place = temporary();
  const pipe = join(place.folder, "pipe");
  execFileSync("mkfifo", [pipe]);
  const channel = open({ file: pipe });
  // Opening a FIFO for writing waits for a reader.
  const first = channel.send(alertMessage({ seq: 1 }), AbortSignal.timeout(50));
  await new Promise((resolve) => setTimeout(resolve, 1));
  const second = channel.send(alertMessage({ seq: 2 }), AbortSignal.timeout(50));
  const third = channel.send(alertMessage({ seq: 3 }), NEVER);
  const late = { result: "retry", error: `log ${pipe}: not written in time` };
  assert.deepEqual(await Promise.all([first, second]), [late, late]);
  const read = promisify(execFile)("head", ["-n", "2", pipe]);
  assert.deepEqual(await third, { result: "sent" });
  const seqs = (await read).stdout.trim().split("\n").map((line) =>
    (JSON.parse(line) as { seq: number }).seq
  );
  assert.deepEqual(seqs, [1, 3], "what was given up before its write began is not written");
  await channel.close();
});

test("log rotates by size: nothing is lost over writers, at most so many files, older ones compressed", async () => {
  using place = temporary();
  const file = join(place.folder, "alerts.log");
  const config = { file, "max_size": "16KiB", keep: 200, gzip: true };
  const channels = Array.from({ length: 4 }, () => open(config));
  const sender = async (name: number) => {
    for (let seq = 0; seq < 60; seq++) {
      const message = alertMessage({ monitor: `m${name}`, seq, summary: "x".repeat(500) });
      assert.deepEqual(await (channels[name % 4] as (typeof channels)[0]).send(message, NEVER), {
        result: "sent",
      });
    }
  };
  await Promise.all([0, 1, 2, 3, 4, 5, 6, 7].map(sender));
  for (const channel of channels) await channel.close();
  const files = readdirSync(place.folder);
  assert.ok(
    files.length >= 4 && files.includes("alerts.log.1") && files.includes("alerts.log.2.gz"),
    files.join(" "),
  );
  assert.deepEqual(files.filter((name) => !/^alerts\.log(\.1|\.\d+\.gz)?$/.test(name)), []);
  const seen: string[] = [];
  for (const name of files) {
    const bytes = readFileSync(join(place.folder, name));
    const text = (name.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("utf8");
    assert.ok(text.endsWith("\n"), name);
    for (const line of text.split("\n").slice(0, -1)) {
      const { monitor, seq } = JSON.parse(line) as { monitor: string; seq: number };
      seen.push(`${monitor} ${seq}`);
    }
  }
  assert.deepEqual([seen.length, new Set(seen).size], [480, 480]);
});

test("log keeps only so many rotated files, oldest last, and goes on when it cannot rotate", async () => {
  using place = temporary();
  const file = join(place.folder, "alerts.log");
  const channel = open({ file, max_size: 4096, keep: 2 });
  const send = async (seq: number) => {
    const message = alertMessage({ seq, summary: "x".repeat(3500) });
    assert.deepEqual(await channel.send(message, NEVER), { result: "sent" });
  };
  for (let seq = 1; seq <= 6; seq++) await send(seq);
  assert.deepEqual(readdirSync(place.folder).sort(), ["alerts.log", "alerts.log.1", "alerts.log.2"]);
  const seqs = ["", ".1", ".2"].map((suffix) => lines(`${file}${suffix}`).map(({ seq }) => seq));
  assert.deepEqual(seqs, [[6], [5], [4]]);
  // Another writer is about to rotate, or died doing it a moment ago.
  writeFileSync(`${file}.rotating`, "");
  await send(7);
  assert.deepEqual(lines(file).map(({ seq }) => seq), [6, 7]);
  utimesSync(`${file}.rotating`, 0, 0);
  await send(8);
  await send(9);
  assert.deepEqual(lines(file).map(({ seq }) => seq), [9]);
  assert.deepEqual(lines(`${file}.1`).map(({ seq }) => seq), [6, 7, 8]);
  // Taken away by someone: the next line makes a new one.
  rmSync(file);
  await send(10);
  assert.deepEqual(lines(file).map(({ seq }) => seq), [10]);
  await channel.close();
});

test("log takes sizes as people write them", () => {
  const size = (max_size: unknown) => LOG.schema.safeParse({ file: "/x", max_size });
  for (
    const [text, bytes] of [["10MiB", 10_485_760], ["10 MB", 10_000_000], ["8k", 8192], [5000, 5000], [
      "1.5GB",
      1.5e9,
    ]] as const
  ) {
    assert.equal(size(text).data?.max_size, bytes, String(text));
  }
  for (const text of ["4kB", "ten", "10MBit", "-1", "", 1e30]) {
    assert.match(
      size(text).error?.issues[0]?.message ?? "",
      /^expected a size such as "10MiB", at least 4096 bytes$/,
    );
  }
});
