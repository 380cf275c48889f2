/**
 * Traced ticks as JSON in the Trace Event Format (docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU),
 * which ui.perfetto.dev and chrome://tracing open. Times in µs from the first tick.
 */
import { TICK_STAGES, type TracedTick } from "./tick_trace.ts";

export interface ChromeTraceInput {
  readonly ticks: readonly TracedTick[];
  /** Ticks that found no room. */
  readonly missed: number;
  readonly processId: number;
  readonly program: string;
}

const ENGINE_THREAD = 1;

/** Stages shorter than a tenth of a microsecond are left out: there are many, and they show nothing. */
const LEAST_US = 0.1;

export function chromeTrace({ ticks, missed, processId, program }: ChromeTraceInput): string {
  const place = { pid: processId, tid: ENGINE_THREAD };
  const originMs = ticks[0]?.startMs ?? 0;
  const sinceUs = (ms: number) => Math.round((ms - originMs) * 1e6) / 1e3;
  const events: object[] = [
    { ph: "M", name: "process_name", ...place, args: { name: program } },
    { ph: "M", name: "thread_name", ...place, args: { name: "main (engine)" } },
  ];
  const span = (name: string, fromMs: number, toMs: number, more: object = {}) => {
    const dur = Math.round((toMs - fromMs) * 1e6) / 1e3;
    if (dur >= LEAST_US) {
      events.push({ ph: "X", name, cat: "engine", ts: sinceUs(fromMs), dur, ...place, ...more });
    }
  };
  for (const { startMs, endsMs, results } of ticks) {
    span("tick", startMs, endsMs.at(-1) ?? startMs, { args: { results } });
    let fromMs = startMs;
    for (const [stage, name] of TICK_STAGES.entries()) {
      const toMs = endsMs[stage] as number;
      span(name, fromMs, toMs);
      fromMs = toMs;
    }
    events.push({ ph: "C", name: "results per tick", ts: sinceUs(startMs), ...place, args: { results } });
  }
  return JSON.stringify({
    traceEvents: events,
    displayTimeUnit: "ms",
    otherData: { ticks: ticks.length, missed },
  });
}
