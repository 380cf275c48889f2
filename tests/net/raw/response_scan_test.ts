/** The scan that judges answers in place, held against the reader that takes any answer. `bench/answers.ts` runs the million. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { seededRandom } from "../../../src/base/prng.ts";
import { COMPLETE, ResponseScan, SIZED, UNSURE, UNTIL_CLOSE } from "../../../src/net/raw/response_scan.ts";
import { fuzzAnswers } from "./fuzz.ts";

test("what the scan decides of 40,000 mutated and fragmented answers, the reader decides alike", () => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  const { decided, faults } = fuzzAnswers({ seed, answers: 40_000 });
  assert.deepEqual(faults, [], `seed ${seed}`);
  // It would prove nothing if the scan were unsure of everything.
  assert.ok(decided > 5000, `${decided} decided, seed ${seed}`);
});

test("the fuzz finds a scan that is wrong", () => {
  class Wrong extends ResponseScan {
    override scan(bytes: Uint8Array, length: number, head: boolean) {
      const found = super.scan(bytes, length, head);
      return found === UNTIL_CLOSE ? COMPLETE : found;
    }
  }
  assert.ok(fuzzAnswers({ seed: 1, answers: 1000, scan: new Wrong() }).faults.length > 0);
});

test("the usual answers are decided without the reader", () => {
  const scan = new ResponseScan();
  const look = (text: string, head = false) => {
    const bytes = Buffer.from(text, "latin1");
    const found = scan.scan(bytes, bytes.length, head);
    return found === UNSURE ? "unsure" : `${found} ${scan.status} ${scan.leftBytes}`;
  };
  assert.equal(look("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), `${COMPLETE} 200 0`);
  assert.equal(look("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok"), `${SIZED} 200 3`);
  assert.equal(look("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true).split(" ")[0], String(COMPLETE));
  assert.equal(look("HTTP/1.0 404 Not Found\r\n\r\nok"), `${UNTIL_CLOSE} 404 ${65_537 - 2}`);
  assert.equal(
    look("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"),
    `${COMPLETE} 200 ${0}`,
  );
  assert.equal(look("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n"), "unsure");
  const keepsOpen = (connection: string, version = "1.1", more = "") => {
    look(`HTTP/${version} 200 OK\r\n${connection}Content-Length: 2\r\n\r\nok${more}`);
    return scan.keepsOpen;
  };
  assert.equal(keepsOpen(""), true);
  for (const value of ["keep-alive", "Keep-Alive", "\t keep-alive "]) {
    assert.equal(keepsOpen(`Connection:${value}\r\n`), true, value);
  }
  for (const value of ["close", "keep-alive, close", ""]) {
    assert.equal(keepsOpen(`Connection: ${value}\r\n`), false, value);
  }
  assert.equal(keepsOpen("", "1.0"), false);
  assert.equal(keepsOpen("", "1.1", "more"), false);
  assert.equal(look("HTTP/1.1 100 Continue\r\n\r\n"), "unsure");
  assert.equal(look("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok"), "unsure");
});

test("the bytes of a seed are always the same", () => {
  const one = fuzzAnswers({ seed: 7, answers: 2000 });
  assert.deepEqual(fuzzAnswers({ seed: 7, answers: 2000 }), one);
  assert.notEqual(seededRandom(7)(), seededRandom(8)());
});
