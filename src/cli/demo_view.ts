/**
 * What a person watches while the demo's targets fail and are repaired: pure functions from a snapshot to lines.
 * demo_screen.ts shows them.
 */
import { formatDuration } from "../base/duration.ts";
import { type Color, COLORS } from "../model/color.ts";
import { type StateName, STATES } from "../model/state.ts";
import { cellCount, cutToCells, fitToCells, plainText } from "./text_cells.ts";

export interface DemoSnapshot {
  /** Where metrics, API and page are: `http://localhost:6060`. */
  readonly address: string;
  readonly uptimeMs: number;
  readonly monitors: number;
  readonly states: Readonly<Record<StateName, number>>;
  readonly checksTotal: number;
  readonly checksPerSecond: number;
  /** Of the check itself. */
  readonly checkP95Ms: number;
  /** How late checks start. */
  readonly lagMs: { readonly p50: number; readonly p95: number; readonly p99: number };
  readonly pipelines: readonly DemoPipeline[];
  readonly repairs: { readonly running: number; readonly succeeded: number; readonly failed: number };
  readonly alerts: Readonly<Record<Color, number>>;
  /** Alerts decided and not yet delivered. */
  readonly alertsWaiting: number;
  /** Newest first. */
  readonly transitions: readonly DemoTransition[];
}

export interface DemoPipeline {
  readonly name: string;
  readonly queueDepth: number;
  readonly workers: number;
  readonly slots: number;
  /** Slots in use. */
  readonly busy: number;
}

export interface DemoTransition {
  readonly wallMs: number;
  readonly monitor: string;
  readonly from: StateName;
  readonly to: StateName;
  /** The error, or what the repair did; may come from a target and contain anything. */
  readonly detail: string;
}

export interface FrameSize {
  readonly columns: number;
  readonly rows: number;
}

type Style = "bold" | "dim" | "red" | "green" | "yellow" | "magenta" | "cyan";

/** SGR parameters, ECMA-48 §8.3.117. */
const SGR: Readonly<Record<Style, number>> = {
  bold: 1,
  dim: 2,
  red: 31,
  green: 32,
  yellow: 33,
  magenta: 35,
  cyan: 36,
};

interface Span {
  readonly text: string;
  readonly style?: Style;
}

const STATE_STYLE: Readonly<Record<StateName, Style>> = {
  pending: "dim",
  up: "green",
  degraded: "yellow",
  down: "red",
  repairing: "magenta",
  verifying: "cyan",
  maintenance: "dim",
  suspect: "magenta",
};

const COLOR_STYLE: Readonly<Record<Color, Style>> = {
  red: "red",
  yellow: "yellow",
  green: "green",
  cyan: "cyan",
  gray: "dim",
};

/** At most `rows` lines of at most `columns` cells; with `color` they carry SGR sequences, which take no cells. */
export function renderDemo(snapshot: DemoSnapshot, size: FrameSize, color: boolean): readonly string[] {
  const fixed = [
    titleLine(snapshot),
    [],
    ...stateLines(snapshot, size.columns),
    [],
    ...rateLines(snapshot),
    ...pipelineLines(snapshot),
    ...countLines(snapshot),
    [{ text: "last transitions (UTC)", style: "bold" as const }],
  ];
  const room = Math.max(0, size.rows - fixed.length);
  const shown = snapshot.transitions.slice(0, room).map((transition) =>
    transitionLine(transition, size.columns)
  );
  return [...fixed, ...shown].slice(0, size.rows).map((spans) =>
    renderLine(spans, { columns: size.columns, color })
  );
}

/** One line for a log file or a pipe. */
export function summarizeDemo(snapshot: DemoSnapshot): string {
  const states = STATES.filter((state) => snapshot.states[state] > 0).map((state) =>
    `${state} ${snapshot.states[state]}`
  );
  const alerts = COLORS.reduce((sum, each) => sum + snapshot.alerts[each], 0);
  const { running, succeeded, failed } = snapshot.repairs;
  return `${formatDuration(wholeSeconds(snapshot.uptimeMs))}: ${states.join(", ")}; ` +
    `${Math.round(snapshot.checksPerSecond)} checks/s, lag P95 ${milliseconds(snapshot.lagMs.p95)}; ` +
    `repairs ${succeeded} done, ${failed} failed, ${running} running; alerts ${alerts}`;
}

function titleLine(snapshot: DemoSnapshot): readonly Span[] {
  return [
    { text: "cpra demo", style: "bold" },
    {
      text: `  ${grouped(snapshot.monitors)} monitors  up ${
        formatDuration(wholeSeconds(snapshot.uptimeMs))
      }  `,
    },
    { text: snapshot.address, style: "cyan" },
    { text: "  Ctrl-C stops", style: "dim" },
  ];
}

