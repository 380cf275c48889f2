/** The reader of answers under fuzz; `bench/answers.ts` runs a million and more. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { get } from "node:http";
import { test } from "node:test";
import { seededRandom } from "../../src/base/prng.ts";
import { ResponseReader } from "../../src/net/http1.ts";
import { fuzzReader } from "./http1_fuzz.ts";
import { readReference } from "./http1_reference.ts";
import { fuzzedAnswer } from "./raw/answers.ts";
import { serveRaw } from "./sockets.ts";

test("20,000 mutated answers in random pieces are read as a naive reader reads the whole", () => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  const { faults, states, longestMs } = fuzzReader({ seed, answers: 20_000 });
  assert.deepEqual(faults, [], `seed ${seed}`);
  for (const [state, count] of Object.entries(states)) {
    assert.ok(count > 1000, `${count} ${state}, seed ${seed}`);
  }
  assert.ok(longestMs < 1000, `${longestMs} ms, seed ${seed}`);
});

test("the fuzz finds a reader that is wrong, and repeats by its seed", () => {
  class Wrong extends ResponseReader {
    override feed(chunk: Uint8Array) {
      // Forgets a line's beginning when a piece is one byte long.
      return super.feed(chunk.length === 1 && chunk[0] === 13 ? new Uint8Array([32]) : chunk);
    }
  }
  const wrong = (head: boolean) => new Wrong({ head, keepBody: true });
  assert.ok(fuzzReader({ seed: 1, answers: 5000, reader: wrong }).faults.length > 0);
  const [one, again] = [fuzzReader({ seed: 7, answers: 500 }), fuzzReader({ seed: 7, answers: 500 })];
  assert.deepEqual([one.hash, one.states], [again.hash, again.states]);
});

test("what the runtime's own client takes for a whole answer, the reader reads alike", async () => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  const random = seededRandom(seed);
  let next = fuzzedAnswer(random);
  await using server = await serveRaw((socket) =>
    socket.once("data", () => {
      const { bytes, cuts } = next;
      let from = 0;
      for (const to of [...cuts, bytes.length]) {
        if (to > from) socket.write(bytes.subarray(from, to));
        from = to;
      }
      socket.end();
    })
  );
  let compared = 0;
  for (let index = 0; index < 400; index++) {
    next = fuzzedAnswer(random);
    const client = await readByClient(server.port);
    const ours = new ResponseReader({ head: false, keepBody: true });
    ours.feed(next.bytes);
    if (client === undefined || ours.end() !== "complete" || ours.status === 101) continue;
    // Clients differ in what they refuse; what both take must be one answer.
    compared++;
    const shown = `answer ${index}, seed ${seed}: ${
      JSON.stringify(Buffer.from(next.bytes).toString("latin1"))
    }`;
    assert.equal(client.status, ours.status, shown);
    assert.equal(client.body, Buffer.from(ours.body()).toString("latin1"), shown);
  }
  assert.ok(compared > 40, `${compared} compared, seed ${seed}`);
});

function readByClient(port: number): Promise<{ status: number; body: string } | undefined> {
  return new Promise((resolve) => {
    const call = get({ host: "127.0.0.1", port, agent: false, timeout: 2000 }, (response) => {
      const pieces: Uint8Array[] = [];
      response.on("data", (piece: Uint8Array) => pieces.push(piece));
      response.on("error", () => resolve(undefined));
      response.on("aborted", () => resolve(undefined));
      response.on(
        "end",
        () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(pieces).toString("latin1") }),
      );
    });
    call.on("error", () => resolve(undefined));
    call.on("timeout", () => {
      call.destroy();
      resolve(undefined);
    });
  });
}

test("the naive reader reads the examples of RFC 9112", () => {
  const read = (text: string, head = false, ended = false) => {
    const { state, status, body } = readReference(text, { head, ended });
    return `${state} ${status} ${body}`;
  };
  const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  assert.equal(read(`${chunked}4\r\nWiki\r\n5;a=b\r\npedia\r\n0\r\nX: y\r\n\r\n`), "complete 200 Wikipedia");
  assert.equal(read(`${chunked}4\r\nWik`), "more 200 Wik");
  assert.equal(read("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcd"), "complete 200 abc");
  assert.equal(read("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No\r\n\r\n"), "complete 204 ");
  assert.equal(read("HTTP/1.0 200 OK\r\n\r\nabc"), "more 200 abc");
  assert.equal(read("HTTP/1.0 200 OK\r\n\r\nabc", false, true), "complete 200 abc");
  assert.equal(read("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", true), "complete 200 ");
  assert.equal(read("HTTQ").split(" ")[0], "malformed");
});
