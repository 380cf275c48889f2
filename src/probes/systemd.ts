/**
 * Checks one systemd unit over D-Bus: that it is in the wanted state. Typical load: some hundred units a minute, one
 * connection and two round trips each, no process. The unit's automatic restarts come as performance data.
 */
import { oneLine } from "../base/log.ts";
import { z } from "../base/schema.ts";
import type { Probe, ProbeRequest, ProbeResult } from "../model/plugin.ts";
import type { BusAnswer } from "../net/dbus.ts";
import { failureOfCall } from "../net/failure.ts";
import { type BusChoice, openManager, UNIT_FIELDS, type UnitState, unitStateText } from "../net/systemd.ts";

/** Of org.freedesktop.systemd1(5), "ActiveState". */
const STATES = ["active", "reloading", "inactive", "failed", "activating", "deactivating"] as const;
const TEXT_CHARACTERS_MAX = 200;

interface SystemdConfig extends BusChoice {
  readonly unit: string;
  /** Any of them will do. */
  readonly state: readonly typeof STATES[number][];
  /** The finer state, such as "running" or "listening"; "" = any. */
  readonly sub: string;
}

const STATE = z.enum(STATES);

export const SYSTEMD: Probe<SystemdConfig> = {
  kind: "systemd",
  aliases: ["unit"],
  summary: "state of a systemd unit, by D-Bus",
  schema: z.strictObject({
    ...UNIT_FIELDS,
    state: z.union([STATE.transform((one) => [one]), z.array(STATE).min(1)]).default(["active", "reloading"]),
    sub: z.string().default(""),
  }),
  example: `name: nginx
pulse_check:
  type: systemd
  interval: 15s
  timeout: 5s
  config: {unit: nginx.service}
intervention:
  action: systemd
  config: {unit: nginx.service, action: restart}
`,
  descriptors: 1,
  estimateMs: 5,
  split: ({ unit, ...shared }) => ({ target: unit, shared }),
  run,
};

async function run(request: ProbeRequest, signal: AbortSignal): Promise<ProbeResult> {
  const config = request.config as Omit<SystemdConfig, "unit">;
  const startedMs = performance.now();
  const manager = await openManager(config, signal);
  if (!manager.ok) return failureOfAnswer(manager, request.timeoutMs);
  const connectUs = Math.round((performance.now() - startedMs) * 1000);
  const unit = await manager.value.unit(request.target);
  manager.value.close();
  if (!unit.ok) return failureOfAnswer(unit, request.timeoutMs);
  return { ...judge(unit.value, config), connectUs };
}

function judge(unit: UnitState, wanted: Omit<SystemdConfig, "unit">): ProbeResult {
  const text = unitStateText(unit);
  if (unit.load === "not-found") return { outcome: "fail", reason: "missing", value: 0, text };
  const perfdata = unit.restarts === undefined
    ? {}
    : { perfdata: [{ label: "restarts", value: unit.restarts, unit: "c" }] };
  const inState = wanted.state.some((state) => state === unit.active) &&
    (wanted.sub === "" || wanted.sub === unit.sub);
  if (inState) return { outcome: "pass", reason: "none", value: 0, text, ...perfdata };
  const words = `${wanted.state.join(" or ")}${wanted.sub === "" ? "" : ` (${wanted.sub})`}`;
  return { outcome: "fail", reason: "state", value: 0, text: `${text}, wanted ${words}`, ...perfdata };
}

function failureOfAnswer(answer: Exclude<BusAnswer, { ok: true }>, timeoutMs: number): ProbeResult {
  if (answer.kind === "refused") {
    // The bus answered, but about the unit nothing is known: no manager on it, or not for us.
    const text = oneLine(answer.text).slice(0, TEXT_CHARACTERS_MAX);
    const ours = /\.(AccessDenied|AuthFailed)$/.test(answer.error);
    return ours
      ? { outcome: "local", reason: "local_permission", value: 1, text }
      : { outcome: "fail", reason: "protocol", value: 0, text };
  }
  return failureOfCall(answer, timeoutMs);
}
