/** cpra itself, as a user runs it: a manifest, a log file for its alerts. */
import { join } from "node:path";
import { BINARY } from "../child.ts";
import { writeManifest } from "../manifest_file.ts";
import { CHECK_PATH, type Peer } from "./peer.ts";
import { startPeer } from "./started.ts";

export const CPRA: Peer = {
  name: "cpra",
  programs: [BINARY],
  mode: "new connection, alert by log file",
  fast: true,
  slopeCounts: [2000, 50_000],
  start({ folder, targets, intervalSeconds, timeoutSeconds, core }) {
    const manifest = join(folder, "monitors.jsonl");
    const alertFile = join(folder, "alerts.log");
    writeManifest(
      manifest,
      targets.map(({ index, host, port }) => ({
        name: `t${index}`,
        type: "http",
        intervalSeconds,
        timeoutSeconds,
        config: { method: "GET", url: `http://${host}:${port}${CHECK_PATH}` },
        alertFile,
      })),
    );
    return Promise.resolve(startPeer({
      commands: [[BINARY, "--yaml", manifest, "--pprof.addr", "localhost:0"]],
      folder,
      core,
      logFile: alertFile,
      downPattern: /\bt(\d+)\b/g,
    }));
  },
};
