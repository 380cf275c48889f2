/** What a monitor of kind `http` may say, and the plain form the rest of the probe works with. */
import { IP_PREFERENCES, type IpPreference } from "../base/ip_preference.ts";
import { durationField, headersField, HTTP_METHODS } from "../base/fields.ts";
import { type Schema, z } from "../base/schema.ts";
import { TLS_VERSIONS, type TlsVersion } from "../net/tls.ts";
import { statusField, type StatusRange, SUCCESS } from "./expected_status.ts";
import {
  ASSERTION_FIELDS,
  assertionsOf,
  type HeaderAssertion,
  type JsonAssertion,
} from "./http_assertion_fields.ts";
import { METHODS_WITH_BODY } from "./http_request.ts";
import { sourceField } from "./source_field.ts";

/** An HTTP proxy: plain requests go to it in absolute form, others through a tunnel (RFC 9110 §9.3.6). */
export interface ProxyConfig {
  readonly host: string;
  readonly port: number;
  /** Value of Proxy-Authorization; "" = none. */
  readonly authorization: string;
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
  /** A redirect to another host is a failure. */
  readonly sameHost: boolean;
  readonly insecure: boolean;
  /** PEM; "" = the authorities of the runtime. */
  readonly ca: string;
  /** PEM of the client's certificate and its key; "" = none. Shown to the URL's own origin only. */
  readonly clientCert: string;
  readonly clientKey: string;
  /** For SNI and verification instead of the URL's host; "" = that. */
  readonly serverName: string;
  readonly tlsMinVersion: TlsVersion;
  /** Days that certificates must still be valid; 0 = one that is valid will do. */
  readonly certificateDays: number;
  /** Asks for a compressed body and undoes it. */
  readonly compression: boolean;
  readonly proxy: ProxyConfig | null;
  /** Path of a unix socket to connect to instead of the URL's host; "" = none. */
  readonly unixSocket: string;
  /** Which of a name's addresses; "" = as the settings say. */
  readonly ip: IpPreference | "";
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

const REDIRECT_COUNT = z.number().int().min(0).max(REDIRECTS_MAX);
const REDIRECTS_FIELD = z.union([
  z.boolean(),
  REDIRECT_COUNT,
  z.strictObject({ max: REDIRECT_COUNT.default(REDIRECTS_DEFAULT), same_host: z.boolean().default(false) }),
]).default(true).transform((value) => {
  if (typeof value === "object") return { max: value.max, sameHost: value.same_host };
  return { max: typeof value === "number" ? value : value ? REDIRECTS_DEFAULT : 0, sameHost: false };
});

const PEM = z.string().includes("-----BEGIN CERTIFICATE-----", { error: "expected certificates in PEM" });
const CLIENT_CERTIFICATE = z.strictObject({
  cert: PEM,
  key: z.string().regex(/-----BEGIN [A-Z ]*PRIVATE KEY-----/, "expected a private key in PEM"),
});

/** The message never repeats it: it may hold a password. */
const PROXY = z.string().transform((text, context): ProxyConfig => {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === "http:" && url.hostname !== "" && url.port !== "0" && url.pathname === "/") {
    const named = url.username !== "" || url.password !== "";
    return {
      host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
      port: url.port === "" ? 80 : Number(url.port),
      authorization: named ? basic(decoded(url.username), decoded(url.password)) : "",
    };
  }
  context.addIssue({ code: "custom", message: 'expected a proxy such as "http://proxy.example.com:3128"' });
  return z.NEVER;
});

const AUTH = z.strictObject({
  basic: z.strictObject({ username: z.string().regex(/^[^:]*$/, "expected no colon"), password: z.string() })
    .optional(),
  bearer: z.strictObject({ token: z.string().regex(/^[\x21-\x7e]+$/, "expected visible characters only") })
    .optional(),
}).refine(
  (auth) => (auth.basic === undefined) !== (auth.bearer === undefined),
  "expected either basic or bearer",
);

