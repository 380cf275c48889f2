/** Prometheus that scrapes blackbox_exporter once per target and interval, with one alert rule. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { CHECK_PATH, type Peer, type PeerPlan } from "./peer.ts";
import { findProgram, freePort, startPeer } from "./started.ts";

export const PROMETHEUS: Peer = {
  name: "blackbox_exporter + Prometheus",
  programs: ["prometheus", "prometheus-blackbox-exporter"],
  mode: "new connection, alert rule evaluated every interval",
  fast: false,
  slopeCounts: [250, 1000],
  async start(plan) {
    const { folder, core } = plan;
    const [exporterPort, port] = [await freePort(), await freePort()];
    const exporter = `127.0.0.1:${exporterPort}`;
    const files = prometheusFiles(plan, exporter);
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    return startPeer({
      commands: [
        [
          findProgram("prometheus-blackbox-exporter") as string,
          "--config.file=blackbox.yml",
          `--web.listen-address=${exporter}`,
        ],
        [
          findProgram("prometheus") as string,
          "--config.file=prometheus.yml",
          `--web.listen-address=127.0.0.1:${port}`,
          `--storage.tsdb.path=${join(folder, "data")}`,
        ],
      ],
      folder,
      core,
      askDown: () => firing(`http://127.0.0.1:${port}/api/v1/alerts`),
    });
  },
};

/** Empty while it does not answer yet. */
async function firing(url: string): Promise<ReadonlySet<number>> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(5000) }).catch(() => undefined);
  if (answer === undefined || !answer.ok) return new Set();
  const { data } = await answer.json() as Alerts;
  return new Set(
    data.alerts.filter(({ state }) => state === "firing").map(({ labels }) =>
      Number(labels.target?.slice(1))
    ),
  );
}

interface Alerts {
  readonly data: {
    readonly alerts: readonly { readonly state: string; readonly labels: { readonly target?: string } }[];
  };
}

/** File name → text; JSON is YAML. */
export function prometheusFiles(
  { targets, intervalSeconds, timeoutSeconds }: PeerPlan,
  exporter: string,
): Readonly<Record<string, string>> {
  const every = `${intervalSeconds}s`;
  return {
    "blackbox.yml": JSON.stringify({
      modules: {
        http: { prober: "http", timeout: `${timeoutSeconds}s`, http: { preferred_ip_protocol: "ip4" } },
      },
    }),
    "rules.yml": JSON.stringify({
      groups: [{ name: "targets", interval: every, rules: [{ alert: "Down", expr: "probe_success == 0" }] }],
    }),
    "targets.json": JSON.stringify(
      targets.map(({ index, host, port }) => ({
        targets: [`http://${host}:${port}${CHECK_PATH}`],
        labels: { target: `t${index}` },
      })),
    ),
    "prometheus.yml": JSON.stringify({
      global: {
        scrape_interval: every,
        scrape_timeout: `${Math.min(intervalSeconds, timeoutSeconds + 1)}s`,
        evaluation_interval: every,
      },
      rule_files: ["rules.yml"],
      scrape_configs: [{
        job_name: "targets",
        metrics_path: "/probe",
        params: { module: ["http"] },
        file_sd_configs: [{ files: ["targets.json"] }],
        relabel_configs: [
          { source_labels: ["__address__"], target_label: "__param_target" },
          { source_labels: ["__param_target"], target_label: "instance" },
          { target_label: "__address__", replacement: exporter },
        ],
      }],
    }),
  };
}
