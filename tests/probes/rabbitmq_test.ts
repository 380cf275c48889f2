import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { RABBITMQ } from "../../src/probes/rabbitmq.ts";
import { eventually, openSockets } from "../net/sockets.ts";
import { freePort, missing, run, serviceFolder, startService } from "../support/service.ts";
import { check, verdict } from "./check.ts";

const host = "127.0.0.1";
const skip = missing({ "/usr/lib/rabbitmq/bin/rabbitmq-server": "rabbitmq-server" }) ?? false;

test("rabbitmq: logins and virtual hosts on a real RabbitMQ", { skip }, async () => {
  const [port, distribution] = [await freePort(), await freePort()];
  const folder = serviceFolder("rabbitmq", { "enabled_plugins": "[].\n" });
  const mapper = String(await freePort());
  // Erlang's port mapper outlives the server.
  await using _cleanUp = {
    [Symbol.asyncDispose]: () => Promise.resolve(void run(["/usr/bin/epmd", "-port", mapper, "-kill"])),
  };
  await using server = await startService({
    argv: ["/usr/lib/rabbitmq/bin/rabbitmq-server"],
    folder,
    port,
    env: {
      ERL_EPMD_PORT: mapper,
      RABBITMQ_NODENAME: `cpra${port}@localhost`,
      RABBITMQ_NODE_IP_ADDRESS: host,
      RABBITMQ_NODE_PORT: String(port),
      RABBITMQ_DIST_PORT: String(distribution),
      RABBITMQ_MNESIA_BASE: join(folder, "data"),
      RABBITMQ_LOG_BASE: folder,
      RABBITMQ_LOGS: "-",
      RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, "enabled_plugins"),
      RABBITMQ_CONF_ENV_FILE: "/dev/null",
    },
    ready: /Server startup complete/,
  });
  const held = openSockets();
  const on = { host, port };
  const result = await check(RABBITMQ, on);
  assert.deepEqual([verdict(result), result.text], ["pass none 0", undefined]);
  const refused = await check(RABBITMQ, { ...on, password: "wrong" });
  assert.equal(verdict(refused), "fail login_refused 0");
  assert.match(refused.text ?? "", /ACCESS_REFUSED/);
  const other = await check(RABBITMQ, { ...on, vhost: "none" });
  assert.equal(verdict(other), "fail not_serving 0");
  assert.match(other.text ?? "", /NOT_ALLOWED - vhost none not found/);
  assert.ok(await eventually(() => openSockets() <= held));
  assert.match(server.log(), /authenticated and granted access to vhost/);
});
