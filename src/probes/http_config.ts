/** What a monitor of kind `http` may say, and the plain form the rest of the probe works with. */
import { durationField, headersField, HTTP_METHODS } from "../base/fields.ts";
import { type Schema, z } from "../base/schema.ts";
import { statusField, type StatusRange, SUCCESS } from "./expected_status.ts";
import { parseJsonPath } from "./json_path.ts";
import { compilePattern } from "./pattern.ts";
import { sourceField } from "./source_field.ts";

export interface HeaderAssertion {
  /** Lower case. */
  readonly name: string;
  readonly exists: boolean;
  readonly equals?: string;
  readonly contains?: string;
  readonly matches?: string;
}

export interface JsonAssertion {
  readonly path: string;
  readonly exists: boolean;
  readonly equals?: string | number | boolean | null;
}

/** Plain JSON, defaults filled in. */
export interface HttpConfig {
  /** Without user, password and fragment. */
  readonly url: string;
  readonly method: typeof HTTP_METHODS[number];
  readonly headers: readonly (readonly [string, string])[];
  /** Value of the Authorization header; "" = none. Not sent to another origin than the URL's. */
  readonly authorization: string;
  readonly body: string;
  readonly expectedStatus: readonly StatusRange[];
  /** 0 = a redirect is the answer. */
  readonly redirectsMax: number;
  readonly insecure: boolean;
  /** PEM; "" = the authorities of the runtime. */
  readonly ca: string;
  readonly bodyContains: readonly string[];
  readonly bodyNotContains: readonly string[];
  readonly bodyMatches: readonly string[];
  readonly header: readonly HeaderAssertion[];
  readonly json: readonly JsonAssertion[];
  /** 0 = no limit. */
  readonly maxLatencyMs: number;
  /** On the raw engine, for GET, HEAD and OPTIONS: a connection serves one check after another. */
  readonly keepAlive: boolean;
  /** Address to connect from; "" = the kernel's choice. */
  readonly source: string;
}

/** What Go's client and blackbox_exporter follow by default. */
const REDIRECTS_DEFAULT = 10;
const REDIRECTS_MAX = 20;
/** The probe frames its request itself; a second framing would let a header smuggle a request in. */
const FRAMING_HEADERS: ReadonlySet<string> = new Set([
  "content-length",
  "transfer-encoding",
  "connection",
  "upgrade",
]);

/** One or several texts. */
const TEXTS = z.union([z.string().min(1), z.array(z.string().min(1))]).default([])
  .transform((value): readonly string[] => typeof value === "string" ? [value] : value);

const PATTERN = z.string().min(1).superRefine((source, context) => {
  const compiled = compilePattern(source);
  if (typeof compiled === "string") {
    context.addIssue({ code: "custom", message: `expected a regular expression: ${compiled}` });
  }
});

const PATTERNS = z.union([PATTERN, z.array(PATTERN)]).default([])
  .transform((value): readonly string[] => typeof value === "string" ? [value] : value);

const AUTH = z.strictObject({
  basic: z.strictObject({ username: z.string().regex(/^[^:]*$/, "expected no colon"), password: z.string() })
    .optional(),
  bearer: z.strictObject({ token: z.string().regex(/^[\x21-\x7e]+$/, "expected visible characters only") })
    .optional(),
}).refine(
  (auth) => (auth.basic === undefined) !== (auth.bearer === undefined),
  "expected either basic or bearer",
);

const HEADER_ASSERTION = z.strictObject({
  name: z.string().min(1).transform((name) => name.toLowerCase()),
  exists: z.boolean().default(true),
  equals: z.string().optional(),
  contains: z.string().optional(),
  matches: PATTERN.optional(),
});

const JSON_ASSERTION = z.strictObject({
  path: z.string().refine(
    (path) => parseJsonPath(path) !== undefined,
    'expected a path such as "status.db[0].ok"',
  ),
  exists: z.boolean().default(true),
  equals: z.union([z.string(), z.number(), z.boolean(), z.null()]).optional(),
});

export const HTTP_SCHEMA: Schema<HttpConfig> = z.strictObject({
  url: z.string().refine(isUsableUrl, 'expected an absolute URL such as "https://host:8443/health"'),
  method: z.string().transform((method) => method.toUpperCase()).pipe(z.enum(HTTP_METHODS)).default("GET"),
  headers: headersField().refine(
    (headers) => headers.every(([name]) => !FRAMING_HEADERS.has(name.toLowerCase())),
    "expected no Connection, Content-Length, Transfer-Encoding or Upgrade: the check sets them itself",
  ).default([]),
  auth: AUTH.optional(),
  body: z.string().default(""),
  expected_status: statusField().default(SUCCESS),
  follow_redirects: z.union([z.boolean(), z.number().int().min(0).max(REDIRECTS_MAX)]).default(true),
  insecure: z.boolean().default(false),
  ca: z.string().includes("-----BEGIN CERTIFICATE-----", { error: "expected certificates in PEM" })
    .optional(),
  body_contains: TEXTS,
  body_not_contains: TEXTS,
  body_matches: PATTERNS,
  header: z.array(HEADER_ASSERTION).default([]),
  json: z.array(JSON_ASSERTION).default([]),
  max_latency: durationField().optional(),
  keep_alive: z.boolean().default(false),
  source: sourceField(),
}).transform((input) => {
  const url = new URL(input.url);
  const authorization = authorizationOf(input.auth, url);
  url.username = "";
  url.password = "";
  url.hash = "";
  const follow = input.follow_redirects;
  return {
    url: url.href,
    method: input.method,
    headers: input.headers,
    authorization,
    body: input.body,
    expectedStatus: input.expected_status,
    redirectsMax: typeof follow === "number" ? follow : follow ? REDIRECTS_DEFAULT : 0,
    insecure: input.insecure,
    ca: input.ca ?? "",
    bodyContains: input.body_contains,
    bodyNotContains: input.body_not_contains,
    bodyMatches: input.body_matches,
    header: input.header.map(withoutUndefined),
    json: input.json.map(withoutUndefined),
    maxLatencyMs: input.max_latency ?? 0,
    keepAlive: input.keep_alive,
    source: input.source,
  };
});

function isUsableUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  return (url.protocol === "http:" || url.protocol === "https:") && url.hostname !== "" && url.port !== "0";
}

/** `auth` wins over user and password in the URL; both are Basic as RFC 7617 writes it, in UTF-8. */
function authorizationOf(auth: z.infer<typeof AUTH> | undefined, url: URL): string {
  if (auth?.bearer !== undefined) return `Bearer ${auth.bearer.token}`;
  if (auth?.basic !== undefined) return basic(auth.basic.username, auth.basic.password);
  if (url.username === "" && url.password === "") return "";
  return basic(decoded(url.username), decoded(url.password));
}

/** A percent sign that begins no escape stands for itself, as in other clients. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function basic(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

type Defined<T> = { [Key in keyof T]: Exclude<T[Key], undefined> };

/** An absent key and one that is undefined are different after a round trip through JSON. */
function withoutUndefined<T extends object>(value: T): Defined<T> {
  return Object.fromEntries(Object.entries(value).filter(([, content]) => content !== undefined)) as Defined<
    T
  >;
}
