/**
 * A second reader of HTTP/1.x answers, to hold net/http1.ts against: naive on purpose, over the whole text at once, and
 * written from RFC 9112 and the reader's stated bounds, sharing nothing with it but their numbers.
 */
import { BODY_LIMIT_BYTES, HEAD_LIMIT_BYTES } from "../../src/net/http1.ts";

export interface ReferenceAnswer {
  readonly state: "more" | "complete" | "malformed";
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
  readonly truncated: boolean;
}

const FRAMING_LIMIT_BYTES = 512 * 1024;
const CHUNK_LINE_LIMIT_BYTES = 4096;

/** Thrown to end the reading: what there is decides. */
class End {
  readonly state: "more" | "complete" | "malformed";
  constructor(state: "more" | "complete" | "malformed") {
    this.state = state;
  }
}

/** `text`: everything that came, one character a byte. `ended`: and then the peer closed. */
export function readReference(
  text: string,
  { head, ended }: { readonly head: boolean; readonly ended: boolean },
): ReferenceAnswer {
  const reading = new Reading(text);
  const answer = { status: 0, headers: [] as [string, string][], body: "", truncated: false };
  let state: "more" | "complete" | "malformed" = "complete";
  try {
    const minor = readHead(reading, answer);
    readBody(reading, answer, { head, minor, ended });
  } catch (end) {
    if (!(end instanceof End)) throw end;
    state = end.state;
  }
  return { ...answer, state };
}

class Reading {
  readonly text: string;
  at = 0;
  #headBytes = 0;
  #framingBytes = 0;

  constructor(text: string) {
    this.text = text;
  }

  /** The next line without its end; a line whose end has not come yet counts towards the bounds all the same. */
  line(kind: "head" | "chunk", check?: (beginning: string) => boolean): string {
    const feed = this.text.indexOf("\n", this.at);
    const whole = feed < 0 ? this.text.slice(this.at) : this.text.slice(this.at, feed + 1);
    if (whole === "") throw new End("more");
    if (check !== undefined && !check(whole)) throw new End("malformed");
    if (kind === "head") {
      this.#headBytes += whole.length;
      if (this.#headBytes > HEAD_LIMIT_BYTES) throw new End("malformed");
    } else {
      this.#framingBytes += whole.length;
      if (this.#framingBytes > FRAMING_LIMIT_BYTES) throw new End("malformed");
      if (whole.length > CHUNK_LINE_LIMIT_BYTES) throw new End("malformed");
    }
    if (feed < 0) throw new End("more");
    this.at = feed + 1;
    return whole.endsWith("\r\n") ? whole.slice(0, -2) : whole.slice(0, -1);
  }

  get left(): number {
    return this.text.length - this.at;
  }
}

interface Filling {
  status: number;
  headers: [string, string][];
  body: string;
  truncated: boolean;
}

/** The final answer's head; its HTTP minor version. */
function readHead(reading: Reading, answer: Filling): number {
  while (true) {
    answer.headers = [];
    const status = reading.line("head", (beginning) => {
      const length = Math.min(beginning.length, 7);
      return beginning.slice(0, length) === "HTTP/1.".slice(0, length);
    });
    const minor = status.charCodeAt(7) - 48;
    const code = status.slice(9, 12);
    const rest = status.slice(12);
    const fits = minor >= 0 && minor <= 9 && status[8] === " " && /^[0-9]{3}$/.test(code) &&
      code[0] !== "0" &&
      (rest === "" || (rest[0] === " " && isText(rest)));
    if (!fits) throw new End("malformed");
    answer.status = Number(code);
    for (let line = reading.line("head"); line !== ""; line = reading.line("head")) {
      readHeader(line, answer.headers);
    }
    if (answer.status >= 200 || answer.status === 101) return minor;
    answer.status = 0;
    answer.headers = [];
  }
}

function readHeader(line: string, headers: [string, string][]): void {
  if (!isText(line)) throw new End("malformed");
  if (line[0] === " " || line[0] === "\t") {
    const last = headers[headers.length - 1];
    if (last === undefined) throw new End("malformed");
    last[1] = [last[1], trim(line)].filter((part) => part !== "").join(" ");
    return;
  }
  const [name] = line.split(":", 1) as [string];
  if (name === line || !isToken(name)) throw new End("malformed");
  headers.push([name.toLowerCase(), trim(line.slice(name.length + 1))]);
}

function readBody(
  reading: Reading,
  answer: Filling,
  { head, minor, ended }: { readonly head: boolean; readonly minor: number; readonly ended: boolean },
): void {
  const values = (wanted: string) =>
    answer.headers.filter(([name]) => name === wanted).map(([, value]) => value);
  const codings = values("transfer-encoding").join(", ").toLowerCase();
  const lengths = values("content-length").join(", ").split(",").map(trim);
  const hasCoding = values("transfer-encoding").length > 0;
  const hasLength = values("content-length").length > 0;
  if (hasCoding && (hasLength || minor === 0)) throw new End("malformed");
  if (hasLength && lengths.some((one) => one !== lengths[0] || !/^[0-9]{1,15}$/.test(one))) {
    throw new End("malformed");
  }
  if (head || [101, 204, 304].includes(answer.status)) return;
  if (hasCoding && lastWord(codings) === "chunked") return readChunks(reading, answer);
  if (hasLength && !hasCoding) return takeBody(reading, answer, Number(lengths[0]));
  // Until the peer closes.
  answer.body = reading.text.slice(reading.at, reading.at + BODY_LIMIT_BYTES);
  answer.truncated = reading.left > BODY_LIMIT_BYTES;
  if (!answer.truncated && !ended) throw new End("more");
}

/** Ends the reading unless all of the unit has come and fits. */
function takeBody(reading: Reading, answer: Filling, length: number): void {
  const room = BODY_LIMIT_BYTES - answer.body.length;
  const taken = Math.min(length, room, reading.left);
  answer.body += reading.text.slice(reading.at, reading.at + taken);
  reading.at += taken;
  if (taken === length) return;
  // One byte more than fits makes it complete.
  answer.truncated = reading.left > 0;
  throw new End(answer.truncated ? "complete" : "more");
}

function readChunks(reading: Reading, answer: Filling): void {
  while (true) {
    const [size = "", ...extensions] = reading.line("chunk").split(";");
    const digits = size.replace(/[ \t]+$/, "");
    const isHex = digits !== "" &&
      [...digits.toLowerCase()].every((digit) => "0123456789abcdef".includes(digit));
    const length = parseInt(digits, 16);
    if (!isHex || length > 0xffffffff || !isText(extensions.join(";"))) throw new End("malformed");
    if (length === 0) break;
    takeBody(reading, answer, length);
    if (reading.line("chunk") !== "") throw new End("malformed");
  }
  for (let line = reading.line("head"); line !== ""; line = reading.line("head")) {
    const [name] = line.split(":", 1) as [string];
    if (name === line || !isToken(name) || !isText(line)) throw new End("malformed");
  }
}

/** Behind the last comma, or all of it; a list that ends in "chunked" ends the body by chunks (RFC 9112 §6.3). */
function lastWord(list: string): string {
  return list.slice(list.lastIndexOf(",") + 1).replace(/^[\s\xa0]+/, "");
}

function isText(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if ((code < 32 && code !== 9) || code === 127) return false;
  }
  return true;
}

function isToken(text: string): boolean {
  return text !== "" && [...text].every((one) => /[0-9a-zA-Z]/.test(one) || "!#$%&'*+-.^_`|~".includes(one));
}

function trim(text: string): string {
  return text.replace(/^[ \t]+/, "").replace(/[ \t]+$/, "");
}
