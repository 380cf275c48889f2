/**
 * One digest on one channel: many troubles told as one. Its messages have a key of their own, so that its resolve finds
 * its trigger. Plain state; storm_channel.ts decides what becomes of it.
 */
import type { Incident } from "./incidents.ts";

interface Member {
  incident: Incident;
  open: boolean;
  closedMs: number;
}

/** What a restart goes on with; who belongs to it stands in the incidents (`told`). */
export interface StoredStorm {
  readonly channelId: string;
  readonly cause: string;
  readonly color: "red" | "yellow";
  readonly seq: number;
  readonly total: number;
  readonly resolves: boolean;
  /** Some joined after the last message. */
  readonly grown: boolean;
  readonly sinceWallMs: number;
  readonly messageWallMs: number;
}

export class Storm {
  readonly id: string;
  readonly channel: number;
  readonly members = new Map<number, Member>();
  cause = "";
  color: "red" | "yellow" = "yellow";
  /** Messages so far. */
  seq = 0;
  /** Monitors that ever were part of it. */
  total = 0;
  open = 0;
  /** Somebody takes its end on this channel. */
  resolves = false;
  /** There is more to tell than the last message did. */
  grown = false;
  /** It was yellow when it was told last, and is red. */
  worse = false;
  sinceWallMs: number;
  /** Of the last message, and of the last change of who is part of it. */
  messageMs = 0;
  changedMs = 0;

  constructor(id: string, channel: number, sinceWallMs: number) {
    this.id = id;
    this.channel = channel;
    this.sinceWallMs = sinceWallMs;
  }

  /** A trouble of this row, now or once more. */
  join(row: number, incident: Incident, nowMs: number): void {
    const member = this.members.get(row);
    if (member === undefined) {
      this.members.set(row, { incident, open: true, closedMs: 0 });
      this.total++;
      this.open++;
      this.grown = true;
    } else {
      if (!member.open) this.open++;
      member.incident = incident;
      member.open = true;
    }
    this.changedMs = nowMs;
  }

  /** Its incident closed. */
  close(row: number, incident: Incident, nowMs: number): void {
    const member = this.members.get(row);
    if (member?.incident !== incident || !member.open) return;
    member.open = false;
    member.closedMs = nowMs;
    this.open--;
    this.changedMs = nowMs;
  }

  forget(row: number): void {
    if (this.members.get(row)?.open) this.open--;
    this.members.delete(row);
  }

  /** To another digest, before either was told. */
  moveTo(other: Storm, row: number): void {
    const member = this.members.get(row);
    if (member === undefined) return;
    this.members.delete(row);
    this.total--;
    other.members.set(row, member);
    other.total++;
    other.grown = true;
    other.changedMs = this.changedMs;
    if (!member.open) return;
    this.open--;
    other.open++;
  }

  worsen(color: string): void {
    if (color !== "red" || this.color === "red") return;
    this.color = "red";
    this.worse = this.seq > 0;
  }

  *rows(openOnly: boolean): Generator<number> {
    for (const [row, { open }] of this.members) if (open || !openOnly) yield row;
  }
}
