/**
 * A strict reader of Prometheus text format 0.0.4, for tests: it throws on everything a scraper could stumble over, and on
 * what `promtool check metrics` complains about. Written from the format's description alone, in another way than the writer.
 */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface ParsedFamily {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly samples: readonly Sample[];
}

export function parseExposition(text: string): Map<string, ParsedFamily> {
  if (!text.endsWith("\n")) throw new Error("the last line has no line feed");
  const families = new Map<string, { name: string; help: string; type: string; samples: Sample[] }>();
  let current: { name: string; help: string; type: string; samples: Sample[] } | undefined;
  const seen = new Set<string>();
  for (const line of text.slice(0, -1).split("\n")) {
    const help = /^# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$/.exec(line);
    const type = /^# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge|histogram)$/.exec(line);
    if (help !== null) {
      const name = help[1] as string;
      if (families.has(name)) throw new Error(`HELP of ${name} appears twice`);
      current = { name, help: unescape(help[2] as string, false), type: "", samples: [] };
      families.set(name, current);
    } else if (type !== null) {
      if (current?.name !== type[1] || current?.type !== "") throw new Error(`TYPE out of place: ${line}`);
      current.type = type[2] as string;
    } else {
      if (current === undefined || current.type === "") {
        throw new Error(`sample before HELP and TYPE: ${line}`);
      }
      const sample = parseSample(line);
      const suffixes = current.type === "histogram" ? ["_bucket", "_sum", "_count"] : [""];
      const family = current.name;
      if (!suffixes.some((suffix) => sample.name === family + suffix)) {
        throw new Error(`${sample.name} stands among the samples of ${family}`);
      }
      const key = `${sample.name} ${JSON.stringify(Object.entries(sample.labels).sort())}`;
      if (seen.has(key)) throw new Error(`the series ${key} appears twice`);
      seen.add(key);
      current.samples.push(sample);
    }
  }
  for (const family of families.values()) checkFamily(family);
  return families;
}

function parseSample(line: string): Sample {
  const head = /^[a-zA-Z_:][a-zA-Z0-9_:]*/.exec(line)?.[0];
  if (head === undefined) throw new Error(`no metric name: ${line}`);
  const labels: Record<string, string> = {};
  let at = head.length;
  if (line[at] === "{") {
    at++;
    while (line[at] !== "}") {
      const label = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\["\\n])*)"(,|(?=\}))/.exec(line.slice(at));
      if (label === null) throw new Error(`malformed label at column ${at + 1}: ${line}`);
      const name = label[1] as string;
      if (name in labels) throw new Error(`label ${name} appears twice: ${line}`);
      labels[name] = unescape(label[2] as string, true);
      at += label[0].length;
    }
    at++;
  }
  const value = /^ ([+-]?(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?|Inf)|NaN)$/.exec(line.slice(at))?.[1];
  if (value === undefined) throw new Error(`malformed value: ${line}`);
  return { name: head, labels, value: Number(value.replace("Inf", "Infinity")) };
}

function unescape(text: string, quotes: boolean): string {
  return text.replace(/\\(.)/g, (whole, character: string) => {
    if (character === "n") return "\n";
    if (character === "\\" || (quotes && character === '"')) return character;
    throw new Error(`unknown escape ${whole}`);
  });
}

function checkFamily(family: ParsedFamily): void {
  if (family.samples.length === 0) throw new Error(`${family.name} has no samples`);
  if (/counter|gauge|histogram|_milliseconds|_ms$/.test(family.name)) {
    throw new Error(`${family.name}: a bad name`);
  }
  if ((family.type === "counter") !== family.name.endsWith("_total")) {
    throw new Error(`${family.name}: counters and only counters end in _total`);
  }
  for (const { labels, value } of family.samples) {
    if ("quantile" in labels) throw new Error(`${family.name}: the label quantile is reserved for summaries`);
    if (family.type === "counter" && !(value >= 0)) throw new Error(`${family.name}: a counter below 0`);
  }
  if (family.type === "histogram") checkHistogram(family);
}

function checkHistogram({ name, samples }: ParsedFamily): void {
  const series = new Map<string, { bounds: number[]; counts: number[]; sum?: number; count?: number }>();
  for (const sample of samples) {
    const { le, ...labels } = sample.labels;
    const key = JSON.stringify(labels);
    const one = series.get(key) ?? { bounds: [], counts: [] };
    series.set(key, one);
    if (sample.name === `${name}_sum`) one.sum = sample.value;
    else if (sample.name === `${name}_count`) one.count = sample.value;
    else {
      if (le === undefined) throw new Error(`${name}: a bucket without le`);
      one.bounds.push(Number(le.replace("Inf", "Infinity")));
      one.counts.push(sample.value);
    }
  }
  const ascending = (values: readonly number[]) =>
    values.every((v, i) => i === 0 || v >= (values[i - 1] as number));
  for (const [key, { bounds, counts, sum, count }] of series) {
    if (bounds.at(-1) !== Infinity) throw new Error(`${name}${key}: no +Inf bucket`);
    if (!ascending(bounds) || new Set(bounds).size !== bounds.length) {
      throw new Error(`${name}${key}: bounds not ascending`);
    }
    if (!ascending(counts)) throw new Error(`${name}${key}: buckets are not cumulative`);
    if (count !== counts.at(-1)) throw new Error(`${name}${key}: _count is not the +Inf bucket`);
    if (sum === undefined) throw new Error(`${name}${key}: no _sum`);
  }
}
