/**
 * Checks a Redis, Valkey or KeyDB server: AUTH where a password is given, then PING (RESP2, https://redis.io/docs/latest/develop/reference/protocol-spec/).
 * Both go out at once, so a check takes one round trip more than a connection. A server that loads its data or lost its
 * master answers, but does not serve.
 */
import { z } from "../base/schema.ts";
import { stop } from "../net/wire.ts";
import { streamProbe } from "./stream_probe.ts";

export const REDIS = streamProbe({
  kind: "redis",
  aliases: ["valkey"],
  summary: "Redis: AUTH (ACL user or password), PING",
  port: 6379,
  fields: { username: z.string().default(""), password: z.string().default("") },
  example: `name: cache
pulse_check:
  type: redis
  interval: 15s
  timeout: 3s
  config:
    host: cache.example.com
    username: monitor
    password: \${REDIS_PASSWORD:-unset}
`,
  async converse(wire, { config: { username, password } }) {
    const isLogin = username !== "" || password !== "";
    const login = username === "" ? command("AUTH", password) : command("AUTH", username, password);
    wire.write((isLogin ? login : "") + command("PING"));
    if (isLogin) {
      const answer = await wire.line();
      if (answer !== "+OK") throw stop(answer.startsWith("-") ? "login_refused" : "protocol", answer);
    }
    const answer = await wire.line();
    if (answer === "+PONG") return;
    if (answer.startsWith("-NOAUTH")) throw stop("login_refused", answer);
    throw stop(answer.startsWith("-") ? "not_serving" : "protocol", answer);
  },
});

function command(...words: readonly string[]): string {
  const bulk = words.map((word) => `$${new TextEncoder().encode(word).length}\r\n${word}\r\n`);
  return `*${words.length}\r\n${bulk.join("")}`;
}
