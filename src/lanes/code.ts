/**
 * The code lane: sends one alert over one channel per job. Channels are opened once per worker and kept, so that files are
 * batched. Order, retries and back-off are the outbox's (engine/outbox.ts): a job here is one attempt.
 */
import type { AlertMessage } from "../model/message.ts";
import type { Channel, DeliveryResult, Notifier } from "../model/plugin.ts";
import { withDeadline } from "./deadline.ts";
import type { Execution } from "./run_lane.ts";
import {
  emptyExecution,
  encodeBounded,
  type LaneContext,
  type LaneWork,
  startLaneWorker,
  type WorkerScope,
} from "./worker.ts";

/** Outcomes of a delivery in a result record; aux0 carries the channel, aux1 the delivery's id, both from the job. */
export const SENT = 0;
export const RETRY = 1;
export const REFUSED = 2;

const TEXT_BYTES = 500;
const DECODER = new TextDecoder();

export function startCodeWorker(scope: WorkerScope, notifiers: readonly Notifier[]): void {
  startLaneWorker(scope, (context) => prepare(context, notifiers));
}

interface Open {
  readonly channel: Channel;
  readonly notifier: Notifier;
}

function prepare(context: LaneContext, notifiers: readonly Notifier[]): LaneWork {
  const byKind = new Map(notifiers.map((notifier) => [notifier.kind, notifier]));
  const open = new Map<number, Open>();
  const channelOf = (index: number): Open | undefined => {
    const known = open.get(index);
    if (known !== undefined) return known;
    const spec = context.world.channels[index];
    const notifier = byKind.get(spec?.kind ?? "");
    if (spec === undefined || notifier === undefined) return undefined;
    const opened = { channel: notifier.open(spec.config), notifier };
    open.set(index, opened);
    return opened;
  };
  const each = (act: (channel: Channel) => Promise<void>) =>
    Promise.all([...open.values()].map(({ channel }) => act(channel))).then(() => {});
  return {
    async execute(job, payload) {
      const message = JSON.parse(DECODER.decode(payload.slice())) as AlertMessage;
      const target = channelOf(job.aux0);
      const delivery = target === undefined
        ? { result: "refused", error: `no channel ${job.aux0}` } as const
        : await deliver(target, message);
      return report(delivery, job.aux0, job.aux1);
    },
    reopen: () => each((channel) => channel.reopen()),
    close: () => each((channel) => channel.close()),
  };
}

async function deliver({ channel, notifier }: Open, message: AlertMessage): Promise<DeliveryResult> {
  const ended = await withDeadline((signal) => channel.send(message, signal), notifier.timeoutMs);
  if (ended.kind === "value") return ended.value;
  if (ended.kind === "timeout") {
    return { result: "retry", error: `no answer within ${notifier.timeoutMs} ms` };
  }
  return { result: "retry", error: `fault in the notifier: ${ended.error}` };
}

function report(delivery: DeliveryResult, channel: number, id: number): Execution {
  const execution = { ...emptyExecution(), aux0: channel, aux1: id };
  if (delivery.result === "sent") return execution;
  execution.text = encodeBounded(delivery.error, TEXT_BYTES);
  if (delivery.result === "refused") return { ...execution, outcome: REFUSED };
  return { ...execution, outcome: RETRY, value: Math.ceil(delivery.retryAfterMs ?? 0) };
}
