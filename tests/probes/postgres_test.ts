import assert from "node:assert/strict";
import { chmodSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { POSTGRES } from "../../src/probes/postgres.ts";
import { makeCertificates } from "../net/certificates.ts";
import { eventually, openSockets } from "../net/sockets.ts";
import {
  asUser,
  freePort,
  missing,
  postgresPrograms,
  run,
  serviceFolder,
  startService,
} from "../support/service.ts";
import { check, verdict } from "./check.ts";

const host = "127.0.0.1";
const bin = postgresPrograms();
const skip = missing({ [join(bin, "postgres")]: "postgresql" }) ?? false;

/** Roles: `scram` and `old` (MD5) with the password "sesame", `open` without one. */
async function startPostgres(files: Readonly<Record<string, string>>, settings: readonly string[]) {
  const port = await freePort();
  const folder = serviceFolder("postgres", files);
  run(["/bin/chown", "-R", "postgres", folder]);
  for (const file of Object.keys(files)) chmodSync(join(folder, file), 0o600);
  const data = join(folder, "data");
  run(asUser("postgres", [join(bin, "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "--no-sync"]), {
    cwd: folder,
  });
  const sql = [
    "SET password_encryption = 'scram-sha-256'; CREATE ROLE scram LOGIN PASSWORD 'sesame';",
    "SET password_encryption = 'md5'; CREATE ROLE old LOGIN PASSWORD 'sesame';",
    "CREATE ROLE open LOGIN;",
  ];
  run(asUser("postgres", [join(bin, "postgres"), "--single", "-D", data, "postgres"]), {
    cwd: folder,
    input: sql.join("\n"),
  });
  const rules = "host all scram all scram-sha-256\nhost all old all md5\nhost all open all trust\n";
  run(asUser("postgres", ["/bin/sh", "-c", `cat >${join(data, "pg_hba.conf")}`]), {
    input: rules,
    cwd: folder,
  });
  const options = [
    `port=${port}`,
    `listen_addresses=${host}`,
    `unix_socket_directories=${folder}`,
    "fsync=off",
  ];
  const argv = [
    join(bin, "postgres"),
    "-D",
    data,
    ...[...options, ...settings].flatMap((each) => ["-c", each]),
  ];
  return await startService({
    argv: asUser("postgres", argv),
    folder,
    port,
    ready: /ready to accept connections/,
  });
}

test("postgres: logins and queries on a real server", { skip }, async () => {
  await using server = await startPostgres({}, []);
  const on = { host, port: server.port, database: "postgres" };
  const held = openSockets();
  for (
    const config of [
      { ...on, username: "scram", password: "sesame" },
      { ...on, username: "old", password: "sesame" },
      { ...on, username: "open" },
      { ...on, username: "open", query: "SELECT generate_series(1, 300)" },
    ]
  ) {
    const result = await check(POSTGRES, config);
    assert.deepEqual([verdict(result), result.text], ["pass none 0", undefined], JSON.stringify(config));
  }
  // A check that passed leaves as a client does that was done.
  assert.doesNotMatch(server.log(), /unexpected EOF|Connection reset|invalid/);
  const bad: readonly [config: object, wanted: string, text: RegExp][] = [
    [
      { username: "scram", password: "wrong" },
      "fail login_refused 0",
      /28P01 password authentication failed/,
    ],
    [{ username: "old", password: "wrong" }, "fail login_refused 0", /28P01/],
    [{ username: "nobody" }, "fail login_refused 0", /28000 no pg_hba.conf entry/],
    [{ username: "open", database: "none" }, "fail not_serving 0", /3D000 database "none" does not exist/],
    [{ username: "open", query: "SELECT 1/0" }, "fail not_serving 0", /22012 division by zero/],
    [{ username: "open", tls: true }, "fail tls_not_offered 0", /^$/],
    [{ username: "open", query: "SELECT repeat('x', 70000)" }, "fail body_too_large 65536", /^$/],
  ];
  for (const [config, wanted, text] of bad) {
    const result = await check(POSTGRES, { ...on, ...config });
    assert.equal(verdict(result), wanted, JSON.stringify(config));
    assert.match(result.text ?? "", text);
    assert.doesNotMatch(result.text ?? "", /sesame/);
  }
  assert.ok(await eventually(() => openSockets() <= held));
});

test("postgres: TLS inside the protocol is verified", { skip }, async () => {
  using certificates = makeCertificates();
  const { good, ca } = certificates;
  await using server = await startPostgres({ "cert.pem": good.cert, "key.pem": good.key }, [
    "ssl=on",
    "ssl_cert_file=../cert.pem",
    "ssl_key_file=../key.pem",
  ]);
  const on = {
    host,
    port: server.port,
    database: "postgres",
    username: "scram",
    password: "sesame",
    tls: true,
  };
  const result = await check(POSTGRES, { ...on, ca });
  assert.deepEqual([verdict(result), result.text], ["pass none 0", undefined]);
  assert.equal(verdict(await check(POSTGRES, on)), "fail tls_untrusted 0");
  assert.equal(verdict(await check(POSTGRES, { ...on, ca, password: "no" })), "fail login_refused 0");
});
