/** The numbers and layouts that the binding assumes, held against the C headers of this machine by a C compiler. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import * as libc from "../../src/host/libc.ts";
import { MESSAGE_LAYOUT } from "../../src/net/raw/echo_socket.ts";

const HEADERS = [
  "stddef.h",
  "stdio.h",
  "errno.h",
  "time.h",
  "sys/socket.h",
  "sys/epoll.h",
  "sys/eventfd.h",
  "netinet/in.h",
  "netinet/icmp6.h",
  "linux/icmp.h",
  "linux/errqueue.h",
  "linux/sock_diag.h",
];

/** Names that are two flags in one, or ours. */
const OWN: ReadonlySet<string> = new Set(["EFD_NONBLOCK_CLOEXEC", "EPOLL_EVENT_WORDS", "EPOLL_DATA_WORD"]);
/** As the header spells it. */
const SPELT: Readonly<Record<string, string>> = {
  ICMPV6_FILTER: "ICMP6_FILTER",
  SO_TIMESTAMPNS: "35 /* its old form; on 64-bit machines SO_TIMESTAMPNS is this */",
};

/** What C expressions come to; undefined without a compiler, which with CI=true is a failure. */
function askC(expressions: Readonly<Record<string, string>>): Record<string, number> | undefined {
  const folder = mkdtempSync(join(tmpdir(), "cpra-libc-"));
  try {
    const lines = Object.entries(expressions).map(([name, expression]) =>
      `printf("%s %lld\\n", "${name}", (long long)(${expression}));`
    );
    const includes = HEADERS.map((header) => `#include <${header}>`).join("\n");
    writeFileSync(
      join(folder, "ask.c"),
      `#define _GNU_SOURCE\n${includes}\nint main(void) {${lines.join("\n")}}`,
    );
    const program = join(folder, "ask");
    const compiled = spawnSync("cc", ["-o", program, join(folder, "ask.c")], { encoding: "utf8" });
    if (compiled.error !== undefined) {
      if (process.env["CI"] === "true") throw new Error("no C compiler (Debian: gcc, libc6-dev)");
      return undefined;
    }
    assert.equal(compiled.status, 0, compiled.stderr);
    const output = spawnSync(program, { encoding: "utf8" }).stdout.trim();
    return Object.fromEntries(
      output.split("\n").map((line) => {
        const [name, value] = line.split(" ") as [string, string];
        return [name, Number(value)];
      }),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("every constant is that of the C headers", (context) => {
  const ours = Object.entries(libc).filter(([name, value]) =>
    typeof value === "number" && /^[A-Z0-9_]+$/.test(name) && !OWN.has(name)
  ) as [string, number][];
  assert.ok(ours.length > 40);
  const theirs = askC(Object.fromEntries(ours.map(([name]) => [name, SPELT[name] ?? name])));
  if (theirs === undefined) return context.skip("no C compiler here");
  for (const [name, value] of ours) assert.equal(value >>> 0, (theirs[name] as number) >>> 0, name);
});

test("structures lie as the C compiler lays them", (context) => {
  const layout = askC({
    epollWords: "sizeof(struct epoll_event) / 4",
    epollData: "offsetof(struct epoll_event, data) / 4",
    headerWords: "sizeof(struct mmsghdr) / 4",
    vectorsWord: "offsetof(struct msghdr, msg_iov) / 4",
    vectorCountWord: "offsetof(struct msghdr, msg_iovlen) / 4",
    controlWord: "offsetof(struct msghdr, msg_control) / 4",
    controlBytesWord: "offsetof(struct msghdr, msg_controllen) / 4",
    flagsWord: "offsetof(struct msghdr, msg_flags) / 4",
    bytesWord: "offsetof(struct mmsghdr, msg_len) / 4",
    vectorWords: "sizeof(struct iovec) / 4",
    controlHeaderBytes: "CMSG_LEN(0)",
    extendedErrorBytes: "sizeof(struct sock_extended_err)",
    extendedOrigin: "offsetof(struct sock_extended_err, ee_origin)",
    extendedType: "offsetof(struct sock_extended_err, ee_type)",
    extendedCode: "offsetof(struct sock_extended_err, ee_code)",
    timespecBytes: "sizeof(struct timespec)",
    addressBytes: "sizeof(struct sockaddr_in6)",
    drops: "SK_MEMINFO_DROPS",
  });
  if (layout === undefined) return context.skip("no C compiler here");
  const { epollWords, epollData, ...messages } = layout;
  assert.deepEqual([libc.EPOLL_EVENT_WORDS, libc.EPOLL_DATA_WORD], [epollWords, epollData]);
  assert.deepEqual(messages, MESSAGE_LAYOUT);
});

test("what differs by architecture and library is known for both", () => {
  // sys/epoll.h packs the structure on x86-64 alone (__EPOLL_PACKED).
  assert.deepEqual(libc.epollEventLayout("x64"), { words: 3, dataWord: 1 });
  assert.deepEqual(libc.epollEventLayout("arm64"), { words: 4, dataWord: 2 });
  assert.deepEqual(libc.libcNames("x64"), ["libc.so.6", "libc.musl-x86_64.so.1", "libc.so"]);
  assert.deepEqual(libc.libcNames("arm64"), ["libc.so.6", "libc.musl-aarch64.so.1", "libc.so"]);
});
