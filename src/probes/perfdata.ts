/**
 * What a Nagios plug-in prints (Nagios Plugin Development Guidelines, "Plugin Output"): a line for people, then after "|" its
 * performance data as `label=value[UOM];[warn];[crit];[min];[max]`; further lines may follow, with more data after a second "|".
 * Data that does not fit the form is left out: it is an extra, and no reason to call a check failed.
 */
import type { PerfDatum } from "../model/plugin.ts";

export interface PluginOutput {
  /** The first line without its data; not yet safe for a terminal. */
  readonly line: string;
  readonly perfdata: readonly PerfDatum[];
}

/** Data kept of one check. */
const DATA_MAX = 64;
const FIELD_CHARACTERS_MAX = 64;

export function parsePluginOutput(output: string): PluginOutput {
  const [first = "", ...others] = output.split(/\r?\n/);
  const { text, data } = cut(first);
  const long = cut(others.join("\n"));
  return { line: text.trim(), perfdata: parsePerfdata(`${data} ${long.data}`) };
}

function cut(text: string): { text: string; data: string } {
  const bar = text.indexOf("|");
  return bar < 0 ? { text, data: "" } : { text: text.slice(0, bar), data: text.slice(bar + 1) };
}

/** In one pass over the text: output is a stranger's, and a regular expression over it took minutes for 64 KiB of quotes. */
export function parsePerfdata(text: string): readonly PerfDatum[] {
  const data: PerfDatum[] = [];
  let at = 0;
  while (at < text.length && data.length < DATA_MAX) {
    if (isSpace(text, at)) {
      at++;
      continue;
    }
    const label = text[at] === "'" ? readQuotedLabel(text, at) : readBareLabel(text, at);
    // Without its closing quote a label goes on to the end.
    if (label === undefined) break;
    at = label.end;
    while (at < text.length && !isSpace(text, at)) at++;
    const datum = text[label.end] === "=" && label.text !== ""
      ? parseItem(label.text, text.slice(label.end + 1, at))
      : undefined;
    if (datum !== undefined) data.push(datum);
  }
  return data;
}

interface Label {
  readonly text: string;
  /** Index after it, where "=" must be. */
  readonly end: number;
}

/** Two quotes in a row are one in the label. */
function readQuotedLabel(text: string, openAt: number): Label | undefined {
  let from = openAt + 1;
  let label = "";
  while (true) {
    const quoteAt = text.indexOf("'", from);
    if (quoteAt < 0) return undefined;
    label += text.slice(from, quoteAt);
    if (text[quoteAt + 1] !== "'") return { text: label, end: quoteAt + 1 };
    label += "'";
    from = quoteAt + 2;
  }
}

function readBareLabel(text: string, at: number): Label {
  let end = at;
  while (end < text.length && text[end] !== "=" && !isSpace(text, end)) end++;
  return { text: text.slice(at, end), end };
}

function isSpace(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code === 32 || (code >= 9 && code <= 13);
}

const NUMBER = "[+-]?(?:\\d+(?:[.,]\\d*)?|[.,]\\d+)(?:[eE][+-]?\\d+)?";
const VALUE = new RegExp(`^(U|${NUMBER})([^\\d;]{0,16})$`);
const PLAIN_NUMBER = new RegExp(`^${NUMBER}$`);

function parseItem(label: string, fields: string): PerfDatum | undefined {
  const [first = "", warn = "", crit = "", min = "", max = ""] = fields.split(";");
  const value = VALUE.exec(first);
  if (value === null) return undefined;
  const least = toNumber(min);
  const most = toNumber(max);
  return {
    label: label.slice(0, FIELD_CHARACTERS_MAX),
    // "U": the plug-in could not tell.
    value: value[1] === "U" ? null : toNumber(value[1] as string) ?? null,
    unit: value[2] as string,
    ...(warn === "" ? {} : { warn: warn.slice(0, FIELD_CHARACTERS_MAX) }),
    ...(crit === "" ? {} : { crit: crit.slice(0, FIELD_CHARACTERS_MAX) }),
    ...(least === undefined ? {} : { min: least }),
    ...(most === undefined ? {} : { max: most }),
  };
}

/** Some plug-ins write a decimal comma under some locales. */
function toNumber(text: string): number | undefined {
  if (!PLAIN_NUMBER.test(text)) return undefined;
  const number = Number(text.replace(",", "."));
  return Number.isFinite(number) ? number : undefined;
}
