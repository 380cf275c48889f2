/**
 * Logic-free templates for payloads: `{{name}}` stands for a value, nothing else exists. A payload is text, or a tree of JSON
 * values whose strings are templates. Values are escaped for the form they land in (JSON, URL-encoded form, plain text),
 * so that no value can break out of its place. Compiled once per channel, rendered once per message.
 */
export type TemplateValue = string | number | readonly string[] | Readonly<Record<string, string>>;
export type TemplateValues = Readonly<Record<string, TemplateValue>>;

export type JsonValue = string | number | boolean | null | readonly JsonValue[] | {
  readonly [key: string]: JsonValue;
};

export interface Template {
  readonly contentType: string;
  render(values: TemplateValues): string;
}

const FORM_TYPE = "application/x-www-form-urlencoded";
const JSON_TYPE = "application/json";
const PLACEHOLDER = /\{\{\s*([^{}]*?)\s*\}\}/g;
const WHOLE_PLACEHOLDER = /^\{\{\s*([^{}]*?)\s*\}\}$/;

/**
 * What is wrong with a payload, for the manifest's author; undefined when it can be compiled. `names` are the ones that exist;
 * of a map value, `name.key` reads one entry, and an entry that is missing reads as "".
 */
export function templateFault(payload: JsonValue, names: readonly string[]): string | undefined {
  for (const text of stringsOf(payload)) {
    for (const [found, name] of text.matchAll(PLACEHOLDER)) {
      if (!names.includes(rootOf(name as string))) {
        return `unknown placeholder ${JSON.stringify(found)}; allowed: ${names.join(", ")}`;
      }
    }
  }
  if (typeof payload === "string" && looksLikeJson(payload, "0") && !looksLikeJson(payload, '\\"')) {
    return 'a placeholder in a JSON text must stand inside quotes: {"monitor": "{{monitor}}"}';
  }
  return undefined;
}

/** `form`: the payload is the body of an HTML form, said by the header fields it travels under. */
export function compileTemplate(payload: JsonValue, options: { readonly form: boolean }): Template {
  if (typeof payload !== "string") {
    return { contentType: JSON_TYPE, render: (values) => JSON.stringify(fillTree(payload, values)) };
  }
  if (options.form) {
    return textTemplate(payload, FORM_TYPE, (text) => encodeURIComponent(text.toWellFormed()));
  }
  if (looksLikeJson(payload, "0")) {
    return textTemplate(payload, JSON_TYPE, (text) => JSON.stringify(text).slice(1, -1));
  }
  return textTemplate(payload, "text/plain; charset=utf-8", (text) => text);
}

function textTemplate(payload: string, contentType: string, escape: (text: string) => string): Template {
  return { contentType, render: (values) => fillText(payload, values, escape) };
}

function looksLikeJson(text: string, standIn: string): boolean {
  try {
    const value: unknown = JSON.parse(text.replace(PLACEHOLDER, standIn));
    return typeof value === "object" && value !== null;
  } catch {
    return false;
  }
}

function fillText(text: string, values: TemplateValues, escape: (text: string) => string): string {
  return text.replace(PLACEHOLDER, (_found, name: string) => escape(asText(lookUp(values, name))));
}

/** A string that is nothing but one placeholder takes the value with its type: numbers stay numbers, lists stay lists. */
function fillTree(node: JsonValue, values: TemplateValues): unknown {
  if (typeof node === "string") {
    const whole = WHOLE_PLACEHOLDER.exec(node);
    return whole === null ? fillText(node, values, (text) => text) : lookUp(values, whole[1] as string);
  }
  if (Array.isArray(node)) return node.map((item: JsonValue) => fillTree(item, values));
  if (typeof node !== "object" || node === null) return node;
  return Object.fromEntries(
    Object.entries(node).map(([key, item]) => [key, fillTree(item as JsonValue, values)]),
  );
}

function lookUp(values: TemplateValues, path: string): TemplateValue {
  const root = rootOf(path);
  const value = values[root] ?? "";
  if (root === path) return value;
  if (typeof value !== "object" || Array.isArray(value)) return "";
  const key = path.slice(root.length + 1);
  return Object.hasOwn(value, key) ? (value as Readonly<Record<string, string>>)[key] as string : "";
}

function rootOf(path: string): string {
  return path.split(".", 1)[0] as string;
}

function asText(value: TemplateValue): string {
  if (typeof value === "string") return value;
  if (typeof value === "number") return String(value);
  if (Array.isArray(value)) return value.join("; ");
  return Object.entries(value).map(([key, item]) => `${key}=${item}`).join(", ");
}

function* stringsOf(node: JsonValue): Iterable<string> {
  if (typeof node === "string") yield node;
  else if (typeof node === "object" && node !== null) {
    for (const item of Object.values(node)) yield* stringsOf(item);
  }
}
