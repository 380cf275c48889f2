/**
 * Repairs by systemd: restarts, starts, stops or reloads one unit and waits for the end of the job, over D-Bus. Rare (a few
 * a minute at most). What systemd refuses (no such unit, not permitted, masked) is not tried again.
 */
import { oneLine } from "../base/log.ts";
import { z } from "../base/schema.ts";
import { reasonText } from "../model/outcome.ts";
import type { Remedy, RemedyRequest, RemedyResult } from "../model/plugin.ts";
import type { BusAnswer } from "../net/dbus.ts";
import { failureOfCall } from "../net/failure.ts";
import {
  type BusChoice,
  busPath,
  type Manager,
  openManager,
  SYSTEMD_VERBS,
  type SystemdVerb,
  UNIT_FIELDS,
  unitStateText,
} from "../net/systemd.ts";

interface SystemdConfig extends BusChoice {
  readonly unit: string;
  readonly action: SystemdVerb;
  readonly resetFailed: boolean;
}

type SharedConfig = Omit<SystemdConfig, "unit">;

const PAST_TENSE: Readonly<Record<SystemdVerb, string>> = {
  restart: "restarted",
  start: "started",
  stop: "stopped",
  reload: "reloaded",
};

/** Errors that stay until someone changes something; names of org.freedesktop.systemd1(5) and of the bus. */
const LASTING =
  /\.(NoSuchUnit|UnitMasked|LoadFailed|BadUnitSetting|OnlyByDependency|JobTypeNotApplicable|AccessDenied|AuthFailed|InteractiveAuthorizationRequired|ServiceUnknown)$/;

const EXAMPLE = `name: shop
pulse_check:
  type: http
  interval: 30s
  config: {url: "http://shop.example.com/health"}
intervention:
  action: systemd
  config: {unit: shop.service, action: restart, reset_failed: true}
`;

export const SYSTEMD: Remedy<SystemdConfig> = {
  kind: "systemd",
  aliases: [],
  summary: "restart, start, stop or reload a unit of systemd, by D-Bus",
  schema: z.strictObject({
    ...UNIT_FIELDS,
    action: z.enum(SYSTEMD_VERBS).default("restart"),
    /** Forget earlier failures first, so that a start limit that was hit does not stand against it. */
    reset_failed: z.boolean().default(false),
  }).transform(({ reset_failed: resetFailed, ...config }) => ({ ...config, resetFailed })),
  example: EXAMPLE,
  split: ({ unit, ...shared }) => ({ target: unit, shared }),
  descriptors: 1,
  estimateMs: 2000,
  describe: (target, config) => `${(config as SharedConfig).action} unit ${target}`,
  run,
};

async function run(request: RemedyRequest, signal: AbortSignal): Promise<RemedyResult> {
  const config = request.config as SharedConfig;
  const manager = await openManager(config, signal);
  if (!manager.ok) return failed(manager, busPath(config));
  try {
    return await act(manager.value, request.target, config);
  } finally {
    manager.value.close();
  }
}

async function act(manager: Manager, unit: string, config: SharedConfig): Promise<RemedyResult> {
  const { action } = config;
  if (config.resetFailed) {
    const reset = await manager.resetFailed(unit);
    if (!reset.ok && reset.kind === "lost") return failed(reset, busPath(config));
  }
  const job = await manager.run(action, unit);
  if (!job.ok) return failed(job, busPath(config));
  const after = await manager.unit(unit);
  const state = after.ok ? `: it is ${unitStateText(after.value)}` : "";
  if (job.value !== "done") {
    // Cancelled by another job on the same unit: somebody else is at it.
    const retryable = job.value !== "canceled" && job.value !== "skipped";
    return { ok: false, retryable, text: `${action} of ${unit} ended as "${job.value}"${state}` };
  }
  const wanted = action === "stop" ? ["inactive", "failed"] : ["active", "reloading", "inactive"];
  const reached = after.ok && wanted.includes(after.value.active);
  return { ok: reached, retryable: !reached, text: `${PAST_TENSE[action]} ${unit}${state}` };
}

/** Cut off by the deadline, what the job comes to is unknown, so the checks decide. */
function failed(answer: Exclude<BusAnswer, { ok: true }>, path: string): RemedyResult {
  if (answer.kind === "refused") {
    return { ok: false, retryable: !LASTING.test(answer.error), text: `systemd: ${oneLine(answer.text)}` };
  }
  if (answer.cancelled) {
    return { ok: false, retryable: false, text: "systemd was still at it when the time was up" };
  }
  const { reason, value } = failureOfCall(answer, 0);
  return { ok: false, retryable: true, text: `message bus at ${path}: ${reasonText(reason, value)}` };
}
