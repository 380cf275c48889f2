/** The http check against a real nginx and a real tinyproxy. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { HTTP } from "../../src/probes/http.ts";
import { type Certificates, makeCertificates } from "../net/certificates.ts";
import { eventually, openSockets } from "../net/sockets.ts";
import { freePort, type Service } from "../support/service.ts";
import { startNginx, startTinyproxy, webServersMissing } from "../support/web_servers.ts";
import { check, verdict } from "./check.ts";

const skip = webServersMissing() ?? false;

const CONFIG = `
gzip on; gzip_min_length 1; gzip_types text/plain application/json;
server {
  listen 127.0.0.1:PLAIN; listen unix:web.sock;
  location = /json { default_type application/json;
    return 200 '{"status":"ok","db":{"lag":12},"items":[{"id":1,"state":"up"},{"id":2,"state":"down"}]}'; }
  location = /text { return 200 "all systems go\\n"; }
  location = /method { return 200 "$request_method $content_type $content_length"; }
  location = /basic { if ($http_authorization = "Basic dXNlcjpwYXNz") { return 204; } return 401; }
  location = /here { return 302 /text; }
  location = /away { return 302 http://localhost:PLAIN/text; }
  location = /secure { return 302 https://127.0.0.1:TLS/who; }
}
server {
  listen 127.0.0.1:TLS ssl; http2 on;
  ssl_certificate good.crt; ssl_certificate_key good.key; ssl_protocols TLSv1.2 TLSv1.3;
  ssl_client_certificate ca.crt; ssl_verify_client optional;
  location = /who { return 200 "$ssl_client_verify $ssl_protocol $ssl_server_name"; }
}
server {
  listen 127.0.0.1:OLD ssl;
  ssl_certificate good.crt; ssl_certificate_key good.key; ssl_protocols TLSv1.2;
  location / { return 204; }
}
`;

interface Web extends AsyncDisposable {
  readonly nginx: Service;
  readonly certificates: Certificates;
  readonly plain: string;
  readonly secure: string;
  readonly old: string;
}

async function startWeb(): Promise<Web> {
  const [plain, tls, old] = [await freePort(), await freePort(), await freePort()];
  const certificates = makeCertificates();
  const { good, ca } = certificates;
  const text = CONFIG.replaceAll("PLAIN", `${plain}`).replaceAll("TLS ssl", `${tls} ssl`)
    .replaceAll(":TLS/", `:${tls}/`).replaceAll("OLD", `${old}`).replace(" http2 on;", "");
  const files = { "good.crt": good.cert, "good.key": good.key, "ca.crt": ca };
  const nginx = await startNginx(text, { files, port: plain });
  return {
    nginx,
    certificates,
    plain: `http://127.0.0.1:${plain}`,
    secure: `https://127.0.0.1:${tls}`,
    old: `https://127.0.0.1:${old}`,
    async [Symbol.asyncDispose]() {
      await nginx[Symbol.asyncDispose]();
      certificates[Symbol.dispose]();
    },
  };
}

async function expectEach(
  cases: readonly (readonly [config: Record<string, unknown>, wanted: string])[],
): Promise<void> {
  for (const [config, wanted] of cases) {
    const result = await check(HTTP, config);
    const told = `${verdict(result)}${result.text === undefined ? "" : ` ${result.text}`}`;
    assert.ok(told.startsWith(wanted), `${JSON.stringify(config).slice(0, 300)}: ${told}`);
  }
}

test("methods, forms, bodies and credentials arrive as they were written", { skip }, async () => {
  await using web = await startWeb();
  const url = `${web.plain}/method`;
  await expectEach([
    [{ url, body_contains: "GET" }, "pass"],
    [{ url, method: "put", body: "xy", body_matches: "^PUT  2$" }, "pass"],
    [{
      url,
      method: "POST",
      form: { name: "a b&c", on: true },
      body_contains: "POST application/x-www-form-urlencoded 20",
    }, "pass"],
    [{ url: `${web.plain}/basic`, auth: { basic: { username: "user", password: "pass" } } }, "pass"],
    [{ url: `${web.plain}/basic` }, "fail status 401"],
    [{ url: `${web.plain}/basic`, expected_status: ["4xx", 200] }, "pass"],
  ]);
});

test("JSON is judged by RFC 9535 paths: any of the values, how many, within bounds", { skip }, async () => {
  await using web = await startWeb();
  const url = `${web.plain}/json`;
  await expectEach([
    [{ url, json: [{ path: "$.status", equals: "ok" }, { path: "status", equals: "ok" }] }, "pass"],
    [{ url, json: [{ path: "$.items[?@.id == 2].state", equals: "down" }] }, "pass"],
    [{ url, json: [{ path: "$..state", equals: "up", count: 2 }] }, "pass"],
    [{ url, json: [{ path: "$.db.lag", min: 1, max: 20 }, { path: "$.none", exists: false }] }, "pass"],
    [{ url, json: [{ path: "$.items[?match(@.state, 'u.')].id", equals: 1 }] }, "pass"],
    [{ url, json: [{ path: "$.db.lag", max: 10 }] }, "fail json_mismatch 0 $.db.lag is 12, above 10"],
    [
      { url, json: [{ path: "$.items[*].state", equals: "lost" }] },
      'fail json_mismatch 0 $.items[*].state is "down", not "lost"',
    ],
    [
      { url, json: [{ path: "$.items[*]", count: 3 }] },
      "fail json_mismatch 0 $.items[*] is there 2 times, not 3",
    ],
    [
      { url, json: [{ path: "$.status", matches: "^(up|fine)$" }] },
      'fail json_mismatch 0 $.status is "ok", which does not match',
    ],
    [
      { url, json: [{ path: "$.items[?search(@.state, '(a+)+$')]" }] },
      "fail json_mismatch 0 $.items[?search(@.state, '(a+)+$')] is missing",
    ],
  ]);
});

test("compressed answers are asked for only when told to, and undone", { skip }, async () => {
  await using web = await startWeb();
  const url = `${web.plain}/text`;
  await expectEach([
    [{ url, body_contains: "systems", header: [{ name: "content-encoding", exists: false }] }, "pass"],
    [{
      url,
      compression: true,
      body_contains: "systems",
      header: [{ name: "content-encoding", equals: "gzip" }],
    }, "pass"],
    [{ url, compression: true, body_contains: "nothing" }, 'fail body_mismatch 0 does not contain "nothing"'],
    [{ url, compression: true, method: "HEAD" }, "pass"],
  ]);
});

test("redirects are followed as far as they may: count, host, scheme", { skip }, async () => {
  await using web = await startWeb();
  const { ca } = web.certificates;
  await expectEach([
    [{ url: `${web.plain}/here`, body_contains: "go" }, "pass"],
    [{ url: `${web.plain}/here`, follow_redirects: false }, "fail status 302"],
    [{ url: `${web.plain}/here`, follow_redirects: { same_host: true }, body_contains: "go" }, "pass"],
    [{ url: `${web.plain}/away`, body_contains: "go" }, "pass"],
    [
      { url: `${web.plain}/away`, follow_redirects: { same_host: true } },
      "fail redirect_invalid 0 to another host: http://localhost:",
    ],
    [{ url: `${web.plain}/here`, follow_redirects: { max: 0 } }, "fail status 302"],
    [{ url: `${web.plain}/secure`, ca, body_contains: "NONE TLSv1.3" }, "pass"],
  ]);
});

test("client certificates, the least version, the server's name and days left", { skip }, async () => {
  await using web = await startWeb();
  const { ca, good, selfSigned } = web.certificates;
  const url = `${web.secure}/who`;
  const identity = { cert: good.cert, key: good.key };
  const held = openSockets();
  await expectEach([
    [{ url, ca, body_contains: "NONE TLSv1.3" }, "pass"],
    [{ url, ca, client_certificate: identity, body_contains: "SUCCESS" }, "pass"],
    [{ url, ca, client_certificate: { cert: selfSigned.cert, key: selfSigned.key } }, "fail status 400"],
    [{ url, ca, server_name: "localhost", body_contains: "localhost" }, "pass"],
    [{ url, ca, server_name: "other.example" }, "fail tls_hostname"],
    [{ url: web.old, ca }, "pass"],
    [{ url: web.old, ca, tls_min_version: "1.3" }, "fail tls_failed"],
    [{ url, ca, certificate_days: 30 }, "pass"],
    [{ url, ca, certificate_days: 3000 }, "fail tls_expires"],
    // After the redirect it is another origin: our certificate is not for it.
    [{ url: `${web.plain}/secure`, ca, client_certificate: identity, body_contains: "NONE" }, "pass"],
  ]);
  const result = await check(HTTP, { url, ca, certificate_days: 30 });
  const days = (result.certificateDay ?? 0) - Math.floor(Date.now() / 86_400_000);
  assert.ok(days > 365 && days < 1100, `${days} days: the test's certificate ends in about two years`);
  assert.ok(await eventually(() => openSockets() <= held));
});

test("a unix socket instead of the host", { skip }, async () => {
  await using web = await startWeb();
  const held = openSockets();
  const socket = join(web.nginx.folder, "web.sock");
  await expectEach([
    [{ url: "http://any.example/text", unix_socket: socket, body_contains: "go" }, "pass"],
    [{ url: "http://any.example/text", unix_socket: `${socket}.none` }, "fail no_socket"],
    [{ url: "http://any.example/text", unix_socket: join(web.nginx.folder, "conf") }, "fail refused"],
  ]);
  assert.ok(await eventually(() => openSockets() <= held));
});

test("a real proxy: plain requests, tunnels, passwords, and whose fault a failure is", { skip }, async () => {
  await using web = await startWeb();
  const [port, guarded, nobody] = [await freePort(), await freePort(), await freePort()];
  await using _open = await startTinyproxy(["Allow 127.0.0.1"], port);
  await using _guarded = await startTinyproxy(["BasicAuth user pass"], guarded);
  const { ca } = web.certificates;
  const held = openSockets();
  const proxy = `http://127.0.0.1:${port}`;
  const dead = await freePort();
  await expectEach([
    [{
      url: `${web.plain}/text`,
      proxy,
      body_contains: "go",
      header: [{ name: "via", contains: "tinyproxy" }],
    }, "pass"],
    [{ url: `${web.secure}/who`, proxy, ca, body_contains: "TLSv1.3" }, "pass"],
    [{ url: `${web.secure}/who`, proxy }, "fail tls_untrusted"],
    [{ url: `${web.secure}/who`, proxy: `http://user:pass@127.0.0.1:${guarded}`, ca }, "pass"],
    [{ url: `${web.plain}/text`, proxy: `http://user:pass@127.0.0.1:${guarded}` }, "pass"],
    [{ url: `${web.secure}/who`, proxy: `http://127.0.0.1:${guarded}`, ca }, "local proxy_refused 407"],
    [{ url: `https://127.0.0.1:${dead}/`, proxy, ca }, "fail proxy_refused 50"],
    [{ url: `${web.secure}/who`, proxy: `http://127.0.0.1:${nobody}`, ca }, "local local_proxy 0 refused"],
    [{ url: `${web.plain}/text`, proxy: `http://127.0.0.1:${nobody}` }, "local local_proxy 0 refused"],
  ]);
  assert.ok(await eventually(() => openSockets() <= held));
});
