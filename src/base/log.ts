/**
 * The process's own log: leveled, text or JSON lines, one line per event, never two. Alerts go through notifiers, not here.
 * A sink takes whole lines and must not block; src/host/descriptor_sink.ts is the real one.
 */
export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
export type LogLevel = typeof LOG_LEVELS[number];
export const LOG_FORMATS = ["text", "json"] as const;
export type LogFormat = typeof LOG_FORMATS[number];

export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;
export type LogSink = (line: string) => void;

export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** True when debug lines are written: guards work done only to be logged. */
  readonly debugEnabled: boolean;
}

export interface LoggerOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
  readonly sink: LogSink;
  readonly wallMs: () => number;
}

export function createLogger(options: LoggerOptions): Logger {
  const threshold = LOG_LEVELS.indexOf(options.level);
  const render = options.format === "json" ? renderJson : renderText;
  const write = (level: LogLevel) => (message: string, fields?: LogFields) => {
    if (LOG_LEVELS.indexOf(level) < threshold) return;
    options.sink(render({ level, message, fields: fields ?? {}, wallMs: options.wallMs() }));
  };
  return {
    debug: write("debug"),
    info: write("info"),
    warn: write("warn"),
    error: write("error"),
    debugEnabled: threshold === 0,
  };
}

export const SILENT_LOGGER: Logger = createLogger({
  level: "error",
  format: "text",
  sink: () => {},
  wallMs: () => 0,
});

interface Entry {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: LogFields;
  readonly wallMs: number;
}

function renderJson(entry: Entry): string {
  return JSON.stringify({
    time: new Date(entry.wallMs).toISOString(),
    level: entry.level,
    message: entry.message,
    ...entry.fields,
  });
}

function renderText(entry: Entry): string {
  let line = `${new Date(entry.wallMs).toISOString()} [${entry.level.toUpperCase()}] ${
    oneLine(entry.message)
  }`;
  for (const [key, value] of Object.entries(entry.fields)) {
    if (value !== undefined) line += ` ${key}=${quoteIfNeeded(String(value))}`;
  }
  return line;
}

function quoteIfNeeded(text: string): string {
  return /^[\w.:/@%+,-]+$/.test(text) ? text : JSON.stringify(text);
}

/**
 * Text that came from outside, made safe for one line of a log or a terminal: control characters (C0, DEL, C1) and
 * Unicode line separators are escaped, so that a target cannot forge lines or move the cursor.
 */
export function oneLine(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}
