import assert from "node:assert/strict";
import { createServer, request, type ServerResponse } from "node:http";
import { connect } from "node:net";
import { test } from "node:test";
import fc from "fast-check";
import { BODY_LIMIT_BYTES, HEAD_LIMIT_BYTES, ResponseReader } from "../../src/net/http1.ts";

interface Reading {
  readonly state: string;
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
  readonly truncated: boolean;
  readonly fault: string;
}

/** Latin-1 text to bytes. */
function bytes(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function read(pieces: Iterable<Uint8Array>, options: { head?: boolean; end?: boolean } = {}): Reading {
  const reader = new ResponseReader({ head: options.head ?? false, keepBody: true });
  for (const piece of pieces) reader.feed(piece);
  const state = options.end === true ? reader.end() : reader.state;
  return {
    state,
    status: reader.status,
    headers: reader.headers.map(([name, value]) => [name, value] as const),
    body: Buffer.from(reader.body()).toString("latin1"),
    truncated: reader.truncated,
    fault: reader.fault,
  };
}

const OK = "HTTP/1.1 200 OK\r\n";

test("complete answers are read: framing by length, by chunks, by close and without a body", () => {
  const cases: readonly [answer: string, body: string, options?: { head?: boolean; end?: boolean }][] = [
    [`${OK}Content-Length: 5\r\n\r\nhello`, "hello"],
    [`${OK}Content-Length: 5\r\n\r\nhello and more`, "hello"],
    [`${OK}Content-Length: 0\r\n\r\n`, ""],
    [`${OK}Content-Length: 5, 5\r\n\r\nhello`, "hello"],
    [`${OK}content-length:5\r\nContent-Length: 5\r\n\r\nhello`, "hello"],
    [`${OK}\r\nuntil the end`, "until the end", { end: true }],
    [`${OK}\r\n`, "", { end: true }],
    ["HTTP/1.0 200 OK\r\n\r\nold", "old", { end: true }],
    ["HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", "ok"],
    ["HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok", "ok"],
    ["HTTP/1.1 200 OK\nContent-Length: 2\n\nok", "ok"],
    [`${OK}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`, "hello"],
    [
      `${OK}Transfer-Encoding: Chunked\r\n\r\n5;a=b;c="d"\r\nhello\r\n00006 ;x\r\n world\r\n0;last\r\n\r\n`,
      "hello world",
    ],
    [
      `${OK}Transfer-Encoding: chunked\r\n\r\nA\r\n0123456789\r\n0\r\nDigest: x\r\nSecond: y\r\n\r\n`,
      "0123456789",
    ],
    [`${OK}Transfer-Encoding: gzip\r\n\r\nbytes`, "bytes", { end: true }],
    [`HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n`, ""],
    [`HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n`, ""],
    [`HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n`, ""],
    [`${OK}Content-Length: 5\r\n\r\n`, "", { head: true }],
    [`${OK}Transfer-Encoding: chunked\r\n\r\n`, "", { head: true }],
    [
      `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n${OK}Content-Length: 2\r\n\r\nok`,
      "ok",
    ],
  ];
  for (const [answer, body, options] of cases) {
    const result = read([bytes(answer)], options);
    assert.equal(result.state, "complete", `${JSON.stringify(answer)}: ${result.fault}`);
    assert.equal(result.body, body, JSON.stringify(answer));
  }
});

test("headers come in order, in lower case, unfolded, joined by header()", () => {
  const reader = new ResponseReader({ head: true, keepBody: false });
  reader.feed(
    bytes(
      `HTTP/1.1 100 Continue\r\nX-Gone: 1\r\n\r\n${OK}X-A:  one \r\nx-a: two\r\nFold: a\r\n\t b\r\nE: \xe9\r\n\r\n`,
    ),
  );
  assert.equal(reader.state, "complete");
  assert.deepEqual(reader.headers, [["x-a", "one"], ["x-a", "two"], ["fold", "a b"], ["e", "\xe9"]]);
  assert.equal(reader.header("x-a"), "one, two");
  assert.equal(reader.header("x-gone"), undefined);
});

test("garbage is refused and named, as early as it can be told", () => {
  const cases: readonly [answer: string, fault: string][] = [
    ["hello", "not an HTTP/1.x status line"],
    ["\x16\x03\x01\x02", "not an HTTP/1.x status line"],
    ["HTTP/2 200\r\n", "not an HTTP/1.x status line"],
    ["http/1.1 200 OK\r\n", "not an HTTP/1.x status line"],
    ["\r\nHTTP/1.1 200 OK\r\n", "not an HTTP/1.x status line"],
    ["HTTP/1.1 099 X\r\n", "malformed status line"],
    ["HTTP/1.1 999999 X\r\n", "malformed status line"],
    ["HTTP/1.1  200 OK\r\n", "malformed status line"],
    ["HTTP/1.1 2x0 OK\r\n", "malformed status line"],
    [`${OK}No colon\r\n`, "malformed header name"],
    [`${OK}Space : x\r\n`, "malformed header name"],
    [`${OK}: x\r\n`, "malformed header name"],
    [`${OK} folded: x\r\n`, "folded line before the first header"],
    [`${OK}X: a\0b\r\n`, "control character in a header"],
    [`${OK}X: a\rb\r\n`, "control character in a header"],
    [`${OK}Content-Length: -5\r\n\r\n`, "malformed Content-Length"],
    [`${OK}Content-Length: 5x\r\n\r\n`, "malformed Content-Length"],
    [`${OK}Content-Length:\r\n\r\n`, "malformed Content-Length"],
    [`${OK}Content-Length: 5\r\nContent-Length: 6\r\n\r\n`, "malformed Content-Length"],
    [`${OK}Content-Length: 99999999999999999999\r\n\r\n`, "malformed Content-Length"],
    [`${OK}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n`, "two lengths of the body"],
    [`HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n`, "Transfer-Encoding in an HTTP/1.0 answer"],
    [`${OK}Transfer-Encoding: chunked\r\n\r\nxyz\r\n`, "malformed chunk size"],
    [`${OK}Transfer-Encoding: chunked\r\n\r\n-1\r\n`, "malformed chunk size"],
    [`${OK}Transfer-Encoding: chunked\r\n\r\n\r\n`, "malformed chunk size"],
    [`${OK}Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\n`, "malformed chunk size"],
    [`${OK}Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n`, "chunk longer than its size"],
    [`${OK}Transfer-Encoding: chunked\r\n\r\n0\r\nbad trailer\r\n`, "malformed trailer"],
    [`${OK}Transfer-Encoding: chunked\r\n\r\n${"0".repeat(5000)}`, "chunk framing out of bounds"],
    [`${OK}X: ${"a".repeat(HEAD_LIMIT_BYTES)}`, `headers larger than ${HEAD_LIMIT_BYTES} bytes`],
    [OK + "X: y\r\n".repeat(10_000), `headers larger than ${HEAD_LIMIT_BYTES} bytes`],
    ["HTTP/1.1 100 Continue\r\n\r\n".repeat(2000), `headers larger than ${HEAD_LIMIT_BYTES} bytes`],
    [
      `${OK}Transfer-Encoding: chunked\r\n\r\n0\r\n${"T: x\r\n".repeat(10_000)}`,
      `headers larger than ${HEAD_LIMIT_BYTES} bytes`,
    ],
  ];
  for (const [answer, fault] of cases) {
    const result = read([bytes(answer)]);
    assert.deepEqual(
      [result.state, result.fault],
      ["malformed", fault],
      JSON.stringify(answer.slice(0, 100)),
    );
  }
});

test("an answer cut off anywhere is incomplete, never complete", () => {
  const answers = [
    `HTTP/1.1 100 Continue\r\n\r\n${OK}X: y\r\nContent-Length: 5\r\n\r\nhello`,
    `${OK}Transfer-Encoding: chunked\r\n\r\n5;x\r\nhello\r\n0\r\nT: x\r\n\r\n`,
  ];
  for (const answer of answers) {
    for (let cut = 0; cut < answer.length; cut++) {
      assert.equal(
        read([bytes(answer.slice(0, cut))], { end: true }).state,
        "more",
        JSON.stringify(answer.slice(0, cut)),
      );
    }
  }
});

test("a body is read up to its limit and one byte more makes it truncated, however it is framed", () => {
  for (
    const [length, truncated] of [[BODY_LIMIT_BYTES, false], [BODY_LIMIT_BYTES + 1, true], [
      BODY_LIMIT_BYTES * 3,
      true,
    ]] as const
  ) {
    const body = "x".repeat(length);
    const framings = [
      `${OK}Content-Length: ${length}\r\n\r\n${body}`,
      `${OK}\r\n${body}`,
      `${OK}Transfer-Encoding: chunked\r\n\r\n${length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
    ];
    for (const answer of framings) {
      const result = read([bytes(answer)], { end: true });
      assert.deepEqual([result.state, result.truncated, result.body.length], [
        "complete",
        truncated,
        BODY_LIMIT_BYTES,
      ], answer.slice(0, 80));
    }
  }
});

test("one-byte chunks up to the body limit fit the framing limit", () => {
  const answer = `${OK}Transfer-Encoding: chunked\r\n\r\n${"1\r\nx\r\n".repeat(BODY_LIMIT_BYTES)}0\r\n\r\n`;
  assert.deepEqual([read([bytes(answer)]).state, read([bytes(answer)]).body.length], [
    "complete",
    BODY_LIMIT_BYTES,
  ]);
});

test("a header of nothing but blanks costs no more than another", () => {
  const answer = bytes(`${OK}X: a${" ".repeat(HEAD_LIMIT_BYTES - 100)}b\r\n\r\n`);
  const startedMs = performance.now();
  for (let i = 0; i < 3; i++) assert.equal(read([answer], { head: true }).state, "complete");
  assert.ok(performance.now() - startedMs < 400, `${performance.now() - startedMs} ms`);
});

test("bytes fed from one reused buffer are not kept by reference", () => {
  const reader = new ResponseReader({ head: false, keepBody: true });
  const scratch = new Uint8Array(1);
  for (const byte of bytes(`${OK}Content-Length: 5\r\n\r\nhello`)) {
    scratch[0] = byte;
    reader.feed(scratch);
  }
  assert.equal(Buffer.from(reader.body()).toString(), "hello");
});

/** Answers, valid and broken alike: fragments of the grammar put together at random. */
const FRAGMENTS = [
  "HTTP/1.1 200 OK\r\n",
  "HTTP/1.0 503 No\r\n",
  "HTTP/1.1 100 C\r\n\r\n",
  "HTTP/1.1 302 Found\n",
  "HTTP/1.",
  "X: y\r\n",
  "Content-Length: 7\r\n",
  "Transfer-Encoding: chunked\r\n",
  " folded\r\n",
  "\r\n",
  "\n",
  "\r",
  "0\r\n",
  "3\r\nabc\r\n",
  "5;e=1\r\nhello\r\n",
  "ffff\r\n",
  "body",
  "\0",
  "é",
  ":",
  "0\r\n\r\n",
  "y".repeat(300),
  "z".repeat(40_000),
];

test("any fragmentation of any bytes gives the result of one piece", () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(...FRAGMENTS), { minLength: 1, maxLength: 14 }),
      fc.boolean(),
      fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 20 }),
      fc.boolean(),
      (fragments, startsWell, sizes, end) => {
        const whole = bytes((startsWell ? "HTTP/1.1 200 OK\r\n" : "") + fragments.join(""));
        const pieces: Uint8Array[] = [];
        // Long runs of one byte are cut into larger pieces, or a case would take a second.
        const scale = Math.ceil(whole.length / 4000);
        for (let at = 0, i = 0; at < whole.length; i++) {
          const size = (sizes[i % sizes.length] as number) * scale;
          pieces.push(whole.subarray(at, at + size));
          at += size;
        }
        assert.deepEqual(read(pieces, { end }), read([whole], { end }));
      },
    ),
    { numRuns: 1500 },
  );
});

test("valid answers are read as node:http reads them", async () => {
  let answer: (response: ServerResponse) => void = () => {};
  const server = createServer((_request, response) => answer(response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  const { port } = address;
  try {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          status: fc.constantFrom(200, 201, 204, 301, 304, 404, 500, 503),
          method: fc.constantFrom("GET", "HEAD", "POST"),
          parts: fc.array(fc.string({ maxLength: 200 }), { maxLength: 5 }),
          sized: fc.boolean(),
          headers: fc.dictionary(
            fc.stringMatching(/^x-[a-z]{1,8}$/),
            fc.stringMatching(/^[!-~]([ -~]{0,18}[!-~])?$/),
            { maxKeys: 5 },
          ),
        }),
        async ({ status, method, parts, sized, headers }) => {
          answer = (response) => {
            for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
            if (sized) response.setHeader("content-length", Buffer.byteLength(parts.join("")));
            response.statusCode = status;
            for (const part of parts) response.write(part);
            response.end();
          };
          const [ours, theirs] = await Promise.all([readRaw(port, method), readByNode(port, method)]);
          assert.equal(ours.state, "complete", ours.fault);
          assert.deepEqual([ours.status, ours.body], [theirs.status, theirs.body]);
          for (const [name, value] of Object.entries(headers)) {
            assert.deepEqual(ours.headers.filter(([key]) => key === name), [[name, value]]);
          }
        },
      ),
      { numRuns: 150 },
    );
  } finally {
    server.close();
  }
});

function readRaw(port: number, method: string): Promise<Reading> {
  return new Promise((resolve, reject) => {
    const pieces: Uint8Array[] = [];
    const socket = connect({ host: "127.0.0.1", port });
    socket.on("error", reject);
    socket.on("data", (piece: Uint8Array) => pieces.push(piece));
    socket.on("end", () => {
      socket.destroy();
      resolve(read(pieces, { head: method === "HEAD", end: true }));
    });
    socket.write(`${method} / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
  });
}

function readByNode(port: number, method: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const call = request({
      host: "127.0.0.1",
      port,
      method,
      agent: false,
      headers: { "content-length": "0" },
    }, (response) => {
      const pieces: Uint8Array[] = [];
      response.on("data", (piece: Uint8Array) => pieces.push(piece));
      response.on(
        "end",
        () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(pieces).toString("latin1") }),
      );
    });
    call.on("error", reject);
    call.end();
  });
}
