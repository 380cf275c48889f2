/** What SQLite's errors mean to the journal. Deno gives some of them as text only, Bun always with a code. */

/** full: no space left. damaged: the file is not a database any more. locked: another process has it. */
export type SqliteFault = "full" | "damaged" | "locked" | "other";

/** Primary result codes, sqlite.org/rescode.html. */
const FAULT_OF_CODE: Readonly<Record<number, SqliteFault>> = {
  5: "locked",
  11: "damaged",
  13: "full",
  26: "damaged",
};

const FAULT_OF_TEXT: readonly (readonly [RegExp, SqliteFault])[] = [
  [/disk is full|ENOSPC|no space left/i, "full"],
  [/malformed|not a database/i, "damaged"],
  [/database (?:table )?is locked/i, "locked"],
];

export function sqliteFault(error: unknown): SqliteFault {
  const code = (error as { readonly errcode?: unknown } | null)?.errcode;
  const known = typeof code === "number" ? FAULT_OF_CODE[code & 0xff] : undefined;
  return known ?? FAULT_OF_TEXT.find(([pattern]) => pattern.test(String(error)))?.[1] ?? "other";
}
