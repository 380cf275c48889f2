import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { MQTT } from "../../src/probes/mqtt.ts";
import { makeCertificates } from "../net/certificates.ts";
import { eventually, openSockets } from "../net/sockets.ts";
import { freePort, missing, run, serviceFolder, startService } from "../support/service.ts";
import { check, verdict } from "./check.ts";

const host = "127.0.0.1";
const skip = missing({ "/usr/sbin/mosquitto": "mosquitto" }) ?? false;

test("mqtt: open, with a login, and with TLS, on a real Mosquitto", { skip }, async () => {
  using certificates = makeCertificates();
  const { good, ca } = certificates;
  const [port, open, tls] = [await freePort(), await freePort(), await freePort()];
  const folder = serviceFolder("mqtt", { "cert.pem": good.cert, "key.pem": good.key });
  run(["/usr/bin/mosquitto_passwd", "-c", "-b", join(folder, "passwords"), "monitor", "sesame"]);
  run(["/bin/sh", "-c", 'cat >"$0"', join(folder, "conf")], {
    input: `per_listener_settings true
user root
listener ${open} ${host}
allow_anonymous true
listener ${tls} ${host}
allow_anonymous true
certfile ${folder}/cert.pem
keyfile ${folder}/key.pem
listener ${port} ${host}
allow_anonymous false
password_file ${folder}/passwords
`,
  });
  await using server = await startService({
    argv: ["/usr/sbin/mosquitto", "-v", "-c", join(folder, "conf")],
    folder,
    port,
  });
  const held = openSockets();
  const user = { host, port, username: "monitor", password: "sesame" };
  assert.equal(verdict(await check(MQTT, { host, port: open })), "pass none 0");
  assert.equal(verdict(await check(MQTT, user)), "pass none 0");
  assert.equal(verdict(await check(MQTT, { host, port: tls, tls: true, ca })), "pass none 0");
  assert.match(server.log(), /Received DISCONNECT from cpra-/);
  const refused = await check(MQTT, { ...user, password: "wrong" });
  assert.deepEqual([verdict(refused), refused.text], ["fail login_refused 0", "not authorized"]);
  assert.equal(verdict(await check(MQTT, { host, port })), "fail login_refused 0");
  assert.equal(verdict(await check(MQTT, { host, port: tls, tls: true })), "fail tls_untrusted 0");
  assert.ok(await eventually(() => openSockets() <= held));
});
