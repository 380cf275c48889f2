/** One run of the differential fuzz: the scan with its continuation as the raw http plan uses it, against ResponseReader. */
import { Buffer } from "node:buffer";
import { hashText } from "../../../src/base/hash.ts";
import { seededRandom } from "../../../src/base/prng.ts";
import { ResponseReader } from "../../../src/net/http1.ts";
import { COMPLETE, ResponseScan, UNSURE, UNTIL_CLOSE } from "../../../src/net/raw/response_scan.ts";
import { type FuzzedAnswer, fuzzedAnswer } from "./answers.ts";

export interface FuzzReport {
  /** Answers of which the scan was sure. */
  readonly decided: number;
  /** The first few answers judged differently. */
  readonly faults: readonly string[];
  /** Over everything that was judged. */
  readonly hash: number;
}

export function fuzzAnswers(
  options: { readonly seed: number; readonly answers: number; readonly scan?: ResponseScan },
): FuzzReport {
  const random = seededRandom(options.seed);
  const scan = options.scan ?? new ResponseScan();
  const faults: string[] = [];
  let decided = 0;
  let hash = 0;
  for (let index = 0; index < options.answers; index++) {
    const answer = fuzzedAnswer(random);
    const byScan = judgeByScan(answer, scan);
    const byReader = judgeByReader(answer);
    hash = hashText(`${hash} ${byReader}`);
    if (byScan === undefined) continue;
    decided++;
    if (byScan !== byReader && faults.length < 5) {
      const shown = JSON.stringify(Buffer.from(answer.bytes).toString("latin1"));
      faults.push(`answer ${index}: scan ${byScan}, reader ${byReader}, cuts ${answer.cuts}: ${shown}`);
    }
  }
  return { decided, faults, hash };
}

/** State when the last piece has come, and after the peer's end; undefined when the scan is unsure. */
function judgeByScan({ bytes, cuts, head }: FuzzedAnswer, scan: ResponseScan): string | undefined {
  const pieces = piecesOf(bytes, cuts);
  const first = pieces[0];
  if (first === undefined) return undefined;
  const found = scan.scan(first, first.length, head);
  if (found === UNSURE) return undefined;
  let left = scan.leftBytes;
  let complete = found === COMPLETE;
  for (const piece of pieces.slice(1)) {
    if (complete) break;
    left -= piece.length;
    complete = left <= 0;
  }
  const atEnd = complete || found === UNTIL_CLOSE;
  return `${complete ? "complete" : "more"} ${
    atEnd ? "complete" : "more"
  } ${scan.status} ${scan.hasLocation} ${complete && left === 0 && scan.keepsOpen}`;
}

function judgeByReader({ bytes, cuts, head }: FuzzedAnswer): string {
  const reader = new ResponseReader({ head, keepBody: true });
  // What comes behind a whole answer is not read, as on the raw engine.
  for (const piece of piecesOf(bytes, cuts)) if (reader.feed(piece) !== "more") break;
  const before = reader.state;
  const keepsOpen = before === "complete" && reader.keepsOpen;
  return `${before} ${reader.end()} ${reader.status} ${reader.header("location") !== undefined} ${keepsOpen}`;
}

function piecesOf(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const ends = [...cuts.filter((cut) => cut > 0), bytes.length];
  return ends.map((end, index) => bytes.subarray(index === 0 ? 0 : ends[index - 1], end))
    .filter((piece) => piece.length > 0);
}
