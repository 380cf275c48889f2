/** Schema fields that plug-ins share, so that equal things are written and refused equally everywhere. */
import { DURATION_FORMS, parseDuration } from "./duration.ts";
import { type Schema, z } from "./schema.ts";

/** A duration in the manifest, milliseconds after parsing; > 0 unless `zero` is allowed. */
export function durationField(options: { readonly zero?: boolean } = {}): Schema<number> {
  return z.union([z.string(), z.number()]).transform((value, context) => {
    const ms = parseDuration(value);
    if (ms === undefined || (ms === 0 && options.zero !== true)) {
      context.addIssue({
        code: "custom",
        message: `expected ${DURATION_FORMS}${options.zero ? "" : ", more than 0"}`,
      });
      return z.NEVER;
    }
    return ms;
  });
}

/**
 * Headers as the manifest accepts them: a list of "K: V", one string, or a map. After parsing: a list of [name, value].
 * Names are HTTP tokens, values have no CR, LF or NUL (RFC 9110 §5.5), so that no header can be smuggled in.
 */
export function headersField(): Schema<readonly (readonly [string, string])[]> {
  const scalar = z.union([z.string(), z.number(), z.boolean()]);
  return z.union([z.array(z.string()), z.string(), z.record(z.string(), scalar)]).transform(
    (value, context) => {
      const pairs: (readonly [string, string])[] = [];
      const lines = typeof value === "string"
        ? value.split(/\r?\n/).filter((line) => line.trim() !== "")
        : value;
      const entries = Array.isArray(lines) ? lines.map(cutHeader) : Object.entries(lines);
      for (const [name, content] of entries) {
        const text = String(content).trim();
        // deno-lint-ignore no-control-regex
        if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name) || /[\r\n\u0000]/.test(text)) {
          context.addIssue({
            code: "custom",
            message: `expected headers as "Name: value", found ${JSON.stringify(name)}`,
          });
          return z.NEVER;
        }
        pairs.push([name, text]);
      }
      return pairs;
    },
  );
}

function cutHeader(line: string): [string, string] {
  const colon = line.indexOf(":");
  return colon < 0 ? [line.trim(), "\r"] : [line.slice(0, colon).trim(), line.slice(colon + 1)];
}

/** A host name or an address. A zone ("fe80::1%eth0") is part of an address; brackets are not. */
export const HOST_FIELD = z.string().regex(
  /^[^\s/[\]]+$/,
  "expected a host name or an address, without port, brackets or scheme",
);

export const PORT_FIELD = z.number().int().min(1).max(65535);

export const HTTP_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const;

const UNIT_BYTES: ReadonlyMap<string, number> = new Map([["K", 1024], ["M", 1024 ** 2], ["G", 1024 ** 3]]);

/** A size of memory as systemd writes it ("512M", "2G"; powers of 1024), or a number of bytes; at least 1 MiB. */
export function bytesField(): Schema<number> {
  return z.union([z.string(), z.number()]).transform((value, context) => {
    const [, digits, unit] = /^(\d+(?:\.\d+)?)([KMG]?)$/.exec(String(value)) ?? [];
    const bytes = Math.round(Number(digits) * (UNIT_BYTES.get(unit ?? "") ?? 1));
    if (!(bytes >= 1024 ** 2)) {
      context.addIssue({ code: "custom", message: 'expected a size such as "512M" or "2G", at least 1M' });
      return z.NEVER;
    }
    return bytes;
  });
}
