/** Broken code stops here. Bad input and a failing world are never asserted: see src/README.md, "errors". */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${message}`);
}

/** For the default branch of a switch over a closed set: the type checker proves it unreachable. */
export function unreachable(value: never): never {
  throw new Error(`assertion failed: unreachable value ${String(value)}`);
}
