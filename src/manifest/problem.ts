/**
 * What is wrong with a manifest, and where. All problems are collected: one run shows everything there is to repair.
 * Memory stays bounded for a manifest of a million faulty monitors; the counts are exact.
 */
import { oneLine } from "../base/log.ts";
import { PROBLEMS_KEPT_MAX, PROBLEMS_PRINTED_MAX } from "./limits.ts";

/** A place in a manifest. Lines and columns count from 1; columns count characters; 0 = the file as a whole. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export interface Problem extends Place {
  readonly severity: "error" | "warning";
  readonly monitor?: string;
  /** As written in the manifest: `pulse_check.config.headers[0]`; "" for the whole. */
  readonly path: string;
  /** What was found and what is allowed. Never holds a secret. */
  readonly message: string;
}

/** Keys and indices from an entry of `monitors:` (or from the root) down to a value. */
export type Path = readonly (string | number)[];

export function renderPath(path: Path): string {
  let text = "";
  for (const step of path) {
    if (typeof step === "number") text += `[${step}]`;
    else if (/^[\w$-]+$/.test(step)) text += text === "" ? step : `.${step}`;
    else text += `[${JSON.stringify(step)}]`;
  }
  return text;
}

/** `FILE:LINE:COLUMN: error: monitor "NAME": PATH: message`; the parts that do not exist are left out. */
function renderProblem(problem: Problem): string {
  const place = problem.line === 0 ? problem.file : `${problem.file}:${problem.line}:${problem.column}`;
  const monitor = problem.monitor === undefined ? "" : `monitor ${JSON.stringify(problem.monitor)}: `;
  const path = problem.path === "" ? "" : `${problem.path}: `;
  return oneLine(`${place}: ${problem.severity}: ${monitor}${path}${problem.message}`);
}

export interface ProblemCounts {
  readonly problems: readonly Problem[];
  readonly errorCount: number;
  readonly warningCount: number;
}

/** One line per problem, at most 100, then how many more there are. */
export function renderProblems(found: ProblemCounts): string[] {
  const lines = found.problems.slice(0, PROBLEMS_PRINTED_MAX).map(renderProblem);
  const more = found.errorCount + found.warningCount - lines.length;
  if (more > 0) lines.push(`… and ${more} more`);
  return lines;
}

/** Collects problems in the order they are met; `sorted()` gives them in the order of files and lines. */
export class ProblemList implements ProblemCounts {
  #kept: Problem[] = [];
  #seen = new Set<string>();
  #fileOrder = new Map<string, number>();
  #strict: boolean;
  errorCount = 0;
  warningCount = 0;

  constructor(options: { readonly strict: boolean }) {
    this.#strict = options.strict;
  }

  /** Files sort in the order in which they are named here. */
  nameFile(file: string): void {
    if (!this.#fileOrder.has(file)) this.#fileOrder.set(file, this.#fileOrder.size);
  }

  /**
   * `once`: the same text at the same place is counted once, whichever monitor it was met through (a fault in a template
   * is one fault, not one per monitor).
   */
  add(problem: Problem, options: { readonly once?: boolean } = {}): void {
    const severity = this.#strict ? "error" : problem.severity;
    if (options.once === true) {
      const key = `${problem.file}:${problem.line}:${problem.column}:${problem.path}:${problem.message}`;
      if (this.#seen.has(key)) return;
      this.#seen.add(key);
    }
    if (severity === "error") this.errorCount++;
    else this.warningCount++;
    if (this.#kept.length < PROBLEMS_KEPT_MAX) this.#kept.push({ ...problem, severity });
  }

  get problems(): readonly Problem[] {
    const order = (file: string) => this.#fileOrder.get(file) ?? -1;
    return this.#kept
      .map((problem, index) => ({ problem, index }))
      .sort((a, b) =>
        order(a.problem.file) - order(b.problem.file) || a.problem.line - b.problem.line ||
        a.problem.column - b.problem.column || a.index - b.index
      )
      .map((entry) => entry.problem);
  }
}
