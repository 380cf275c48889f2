/** Every way to repair. A new one is a file beside this and a line here. */
import type { Remedy } from "../model/plugin.ts";
import { DOCKER } from "./docker.ts";
import { KUBERNETES } from "./kubernetes.ts";
import { SCRIPT } from "./script.ts";
import { SSH } from "./ssh.ts";
import { SYSTEMD } from "./systemd.ts";
import { WEBHOOK } from "./webhook.ts";

// A registry forgets the configurations' types: what comes out of a schema goes only into the same plug-in's split.
export const REMEDIES: readonly Remedy[] = [
  DOCKER as Remedy,
  SCRIPT as Remedy,
  WEBHOOK as Remedy,
  SYSTEMD as Remedy,
  SSH as Remedy,
  KUBERNETES as Remedy,
];
