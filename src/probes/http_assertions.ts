/** Holds a complete HTTP answer against what a monitor expects of it. Pure; patterns run in linear time. */
import type { ResponseReader } from "../net/http1.ts";
import { BODY_LIMIT_BYTES } from "../net/http1.ts";
import type { Failure } from "../net/failure.ts";
import { statusExpected } from "./expected_status.ts";
import type { HeaderAssertion, JsonAssertion } from "./http_assertion_fields.ts";
import type { Body } from "./http_body.ts";
import type { HttpConfig } from "./http_config.ts";
import { jsonProblem } from "./json_assertion.ts";
import { type JsonPath, parseJsonPath } from "./json_path.ts";
import { compilePattern, type Pattern } from "./pattern.ts";
import { asText } from "./quoted.ts";

/** A configuration's assertions, made ready once for all its checks. */
export interface Assertions {
  readonly config: Omit<HttpConfig, "url">;
  readonly needsBody: boolean;
  readonly bodyMatches: readonly Pattern[];
  readonly headerMatches: readonly (Pattern | undefined)[];
  readonly json: readonly { readonly path: JsonPath; readonly matches: Pattern | undefined }[];
}

export function prepareAssertions(config: Omit<HttpConfig, "url">): Assertions {
  const { bodyContains, bodyNotContains, bodyMatches, json } = config;
  return {
    config,
    needsBody: bodyContains.length + bodyNotContains.length + bodyMatches.length + json.length > 0,
    bodyMatches: bodyMatches.map(compiled),
    headerMatches: config.header.map(({ matches }) => matches === undefined ? undefined : compiled(matches)),
    json: json.map(({ path, matches }) => ({
      path: jsonPath(path),
      matches: matches === undefined ? undefined : compiled(matches),
    })),
  };
}

/** The first expectation that does not hold, in the order status, headers, body, JSON; undefined when all do. */
export function checkAnswer(answer: ResponseReader, assertions: Assertions): Failure | undefined {
  const failure = checkHead(answer, assertions);
  if (failure !== undefined || !assertions.needsBody) return failure;
  const coding = answer.header("content-encoding");
  if (coding !== undefined && coding.toLowerCase() !== "identity") {
    return mismatch("body_mismatch", `body is coded (${coding}), although none was asked for`);
  }
  return checkContent({ bytes: answer.body(), truncated: answer.truncated }, assertions);
}

/** Status and headers. */
export function checkHead(
  answer: ResponseReader,
  { config, headerMatches }: Assertions,
): Failure | undefined {
  if (!statusExpected(config.expectedStatus, answer.status)) {
    return { outcome: "fail", reason: "status", value: answer.status };
  }
  for (const [index, header] of config.header.entries()) {
    const problem = headerProblem(header, answer.header(header.name), headerMatches[index]);
    if (problem !== undefined) return mismatch("header_mismatch", `${header.name} ${problem}`);
  }
  return undefined;
}

/** The body, its coding undone. */
export function checkContent({ bytes, truncated }: Body, assertions: Assertions): Failure | undefined {
  const text = new TextDecoder().decode(bytes);
  return checkBody(text, truncated, assertions) ?? checkJson(text, truncated, assertions);
}

function checkBody(
  text: string,
  truncated: boolean,
  { config, bodyMatches }: Assertions,
): Failure | undefined {
  for (const part of config.bodyNotContains) {
    if (text.includes(part)) return mismatch("body_mismatch", `contains ${asText(part)}`);
  }
  // What was not read might hold it or break it: neither "healthy" nor the mismatch would be proved.
  const unread: Failure = { outcome: "fail", reason: "body_too_large", value: BODY_LIMIT_BYTES };
  for (const part of config.bodyContains) {
    if (!text.includes(part)) {
      return truncated ? unread : mismatch("body_mismatch", `does not contain ${asText(part)}`);
    }
  }
  for (const [index, pattern] of bodyMatches.entries()) {
    if (pattern.test(text)) continue;
    return truncated
      ? unread
      : mismatch("body_mismatch", `does not match ${asText(config.bodyMatches[index] ?? "")}`);
  }
  return truncated && config.bodyNotContains.length > 0 ? unread : undefined;
}

function checkJson(text: string, truncated: boolean, { config, json }: Assertions): Failure | undefined {
  if (config.json.length === 0) return undefined;
  if (truncated) return { outcome: "fail", reason: "body_too_large", value: BODY_LIMIT_BYTES };
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return mismatch("json_mismatch", "body is not JSON");
  }
  for (const [index, { path, matches }] of json.entries()) {
    const assertion = config.json[index] as JsonAssertion;
    const values = path.values(document);
    if (values === undefined) return mismatch("json_mismatch", "body is nested too deeply");
    const problem = jsonProblem(assertion, values, matches);
    if (problem !== undefined) return mismatch("json_mismatch", `${assertion.path} ${problem}`);
  }
  return undefined;
}

function headerProblem(
  want: HeaderAssertion,
  value: string | undefined,
  matches: Pattern | undefined,
): string | undefined {
  if (!want.exists) return value === undefined ? undefined : "is present";
  if (value === undefined) return "is missing";
  if (want.equals !== undefined && value !== want.equals) return `is not ${asText(want.equals)}`;
  if (want.contains !== undefined && !value.includes(want.contains)) {
    return `does not contain ${asText(want.contains)}`;
  }
  if (matches !== undefined && !matches.test(value)) return `does not match ${asText(want.matches ?? "")}`;
  return undefined;
}

export function mismatch(
  reason: "header_mismatch" | "body_mismatch" | "json_mismatch",
  text: string,
): Failure {
  return { outcome: "fail", reason, value: 0, text };
}

/** Configurations come from validation, which has refused what does not compile. */
function compiled(source: string): Pattern {
  const pattern = compilePattern(source);
  if (typeof pattern === "string") throw new Error(`Cannot compile a validated pattern: ${pattern}`);
  return pattern;
}

function jsonPath(source: string): JsonPath {
  const path = parseJsonPath(source);
  if (typeof path === "string") throw new Error(`Cannot read a validated path: ${path}`);
  return path;
}
