/** Where a verb's words go: answers to standard output, everything about them to standard error. Whole lines. */
export interface Io {
  out(text: string): void;
  err(text: string): void;
}
