/** One run of the reader's fuzz: mutated answers in random pieces, against the naive reader over the whole. */
import { Buffer } from "node:buffer";
import { hashText } from "../../src/base/hash.ts";
import { type Random, seededRandom } from "../../src/base/prng.ts";
import { ResponseReader } from "../../src/net/http1.ts";
import { type FuzzedAnswer, fuzzedAnswer } from "./raw/answers.ts";
import { readReference } from "./http1_reference.ts";

export interface ReaderFuzzReport {
  /** Answers by what they came to before the peer's end. */
  readonly states: Readonly<Record<string, number>>;
  /** The first few that were read differently. */
  readonly faults: readonly string[];
  /** The longest that reading one answer took, ms: a hang would show. */
  readonly longestMs: number;
  /** Over everything that was judged. */
  readonly hash: number;
}

export function fuzzReader(
  options: {
    readonly seed: number;
    readonly answers: number;
    readonly reader?: (head: boolean) => ResponseReader;
  },
): ReaderFuzzReport {
  const random = seededRandom(options.seed);
  const reader = options.reader ?? ((head: boolean) => new ResponseReader({ head, keepBody: true }));
  const states: Record<string, number> = { more: 0, complete: 0, malformed: 0 };
  const faults: string[] = [];
  let hash = 0;
  let longestMs = 0;
  for (let index = 0; index < options.answers; index++) {
    const answer = random() < 0.002 ? largeAnswer(random) : fuzzedAnswer(random);
    const startedMs = performance.now();
    const [ours, state] = byReader(answer, reader(answer.head));
    longestMs = Math.max(longestMs, performance.now() - startedMs);
    const theirs = byReference(answer);
    states[state] = (states[state] ?? 0) + 1;
    hash = hashText(`${hash} ${ours}`);
    if (ours !== theirs && faults.length < 5) {
      const shown = JSON.stringify(Buffer.from(answer.bytes).toString("latin1").slice(0, 600));
      faults.push(
        `answer ${index}: reader ${ours.slice(0, 300)}, reference ${theirs.slice(0, 300)}: ${shown}`,
      );
    }
  }
  return { states, faults, longestMs, hash };
}

function byReader({ bytes, cuts }: FuzzedAnswer, reader: ResponseReader): [said: string, state: string] {
  let from = 0;
  for (const to of [...cuts, bytes.length]) {
    reader.feed(bytes.subarray(from, to));
    from = to;
  }
  const before = reader.state;
  const after = reader.end();
  return [
    said(before, after, {
      status: reader.status,
      headers: reader.headers,
      body: Buffer.from(reader.body()).toString("latin1"),
      truncated: reader.truncated,
    }),
    before,
  ];
}

function byReference({ bytes, head }: FuzzedAnswer): string {
  const text = Buffer.from(bytes).toString("latin1");
  const open = readReference(text, { head, ended: false });
  const closed = readReference(text, { head, ended: true });
  return said(open.state, closed.state, closed);
}

/** What of a broken answer was read before the fault is nobody's business. */
function said(
  before: string,
  after: string,
  answer: {
    readonly status: number;
    readonly headers: readonly (readonly [string, string])[];
    readonly body: string;
    readonly truncated: boolean;
  },
): string {
  if (after === "malformed") return "malformed";
  const { status, headers, body, truncated } = answer;
  return JSON.stringify([before, after, status, headers, body.length, hashText(body), truncated]);
}

/** At the bounds: of headers, of a chunk's line, of the body. */
function largeAnswer(random: Random): FuzzedAnswer {
  const near = (limit: number) => limit - 40 + Math.floor(random() * 80);
  const kind = Math.floor(random() * 5);
  let text = "HTTP/1.1 200 OK\r\n";
  if (kind === 0) text += `X: ${"x".repeat(near(32 * 1024))}\r\n\r\n`;
  else if (kind === 1) text += `Content-Length: ${near(64 * 1024)}\r\n\r\n${"x".repeat(near(64 * 1024))}`;
  else if (kind === 2) text += `\r\n${"x".repeat(near(64 * 1024))}`;
  else if (kind === 3) {
    text += `Transfer-Encoding: chunked\r\n\r\n1;${"x".repeat(near(4096))}\r\nx\r\n0\r\n\r\n`;
  } else {
    const size = 1 + Math.floor(random() * 20_000);
    const chunk = `${size.toString(16)}\r\n${"x".repeat(size)}\r\n`;
    text += `Transfer-Encoding: chunked\r\n\r\n${chunk.repeat(Math.ceil(near(64 * 1024) / size))}0\r\n\r\n`;
  }
  const bytes = Buffer.from(text, "latin1");
  const cuts = Array.from({ length: Math.floor(random() * 4) }, () => Math.floor(random() * bytes.length));
  return { bytes, cuts: cuts.sort((left, right) => left - right), head: false };
}
