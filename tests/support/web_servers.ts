/** Real web programs for tests: nginx with a configuration of the test's own, and the proxy tinyproxy. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { missing, type Service, serviceFolder, startService } from "./service.ts";

const NGINX = "/usr/sbin/nginx";
const TINYPROXY = "/usr/bin/tinyproxy";

/** As missing() says it. */
export function webServersMissing(): string | undefined {
  return missing({ [NGINX]: "nginx-light", [TINYPROXY]: "tinyproxy-bin" });
}

/** `servers` is put into the `http` block; `files` are written into the folder where it runs. */
export function startNginx(
  servers: string,
  { files, port }: { readonly files: Readonly<Record<string, string>>; readonly port: number },
): Promise<Service> {
  const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) =>
    `${name}_temp_path tmp/${name};`
  );
  const conf = `daemon off; user root; worker_processes 1; pid pid; error_log stderr;
events { worker_connections 256; }
http { access_log off; ${paths.join(" ")} default_type text/plain;
${servers}
}
`;
  const folder = serviceFolder("nginx", { ...files, conf });
  mkdirSync(join(folder, "tmp"));
  return startService({ argv: [NGINX, "-p", folder, "-c", "conf"], folder, port });
}

/** `lines` of tinyproxy.conf(5) beside those that make it run here. */
export function startTinyproxy(lines: readonly string[], port: number): Promise<Service> {
  const fixed = [`Port ${port}`, "Listen 127.0.0.1", "Timeout 10", "MaxClients 20"];
  const folder = serviceFolder("tinyproxy", { conf: [...fixed, ...lines, ""].join("\n") });
  return startService({ argv: [TINYPROXY, "-d", "-c", join(folder, "conf")], folder, port });
}
