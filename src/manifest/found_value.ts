/** How a message names what was found, without ever repeating what may be a secret. */

const SECRET_KEY = /key|token|secret|pass|auth|credential|cookie|hook|headers|payload|env/i;

/** Stands for a value that messages may only describe. */
export class Hidden {
  readonly shown: string;
  constructor(shown: string) {
    this.shown = shown;
  }
}

/** "a number" etc., for messages about types. */
export function typeWord(value: unknown): string {
  if (value instanceof Hidden) return value.shown;
  if (value === undefined || value === null) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a mapping";
  return typeof value === "string" ? "a string" : typeof value === "number" ? "a number" : "a boolean";
}

/** Whether a value under these keys may be a secret. */
export function isSecret(keys: readonly (string | number)[]): boolean {
  return keys.some((key) => typeof key === "string" && SECRET_KEY.test(key));
}

/** The value itself where that is short and harmless, else its type. `keys`: the keys that lead to it. */
export function foundWord(value: unknown, keys: readonly (string | number)[]): string {
  const secret = isSecret(keys);
  if (typeof value === "number" || typeof value === "boolean") {
    return secret ? typeWord(value) : String(value);
  }
  if (typeof value !== "string") return typeWord(value);
  if (secret && !/^\$\{[^}]*\}$/.test(value)) return `a string of ${value.length} characters`;
  const shown = value.replace(/\/\/[^/@\s]*@/g, "//***@").replace(/\?.*$/s, "?…");
  return JSON.stringify(shown.length > 80 ? `${Array.from(shown).slice(0, 80).join("")}…` : shown);
}
