/**
 * What waits for a time, earliest first. A binary heap: O(log n) in and out; equal times come out in any order.
 * For the outbox, whose retries wait up to minutes and are never called off.
 */
export interface Timed {
  readonly dueMs: number;
}

export class DueHeap<T extends Timed> {
  readonly #members: T[] = [];

  /** Infinity when nothing waits. */
  get earliestMs(): number {
    return this.#members[0]?.dueMs ?? Infinity;
  }

  push(member: T): void {
    const members = this.#members;
    let hole = members.length;
    members.push(member);
    while (hole > 0) {
      const parent = (hole - 1) >> 1;
      const above = members[parent] as T;
      if (above.dueMs <= member.dueMs) break;
      members[hole] = above;
      hole = parent;
    }
    members[hole] = member;
  }

  /** The earliest member if its time has come. */
  popDue(nowMs: number): T | undefined {
    const members = this.#members;
    const first = members[0];
    if (first === undefined || first.dueMs > nowMs) return undefined;
    const last = members.pop() as T;
    if (members.length > 0) this.#sink(last);
    return first;
  }

  #sink(member: T): void {
    const members = this.#members;
    let hole = 0;
    for (;;) {
      let child = 2 * hole + 1;
      if (child >= members.length) break;
      const right = members[child + 1];
      if (right !== undefined && right.dueMs < (members[child] as T).dueMs) child++;
      const below = members[child] as T;
      if (member.dueMs <= below.dueMs) break;
      members[hole] = below;
      hole = child;
    }
    members[hole] = member;
  }
}
