/**
 * Which recipients of a message were reached when others have to be tried again, so that nobody who was is told twice by this
 * process. Bounded: what is forgotten is told once more, under the same key.
 */
const MESSAGES_MAX = 1000;

export class PartlySent {
  readonly #reached = new Map<string, ReadonlySet<string>>();

  /** Those of `recipients` that the message of this key has not reached yet. */
  left(key: string, recipients: readonly string[]): readonly string[] {
    const reached = this.#reached.get(key);
    return reached === undefined ? recipients : recipients.filter((recipient) => !reached.has(recipient));
  }

  /** After an attempt that has to be repeated. */
  keep(key: string, reached: readonly string[]): void {
    if (reached.length === 0) return;
    const all = new Set([...this.#reached.get(key) ?? [], ...reached]);
    this.#reached.delete(key);
    if (this.#reached.size >= MESSAGES_MAX) this.#reached.delete(this.#reached.keys().next().value as string);
    this.#reached.set(key, all);
  }

  /** After the last attempt. */
  forget(key: string): void {
    this.#reached.delete(key);
  }
}
