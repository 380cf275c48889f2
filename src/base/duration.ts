/**
 * Go durations ("1m30s", "500ms", "1.5h") and plain numbers of seconds, as the manifest accepts them.
 * Source of the grammar: Go's time.ParseDuration, plus "d" (24 h) and "w" (7 d), which operators write.
 */
const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  "µs": 1e-3,
  "μs": 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

const PART = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h|d|w)/y;

/** What an error message tells the user to write. */
export const DURATION_FORMS = 'a duration such as "30s", "1m30s" or "500ms", or a number of seconds';

/** Milliseconds (fractions kept), or undefined when the value is no duration. Negative values are no durations. */
export function parseDuration(value: unknown): number | undefined {
  if (typeof value === "number") return Number.isFinite(value) && value >= 0 ? value * 1000 : undefined;
  if (typeof value !== "string") return undefined;
  const text = value.trim();
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000;
  if (text === "") return undefined;
  let total = 0;
  PART.lastIndex = 0;
  let end = 0;
  while (end < text.length) {
    const part = PART.exec(text);
    if (part === null) return undefined;
    total += Number(part[1]) * (UNIT_MS[part[2] as string] as number);
    end = PART.lastIndex;
  }
  return Number.isFinite(total) ? total : undefined;
}

/** The shortest exact Go form for a person: 90000 → "1m30s", 1500 → "1.5s", 0.25 → "250µs". */
export function formatDuration(ms: number): string {
  if (!Number.isFinite(ms)) return String(ms);
  if (ms < 0) return `-${formatDuration(-ms)}`;
  if (ms === 0) return "0s";
  if (ms < 1) return `${trim(ms * 1000)}µs`;
  if (ms < 1000) return `${trim(ms)}ms`;
  const hours = Math.floor(ms / 3_600_000);
  const minutes = Math.floor((ms % 3_600_000) / 60_000);
  const seconds = (ms % 60_000) / 1000;
  let text = "";
  if (hours > 0) text += `${hours}h`;
  if (minutes > 0) text += `${minutes}m`;
  if (seconds > 0) text += `${trim(seconds)}s`;
  return text;
}

function trim(value: number): string {
  return String(Math.round(value * 1000) / 1000);
}
