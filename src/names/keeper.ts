/**
 * Keeps the name table true: asks for names that are wanted, once per name and TTL however many monitors share it, and says
 * when what it wrote is no longer fresh. One in a process, in a thread of its own. Typical load: a few names a second; with
 * 100,000 names of a minute's TTL 1,700 a second, some hundred in flight.
 *
 * * A server that cannot say (silent, SERVFAIL) does not take away what was known: it stays in use for up to a day and is
 *   asked for again every 30 s (RFC 8767); a check waits 1.8 s for the servers before that. Without anything known the name
 *   has failed, for 5 s.
 * * A name that does not exist (or has no address) is at first "missing briefly", which checks take as our own doubt; when it
 *   has been so for `missingAfterMs` without a break, it is the monitor's fault.
 */
import { NAME_FAILED, NAME_FOUND, NAME_MISSING, NAME_MISSING_BRIEFLY } from "../model/names.ts";
import { type NameKeeperEnd, NAMES_MOST } from "../shm/name_table.ts";
import { addressBytes, type HostAddresses } from "./hosts_file.ts";
import type { Resolved } from "./resolver.ts";

export interface KeeperOptions {
  readonly end: NameKeeperEnd;
  readonly resolve: (name: string, signal: AbortSignal) => Promise<Resolved>;
  readonly nowMs: () => number;
  readonly missingAfterMs: number;
  /** Every answer, for figures and for what people are told. */
  readonly observe: (kind: Resolved["kind"], stale: boolean) => void;
}

/** Of names, two questions each: more at once overflow a server's socket. */
const IN_FLIGHT_MOST = 64;
const FAILED_MS = 5000;
const STALE_RECHECK_MS = 30_000;
const STALE_MS_MOST = 86_400_000;
/** RFC 8767 §5, the client response timer. */
const STALE_AFTER_MS = 1800;
/** Zeroes, since pages that nobody touched cost nothing; the clock has passed it. */
const NEVER = 0;

interface Question {
  readonly entry: number;
  readonly beganMs: number;
  /** What was known has been given out meanwhile. */
  stale: boolean;
}

export class NameKeeper {
  readonly #options: KeeperOptions;
  readonly #stop = new AbortController();
  #asked: number[] = [];
  /** Of those in #asked, the ones before this are under way. */
  #begun = 0;
  readonly #open = new Map<number, Question>();
  /** Per entry, ms of nowMs(): when it ends to be fresh, when addresses came last, since when it is missing. */
  readonly #freshUntil = new Float64Array(NAMES_MOST);
  readonly #foundAt = new Float64Array(NAMES_MOST);
  readonly #missingSince = new Float64Array(NAMES_MOST);

  constructor(options: KeeperOptions) {
    this.#options = options;
    // What a keeper before this one had taken or written.
    for (let entry = 0; entry < options.end.count; entry++) {
      if (options.end.isAsked(entry)) this.#asked.push(entry);
      else options.end.expire(entry);
    }
  }

  /** Questions that are out, or wait. */
  get busy(): boolean {
    return this.#open.size + this.#asked.length > this.#begun;
  }

  /** What time brings: expiries and stale answers. It looks at every name (0.1 ms for 100,000): a few times a second. */
  step(): void {
    const { end } = this.#options;
    const nowMs = this.#options.nowMs();
    for (let entry = 0; entry < end.count; entry++) {
      const until = this.#freshUntil[entry] as number;
      if (until !== NEVER && until <= nowMs) this.#expire(entry);
    }
    for (const question of this.#open.values()) {
      if (!question.stale && nowMs - question.beganMs >= STALE_AFTER_MS) this.#giveStale(question, nowMs);
    }
    this.take();
  }

  /** Puts what is asked for to the servers, as far as the bound allows. After each wake-up. */
  take(): void {
    const { end } = this.#options;
    for (let entry = end.takeAsked(); entry >= 0; entry = end.takeAsked()) this.#asked.push(entry);
    while (this.#open.size < IN_FLIGHT_MOST && this.#begun < this.#asked.length) {
      this.#begin(this.#asked[this.#begun++] as number);
    }
    if (this.#begun === this.#asked.length && this.#begun > 0) {
      this.#asked = [];
      this.#begun = 0;
    }
  }

  /** The files that names come from have changed. */
  expireAll(): void {
    for (let entry = 0; entry < this.#options.end.count; entry++) this.#expire(entry);
  }

  close(): void {
    this.#stop.abort();
  }

  #begin(entry: number): void {
    if (this.#open.has(entry)) return;
    const question = { entry, beganMs: this.#options.nowMs(), stale: false };
    this.#open.set(entry, question);
    this.#options.resolve(this.#options.end.name(entry), this.#stop.signal).then((resolved) => {
      this.#open.delete(entry);
      if (this.#stop.signal.aborted) return;
      this.#settle(question, resolved);
      this.take();
    });
  }

  #settle({ entry }: Question, resolved: Resolved): void {
    const { end, missingAfterMs, observe } = this.#options;
    const nowMs = this.#options.nowMs();
    if (resolved.kind === "found") {
      this.#foundAt[entry] = nowMs;
      this.#missingSince[entry] = NEVER;
      end.publish(entry, { status: NAME_FOUND, detail: 0, ...bytesOf(resolved.addresses) });
      this.#freshUntil[entry] = nowMs + resolved.ttlMs;
      observe("found", false);
    } else if (resolved.kind === "missing") {
      this.#foundAt[entry] = NEVER;
      if (this.#missingSince[entry] === NEVER) this.#missingSince[entry] = nowMs;
      const leftMs = (this.#missingSince[entry] as number) + missingAfterMs - nowMs;
      const status = leftMs > 0 ? NAME_MISSING_BRIEFLY : NAME_MISSING;
      end.publish(entry, { status, detail: 0, ipv4: [], ipv6: [] });
      this.#freshUntil[entry] = nowMs + (leftMs > 0 ? Math.min(leftMs, resolved.ttlMs) : resolved.ttlMs);
      observe("missing", false);
    } else {
      const stale = this.#isUsable(entry, nowMs);
      if (stale) end.publish(entry, "keep");
      else end.publish(entry, { status: NAME_FAILED, detail: resolved.fault, ipv4: [], ipv6: [] });
      this.#freshUntil[entry] = nowMs + (stale ? STALE_RECHECK_MS : FAILED_MS);
      observe("failed", stale);
    }
    end.answered(entry);
  }

  /** The servers take long: what was known until they have answered. */
  #giveStale(question: Question, nowMs: number): void {
    question.stale = true;
    if (!this.#isUsable(question.entry, nowMs)) return;
    this.#options.end.publish(question.entry, "keep");
  }

  #isUsable(entry: number, nowMs: number): boolean {
    const foundAt = this.#foundAt[entry] as number;
    return foundAt !== NEVER && nowMs - foundAt <= STALE_MS_MOST;
  }

  #expire(entry: number): void {
    this.#freshUntil[entry] = NEVER;
    if (!this.#open.has(entry)) this.#options.end.expire(entry);
  }
}

function bytesOf({ ipv4, ipv6 }: HostAddresses) {
  return { ipv4: ipv4.map(addressBytes), ipv6: ipv6.map(addressBytes) };
}
