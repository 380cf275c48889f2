/** The status page: one file with its style and script inside, and a policy that lets the browser run these two and nothing else. */
import { createHash } from "node:crypto";
import page from "./page.html" with { type: "text" };

export const PAGE_HTML: string = page;

export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  "Content-Type": "text/html; charset=utf-8",
  "Content-Security-Policy":
    "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; " +
    `connect-src 'self'; img-src data:; style-src ${hashOf("style")}; script-src ${hashOf("script")}`,
};

/** CSP Level 3 §6.7: the digest of the element's text, byte for byte. */
function hashOf(element: "style" | "script"): string {
  const start = page.indexOf(`<${element}>`) + element.length + 2;
  const text = page.slice(start, page.indexOf(`</${element}>`));
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
}
