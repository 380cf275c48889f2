/**
 * Rows in the order in which they came. For checks that found no place at a worker: empty nearly always, as long as the
 * fleet when a machine is overloaded. Engine thread only; grows by doubling, and gives its memory back when it is empty.
 */
const LENGTH_MIN = 1024;

export class RowQueue {
  /** A ring of a power of two. */
  #rows = new Int32Array(LENGTH_MIN);
  #head = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(row: number): void {
    if (this.#length === this.#rows.length) this.#grow();
    this.#rows[(this.#head + this.#length++) & (this.#rows.length - 1)] = row;
  }

  /** The first row; -1 when there is none. */
  get first(): number {
    return this.#length === 0 ? -1 : this.#rows[this.#head] as number;
  }

  dropFirst(): void {
    this.#head = (this.#head + 1) & (this.#rows.length - 1);
    if (--this.#length > 0) return;
    this.#head = 0;
    if (this.#rows.length > LENGTH_MIN) this.#rows = new Int32Array(LENGTH_MIN);
  }

  #grow(): void {
    const rows = new Int32Array(this.#rows.length * 2);
    rows.set(this.#rows.subarray(this.#head));
    rows.set(this.#rows.subarray(0, this.#head), this.#rows.length - this.#head);
    this.#rows = rows;
    this.#head = 0;
  }
}