const STATE_LABEL_CELLS = 12;
const COUNT_CELLS = 10;

/** Two columns, the left one filled first. */
function stateLines(snapshot: DemoSnapshot, columns: number): readonly (readonly Span[])[] {
  const half = Math.ceil(STATES.length / 2);
  const barCells = Math.max(0, Math.floor(columns / 2) - STATE_LABEL_CELLS - COUNT_CELLS - 3);
  const cell = (state: StateName | undefined): readonly Span[] => {
    if (state === undefined) return [];
    const count = snapshot.states[state];
    const style = count > 0 ? STATE_STYLE[state] : "dim";
    return [
      { text: ` ${fitToCells(state, STATE_LABEL_CELLS)}${grouped(count).padStart(COUNT_CELLS - 1)} `, style },
      { text: bar(count / Math.max(1, snapshot.monitors), barCells), style },
      { text: " " },
    ];
  };
  return STATES.slice(0, half).map((state, row) => [...cell(state), ...cell(STATES[half + row])]);
}

/** Anything above nothing shows. */
function bar(share: number, cells: number): string {
  const full = share <= 0 ? 0 : Math.max(1, Math.round(share * cells));
  return "█".repeat(Math.min(full, cells)) + " ".repeat(Math.max(0, cells - full));
}

function rateLines(snapshot: DemoSnapshot): readonly (readonly Span[])[] {
  const { p50, p95, p99 } = snapshot.lagMs;
  return [
    [
      { text: " checks  ", style: "bold" },
      {
        text: `${grouped(Math.round(snapshot.checksPerSecond))}/s   ${
          grouped(snapshot.checksTotal)
        } so far   `,
      },
      { text: `P95 of a check ${milliseconds(snapshot.checkP95Ms)}` },
    ],
    [
      { text: " lag     ", style: "bold" },
      { text: `P50 ${milliseconds(p50)}   P95 ${milliseconds(p95)}   P99 ${milliseconds(p99)}` },
    ],
  ];
}

function pipelineLines(snapshot: DemoSnapshot): readonly (readonly Span[])[] {
  const row = (cells: readonly string[]) => cells.map((cell) => cell.padStart(10)).join("");
  return [
    [{ text: ` ${fitToCells("pipeline", 14)}${row(["queue", "workers", "slots", "busy"])}`, style: "bold" }],
    ...snapshot.pipelines.map(({ name, queueDepth, workers, slots, busy }) => [{
      text: ` ${fitToCells(plainText(name), 14)}${row([queueDepth, workers, slots, busy].map(grouped))}`,
    }]),
  ];
}

function countLines(snapshot: DemoSnapshot): readonly (readonly Span[])[] {
  const { running, succeeded, failed } = snapshot.repairs;
  const alerts = COLORS.map((color): Span => ({
    text: `${color} ${grouped(snapshot.alerts[color])}   `,
    style: snapshot.alerts[color] > 0 ? COLOR_STYLE[color] : "dim",
  }));
  return [
    [
      { text: " repairs ", style: "bold" },
      { text: `${grouped(succeeded)} done   ${grouped(failed)} failed   ${grouped(running)} running` },
    ],
    [{ text: " alerts  ", style: "bold" }, ...alerts, { text: `${grouped(snapshot.alertsWaiting)} waiting` }],
  ];
}

const CHANGE_CELLS = 24;

function transitionLine(transition: DemoTransition, columns: number): readonly Span[] {
  const time = new Date(transition.wallMs).toISOString().slice(11, 19);
  const monitorCells = Math.max(12, Math.min(40, Math.floor((columns - CHANGE_CELLS - time.length) / 3)));
  return [
    { text: ` ${time} `, style: "dim" },
    { text: `${fitToCells(plainText(transition.monitor), monitorCells)} ` },
    {
      text: fitToCells(`${transition.from} → ${transition.to}`, CHANGE_CELLS),
      style: STATE_STYLE[transition.to],
    },
    { text: plainText(transition.detail) },
  ];
}

function renderLine(
  spans: readonly Span[],
  form: { readonly columns: number; readonly color: boolean },
): string {
  let line = "";
  let left = form.columns;
  for (const { text, style } of spans) {
    const cut = cutToCells(text, left);
    left -= cellCount(cut);
    line += form.color && style !== undefined && cut !== "" ? `\x1b[${SGR[style]}m${cut}\x1b[0m` : cut;
  }
  return form.color ? line : line.trimEnd();
}

function grouped(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ",");
}

function milliseconds(ms: number): string {
  return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
}

function wholeSeconds(ms: number): number {
  return Math.floor(ms / 1000) * 1000;
}
