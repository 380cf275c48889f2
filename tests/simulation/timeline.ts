/** Virtual time: everything that will happen, in order of time and then of entry. No real clock, no sleeping. */

export interface Planned {
  readonly atMs: number;
  cancelled: boolean;
  readonly act: () => void;
}

interface Entry extends Planned {
  readonly order: number;
}

export class Timeline {
  nowMs = 0;
  #heap: Entry[] = [];
  #order = 0;

  at(atMs: number, act: () => void): Planned {
    const entry: Entry = { atMs: Math.max(atMs, this.nowMs), act, cancelled: false, order: this.#order++ };
    this.#push(entry);
    return entry;
  }

  after(ms: number, act: () => void): Planned {
    return this.at(this.nowMs + ms, act);
  }

  /** Does the next thing; false when there is none before `untilMs`, and it is that time then. */
  step(untilMs: number): boolean {
    const next = this.#heap[0];
    if (next === undefined || next.atMs >= untilMs) {
      this.nowMs = Math.max(this.nowMs, untilMs);
      return false;
    }
    this.#pop();
    this.nowMs = next.atMs;
    if (!next.cancelled) next.act();
    return true;
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(entry);
    while (index > 0) {
      const up = (index - 1) >> 1;
      const parent = heap[up] as Entry;
      if (isBefore(parent, entry)) break;
      heap[index] = parent;
      index = up;
    }
    heap[index] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as Entry;
    if (heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = index * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Entry, heap[child] as Entry)) child++;
      if (isBefore(last, heap[child] as Entry)) break;
      heap[index] = heap[child] as Entry;
      index = child;
    }
    heap[index] = last;
  }
}

function isBefore(left: Entry, right: Entry): boolean {
  return left.atMs < right.atMs || (left.atMs === right.atMs && left.order < right.order);
}
