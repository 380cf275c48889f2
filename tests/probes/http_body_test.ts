import assert from "node:assert/strict";
import { test } from "node:test";
import { brotliCompressSync, constants, deflateRawSync, deflateSync, gzipSync } from "node:zlib";
import { BODY_LIMIT_BYTES } from "../../src/net/http1.ts";
import { type Body, decodeBody } from "../../src/probes/http_body.ts";

const TEXT = Buffer.from("all systems go, ".repeat(200));

function whole(bytes: Uint8Array): Body {
  return { bytes, truncated: false };
}

test("each coding that is asked for is undone, and identity is left alone", async () => {
  const coded: readonly [coding: string | undefined, bytes: Uint8Array][] = [
    [undefined, TEXT],
    ["identity", TEXT],
    ["gzip", gzipSync(TEXT)],
    ["X-GZIP", gzipSync(TEXT)],
    ["br", brotliCompressSync(TEXT)],
    ["deflate", deflateSync(TEXT)],
    ["deflate", deflateRawSync(TEXT)],
  ];
  for (const [coding, bytes] of coded) {
    const body = await decodeBody(whole(bytes), coding);
    assert.ok(typeof body !== "string", `${coding}: ${String(body)}`);
    assert.deepEqual(Buffer.from(body.bytes), TEXT, String(coding));
    assert.equal(body.truncated, false);
  }
});

test("a few kilobytes that unpack to a hundred megabytes cost 64 KiB", async () => {
  const zeroes = Buffer.alloc(100 * 1024 * 1024);
  const fast = { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } };
  const bombs = [["gzip", gzipSync(zeroes, { level: 1 })], ["br", brotliCompressSync(zeroes, fast)]] as const;
  for (const [coding, bytes] of bombs) {
    const startedMs = performance.now();
    const body = await decodeBody({ bytes: bytes.subarray(0, BODY_LIMIT_BYTES), truncated: true }, coding);
    assert.ok(typeof body !== "string");
    assert.equal(body.bytes.length, BODY_LIMIT_BYTES);
    assert.equal(body.truncated, true);
    assert.ok(performance.now() - startedMs < 1000, `${coding}: ${performance.now() - startedMs} ms`);
  }
});

test("what is cut off gives what there is, what is none of it is said", async () => {
  const random = Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * 7919 + (i >> 3) * 31) & 255));
  const cut = gzipSync(random).subarray(0, 3000);
  const part = await decodeBody({ bytes: cut, truncated: true }, "gzip");
  assert.ok(typeof part !== "string" && part.truncated && part.bytes.length > 100);
  assert.equal(await decodeBody(whole(TEXT), "gzip"), "body is not gzip");
  assert.equal(await decodeBody(whole(TEXT), "deflate"), "body is not deflate");
  assert.equal(await decodeBody(whole(TEXT), "br"), "body is not br");
  assert.match(String(await decodeBody(whole(TEXT), "gzip, br")), /which was not asked for/);
});
