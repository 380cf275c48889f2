/** What a bench hands back, and how it is shown: a table on the terminal, Markdown, JSON and charts in bench/results/. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describeMachine, type Machine } from "./machine.ts";
import { type Chart, renderChart } from "./svg_chart.ts";

export type Cell = string | number | null;

export interface Table {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
}

export interface Report {
  /** The sub-task: part of file names. */
  readonly name: string;
  /** How it was measured: connection mode, who ran where, how long. */
  readonly conditions: string;
  readonly tables: readonly Table[];
  readonly charts?: readonly Chart[];
  /** What a reader must know of these figures, one sentence each. */
  readonly remarks?: readonly string[];
}

/** A report with what was measured, when, and the load that it met. */
export interface DatedReport extends Report {
  readonly revision: string;
  readonly at: string;
  readonly seconds: number;
  readonly loadBefore: number;
  readonly loadAfter: number;
}

export function renderText(report: DatedReport): string {
  const parts = [headOf(report), ...report.tables.map((table) => `${table.title}\n${alignTable(table)}`)];
  return `${[...parts, ...remarksOf(report)].join("\n\n")}\n`;
}

export function renderMarkdown(machine: Machine, reports: readonly DatedReport[]): string {
  const parts = ["# Benches", describeMachine(machine)];
  for (const report of reports) {
    parts.push(`## ${report.name}`, headOf(report));
    for (const table of report.tables) parts.push(`### ${table.title}`, markdownTable(table));
    (report.charts ?? []).forEach((chart, index) =>
      parts.push(`![${chart.title}](${chartFile(report, index)})`)
    );
    parts.push(...remarksOf(report));
  }
  return `${parts.join("\n\n")}\n`;
}

/** Replaces in `folder` the reports of these names; others from the same kind of machine stay as they are. */
export function writeResults(folder: string, machine: Machine, fresh: readonly DatedReport[]): void {
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(folder)) if (name.endsWith(".svg")) rmSync(join(folder, name));
  const kept = readReports(join(folder, "latest.json"), machine)
    .filter(({ name }) => !fresh.some((each) => each.name === name));
  const reports = [...kept, ...fresh];
  writeFileSync(join(folder, "latest.json"), `${JSON.stringify({ machine, reports }, null, 1)}\n`);
  writeFileSync(join(folder, "latest.md"), renderMarkdown(machine, reports));
  for (const report of reports) {
    (report.charts ?? []).forEach((chart, index) =>
      writeFileSync(join(folder, chartFile(report, index)), renderChart(chart))
    );
  }
}

function readReports(path: string, machine: Machine): readonly DatedReport[] {
  if (!existsSync(path)) return [];
  const written = JSON.parse(readFileSync(path, "utf8")) as {
    readonly machine: Machine;
    readonly reports: readonly DatedReport[];
  };
  const same = written.machine.cpu === machine.cpu && written.machine.cores === machine.cores;
  return same ? written.reports : [];
}

function chartFile({ name }: Report, index: number): string {
  return `${name}-${index + 1}.svg`;
}

function headOf({ name, conditions, seconds, loadBefore, loadAfter, at, revision }: DatedReport): string {
  return `${name}: ${conditions}. ${at}, ${
    Math.round(seconds)
  } s, load ${loadBefore} → ${loadAfter}, revision ${revision}.`;
}

function remarksOf({ remarks }: Report): readonly string[] {
  return remarks === undefined || remarks.length === 0 ? [] : [remarks.map((each) => `* ${each}`).join("\n")];
}

/** Columns of numbers line up at the right, others at the left. */
function alignTable({ columns, rows }: Table): string {
  const texts = [columns, ...rows.map((row) => row.map(cellText))];
  const widths = columns.map((_, i) => Math.max(...texts.map((row) => (row[i] ?? "").length)));
  const numeric = columns.map((_, i) => rows.every((row) => typeof row[i] !== "string"));
  const lines = texts.map((row) =>
    row.map((text, i) => numeric[i] ? text.padStart(widths[i] as number) : text.padEnd(widths[i] as number))
      .join("  ").trimEnd()
  );
  return lines.join("\n");
}

function markdownTable({ columns, rows }: Table): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((each) => each.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(columns), line(columns.map(() => "---")), ...rows.map((row) => line(row.map(cellText)))].join(
    "\n",
  );
}

/** Three digits that count, thousands apart; "–" for what is not known. */
export function cellText(cell: Cell): string {
  if (cell === null || (typeof cell === "number" && Number.isNaN(cell))) return "–";
  if (typeof cell === "string") return cell;
  if (!Number.isFinite(cell)) return "∞";
  if (Math.abs(cell) >= 1000) return Math.round(cell).toString().replace(/\B(?=(\d{3})+$)/g, ",");
  return String(Number(cell.toPrecision(3)));
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return NaN;
  return sorted.length % 2 === 1
    ? sorted[middle] as number
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}
