/**
 * Undoes the coding of an answer's body (RFC 9110 §8.4.1), at most BODY_LIMIT_BYTES of it: what a kilobyte unpacks to is for
 * the sender to choose, so it is unpacked in pieces and left alone at the limit.
 */
import { Buffer } from "node:buffer";
import { constants, createBrotliDecompress, createGunzip, createInflate, createInflateRaw } from "node:zlib";
import { BODY_LIMIT_BYTES } from "../net/http1.ts";

export interface Body {
  readonly bytes: Uint8Array;
  /** There was more than was read or unpacked. */
  readonly truncated: boolean;
}

/** What is asked for with `compression: true`. */
export const ACCEPTED_CODINGS = "gzip, deflate, br";

/** A text for people when it cannot be undone. Never rejects. */
export async function decodeBody(body: Body, coding: string | undefined): Promise<Body | string> {
  const name = (coding ?? "identity").trim().toLowerCase();
  if (name === "identity") return body;
  const lenient = { finishFlush: constants.Z_SYNC_FLUSH };
  switch (name) {
    case "gzip":
    case "x-gzip":
      return await unpack(createGunzip(lenient), body) ?? `body is not ${name}`;
    case "br":
      return await unpack(
        createBrotliDecompress({ finishFlush: constants.BROTLI_OPERATION_FLUSH }),
        body,
      ) ?? "body is not br";
    case "deflate":
      // Many servers mean the bare format (RFC 9110 §8.4.1.2).
      return await unpack(createInflate(lenient), body) ?? await unpack(createInflateRaw(lenient), body) ??
        "body is not deflate";
    default:
      return `body is coded (${name}), which was not asked for`;
  }
}

type Unpacker = ReturnType<typeof createGunzip> | ReturnType<typeof createBrotliDecompress>;

/** Undefined when the bytes are not of this format. */
function unpack(unpacker: Unpacker, body: Body): Promise<Body | undefined> {
  return new Promise((settle) => {
    const pieces: Uint8Array[] = [];
    let length = 0;
    const give = (truncated: boolean) => {
      unpacker.destroy();
      settle({ bytes: Buffer.concat(pieces).subarray(0, BODY_LIMIT_BYTES), truncated });
    };
    unpacker.on("data", (piece: Uint8Array) => {
      pieces.push(piece);
      length += piece.length;
      if (length > BODY_LIMIT_BYTES) give(true);
    });
    unpacker.on("end", () => give(body.truncated));
    unpacker.on("error", () => settle(undefined));
    unpacker.end(body.bytes);
  });
}
