/**
 * A first-in-first-out queue whose links are in its members: O(1) at both ends, nothing allocated per member.
 * A member is in at most one such queue at a time. For the outbox, which keeps queues within queues.
 */
export interface Linked<T> {
  next: T | null;
}

export class LinkedQueue<T extends Linked<T>> {
  #head: T | null = null;
  #tail: T | null = null;
  #length = 0;

  get head(): T | null {
    return this.#head;
  }

  get length(): number {
    return this.#length;
  }

  *[Symbol.iterator](): Generator<T> {
    for (let member = this.#head; member !== null; member = member.next) yield member;
  }

  pushBack(member: T): void {
    member.next = null;
    if (this.#tail === null) this.#head = member;
    else this.#tail.next = member;
    this.#tail = member;
    this.#length++;
  }

  pushFront(member: T): void {
    member.next = this.#head;
    this.#head = member;
    this.#tail ??= member;
    this.#length++;
  }

  shift(): T | null {
    const member = this.#head;
    if (member === null) return null;
    this.#head = member.next;
    if (this.#head === null) this.#tail = null;
    member.next = null;
    this.#length--;
    return member;
  }
}
