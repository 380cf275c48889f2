import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { MYSQL } from "../../src/probes/mysql.ts";
import { makeCertificates } from "../net/certificates.ts";
import { eventually, openSockets } from "../net/sockets.ts";
import { freePort, missing, run, serviceFolder, startService } from "../support/service.ts";
import { check, verdict } from "./check.ts";

const host = "127.0.0.1";
const skip =
  missing({ "/usr/sbin/mariadbd": "mariadb-server", "/usr/bin/mariadb-install-db": "mariadb-server" }) ??
    false;

test("mysql: logins, queries and TLS on a real MariaDB", { skip }, async () => {
  using certificates = makeCertificates();
  const { good, ca } = certificates;
  const port = await freePort();
  const folder = serviceFolder("mysql", {
    "cert.pem": good.cert,
    "key.pem": good.key,
    "ca.pem": ca,
    "init.sql": `CREATE USER monitor@'%' IDENTIFIED BY 'sesame';
CREATE DATABASE shop;
GRANT SELECT ON shop.* TO monitor@'%';
CREATE USER open@'%';
`,
  });
  const data = join(folder, "data");
  run([
    "/usr/bin/mariadb-install-db",
    "--no-defaults",
    `--datadir=${data}`,
    "--user=root",
    "--auth-root-authentication-method=normal",
    "--skip-test-db",
  ]);
  await using _server = await startService({
    argv: ["/usr/sbin/mariadbd", "--no-defaults", "--user=root", `--datadir=${data}`, `--port=${port}`]
      .concat([
        ...[`--bind-address=${host}`, `--socket=${folder}/socket`, `--init-file=${folder}/init.sql`],
        ...[`--ssl-cert=${folder}/cert.pem`, `--ssl-key=${folder}/key.pem`, "--innodb-flush-method=fsync"],
        ...["--max-connect-errors=3", "--innodb-buffer-pool-size=16M", "--log-warnings=4"],
      ]) as [string, ...string[]],
    folder,
    port,
  });
  const on = { host, port };
  const user = { ...on, username: "monitor", password: "sesame" };
  const held = openSockets();
  for (
    const config of [
      user,
      { ...user, database: "shop" },
      { ...user, tls: true, ca },
      { ...on, username: "open" },
      { ...user, query: "SHOW DATABASES" },
    ]
  ) {
    const result = await check(MYSQL, config);
    assert.deepEqual([verdict(result), result.text], ["pass none 0", undefined], JSON.stringify(config));
  }
  // More often than max_connect_errors: a check without a user does not get this host shut out.
  for (let i = 0; i < 8; i++) assert.equal(verdict(await check(MYSQL, on)), "pass none 0");
  const bad: readonly [config: object, wanted: string, text: RegExp][] = [
    [{ ...user, password: "wrong" }, "fail login_refused 0", /^1045 Access denied for user 'monitor'/],
    [{ ...user, password: "" }, "fail login_refused 0", /^1045/],
    [{ ...user, database: "none" }, "fail login_refused 0", /^1044 Access denied/],
    [{ ...user, query: "SELECT * FROM shop.none" }, "fail not_serving 0", /^1146 Table/],
    [{ ...user, tls: true }, "fail tls_untrusted 0", /./],
  ];
  for (const [config, wanted, text] of bad) {
    const result = await check(MYSQL, config);
    assert.equal(verdict(result), wanted, JSON.stringify(config));
    assert.match(result.text ?? "", text);
  }
  assert.equal(verdict(await check(MYSQL, user)), "pass none 0");
  assert.ok(await eventually(() => openSockets() <= held));
});
