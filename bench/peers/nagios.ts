/** Nagios Core 4 with check_http of the monitoring plugins: one process per check. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CHECK_PATH, type Peer, type PeerPlan } from "./peer.ts";
import { findProgram, startPeer } from "./started.ts";

const PLUGIN = "/usr/lib/nagios/plugins/check_http";

export const NAGIOS: Peer = {
  name: "Nagios 4 + check_http",
  programs: ["nagios4", PLUGIN],
  mode: "new connection and new process, log file",
  fast: false,
  slopeCounts: [250, 1000],
  start(plan) {
    const { folder } = plan;
    for (const name of ["spool", "archive"]) mkdirSync(join(folder, name));
    const files = nagiosFiles(plan);
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    return Promise.resolve(startPeer({
      commands: [[findProgram("nagios4") as string, join(folder, "nagios.cfg")]],
      folder,
      core: plan.core,
      logFile: join(folder, "nagios.log"),
      downPattern: /SERVICE ALERT: targets;t(\d+);CRITICAL;HARD/g,
    }));
  },
};

/** interval_length=1 makes intervals seconds. */
export function nagiosFiles(
  plan: PeerPlan,
): Readonly<Record<string, string>> {
  return {
    "nagios.cfg": Object.entries(settingsOf(plan.folder)).map(([key, value]) => `${key}=${value}\n`).join(""),
    "objects.cfg": objectsOf(plan).join(""),
  };
}

function objectsOf({ targets, intervalSeconds, timeoutSeconds }: PeerPlan): readonly string[] {
  const define = (type: string, fields: Readonly<Record<string, string | number>>) =>
    `define ${type} {\n${Object.entries(fields).map(([key, value]) => `  ${key} ${value}\n`).join("")}}\n`;
  const line = `${PLUGIN} -I $ARG1$ -p $ARG2$ -u ${CHECK_PATH} -t ${timeoutSeconds}`;
  return [
    define("timeperiod", { timeperiod_name: "always", alias: "always", ...days() }),
    define("command", { command_name: "http", command_line: line }),
    define("contact", {
      contact_name: "nobody",
      host_notifications_enabled: 0,
      service_notifications_enabled: 0,
      host_notification_period: "always",
      service_notification_period: "always",
      host_notification_commands: "http",
      service_notification_commands: "http",
    }),
    define("host", {
      host_name: "targets",
      address: "127.0.0.1",
      max_check_attempts: 1,
      active_checks_enabled: 0,
      check_period: "always",
      contacts: "nobody",
    }),
    ...targets.map(({ index, host, port }) =>
      define("service", {
        host_name: "targets",
        service_description: `t${index}`,
        check_command: `http!${host}!${port}`,
        check_interval: intervalSeconds,
        retry_interval: intervalSeconds,
        max_check_attempts: 1,
        check_period: "always",
        contacts: "nobody",
      })
    ),
  ];
}

function settingsOf(folder: string): Readonly<Record<string, string | number>> {
  return {
    log_file: join(folder, "nagios.log"),
    log_archive_path: join(folder, "archive"),
    cfg_file: join(folder, "objects.cfg"),
    object_cache_file: join(folder, "objects.cache"),
    precached_object_file: join(folder, "objects.precache"),
    state_retention_file: join(folder, "retention.dat"),
    status_file: join(folder, "status.dat"),
    temp_file: join(folder, "temp"),
    temp_path: folder,
    check_result_path: join(folder, "spool"),
    lock_file: join(folder, "nagios.lock"),
    command_file: join(folder, "nagios.cmd"),
    query_socket: join(folder, "nagios.qh"),
    nagios_user: "root",
    nagios_group: "root",
    check_external_commands: 0,
    enable_notifications: 0,
    execute_host_checks: 0,
    interval_length: 1,
    max_concurrent_checks: 0,
    max_service_check_spread: 1,
    status_update_interval: 10,
    use_syslog: 0,
    log_initial_states: 0,
    enable_environment_macros: 0,
    check_for_updates: 0,
  };
}

function days(): Readonly<Record<string, string>> {
  const names = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
  return Object.fromEntries(names.map((day) => [day, "00:00-24:00"]));
}