export const HTTP_SCHEMA: Schema<HttpConfig> = z.strictObject({
  url: z.string().refine(isUsableUrl, 'expected an absolute URL such as "https://host:8443/health"'),
  method: z.string().transform((method) => method.toUpperCase()).pipe(z.enum(HTTP_METHODS)).default("GET"),
  headers: headersField().refine(
    (headers) => headers.every(([name]) => !FRAMING_HEADERS.has(name.toLowerCase())),
    "expected no Connection, Content-Length, Transfer-Encoding or Upgrade: the check sets them itself",
  ).default([]),
  auth: AUTH.optional(),
  body: z.string().default(""),
  form: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional(),
  expected_status: statusField().default(SUCCESS),
  follow_redirects: REDIRECTS_FIELD,
  insecure: z.boolean().default(false),
  ca: PEM.optional(),
  client_certificate: CLIENT_CERTIFICATE.optional(),
  server_name: z.string().min(1).optional(),
  tls_min_version: z.enum(TLS_VERSIONS).default("1.2"),
  certificate_days: z.number().int().min(0).max(3650).default(0),
  compression: z.boolean().default(false),
  proxy: PROXY.optional(),
  unix_socket: z.string().regex(/^\//, "expected an absolute path").max(107).optional(),
  ip: z.enum(IP_PREFERENCES).optional(),
  ...ASSERTION_FIELDS,
  max_latency: durationField().optional(),
  keep_alive: z.boolean().default(false),
  source: sourceField(),
}).superRefine((input, context) => {
  const refuse = (path: string, message: string) =>
    context.addIssue({ code: "custom", path: [path], message });
  if (input.form !== undefined && input.body !== "") refuse("form", "expected either form or body");
  if (input.form !== undefined && !METHODS_WITH_BODY.has(input.method)) {
    refuse("form", "expected method POST, PUT or PATCH with a form");
  }
  if (input.proxy !== undefined && input.unix_socket !== undefined) {
    refuse("unix_socket", "expected either proxy or unix_socket");
  }
}).transform((input) => {
  const url = new URL(input.url);
  const authorization = authorizationOf(input.auth, url);
  url.username = "";
  url.password = "";
  url.hash = "";
  const { max: redirectsMax, sameHost } = input.follow_redirects;
  return {
    url: url.href,
    method: input.method,
    headers: input.form === undefined ? input.headers : withType(input.headers),
    authorization,
    body: input.form === undefined ? input.body : encodeForm(input.form),
    expectedStatus: input.expected_status,
    redirectsMax,
    sameHost,
    insecure: input.insecure,
    ca: input.ca ?? "",
    clientCert: input.client_certificate?.cert ?? "",
    clientKey: input.client_certificate?.key ?? "",
    serverName: input.server_name ?? "",
    tlsMinVersion: input.tls_min_version,
    certificateDays: input.certificate_days,
    compression: input.compression,
    proxy: input.proxy ?? null,
    unixSocket: input.unix_socket ?? "",
    ip: input.ip ?? "",
    bodyContains: input.body_contains,
    bodyNotContains: input.body_not_contains,
    bodyMatches: input.body_matches,
    ...assertionsOf(input),
    maxLatencyMs: input.max_latency ?? 0,
    keepAlive: input.keep_alive,
    source: input.source,
  };
});

/** What the raw engine cannot do. */
export function needsEventLoop(config: Omit<HttpConfig, "url">): boolean {
  return config.compression || config.proxy !== null || config.unixSocket !== "";
}

/** application/x-www-form-urlencoded (WHATWG URL §5.2), in the order that was written. */
function encodeForm(form: Readonly<Record<string, string | number | boolean>>): string {
  return new URLSearchParams(Object.entries(form).map(([name, value]) => [name, String(value)])).toString();
}

function withType(headers: HttpConfig["headers"]): HttpConfig["headers"] {
  if (headers.some(([name]) => name.toLowerCase() === "content-type")) return headers;
  return [...headers, ["Content-Type", "application/x-www-form-urlencoded"]];
}

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
