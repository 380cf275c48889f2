/** The schema field for an http: or https: address, and the part of one that may be shown. */
import { type Schema, z } from "./schema.ts";

/** An absolute http or https URL without a fragment, kept as written. The message never repeats it: it may hold a secret. */
export function httpUrlField(): Schema<string> {
  return z.string().superRefine((text, context) => {
    if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol) || new URL(text).hash !== "") {
      context.addIssue({
        code: "custom",
        message: 'expected a URL such as "https://hooks.example.com/path"',
      });
    }
  });
}

/** Scheme, host and port: no user, path or query, where tokens are kept. */
export function urlOrigin(url: string): string {
  return URL.canParse(url) ? new URL(url).origin : "(invalid URL)";
}
