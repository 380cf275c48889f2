/**
 * The manifest generator from a shell, without the binary:
 *
 *   deno run -A mock-servers/generate_monitors.ts --count 10000 --mix http:80,tcp:10,script:10 > monitors.yaml
 */
import { parseArgs } from "node:util";
import { DURATION_FORMS, parseDuration } from "../src/base/duration.ts";
import { runGenerate } from "../src/cli/generate.ts";
import { GENERATED_FORMATS } from "../src/cli/generate_form.ts";

const FLAGS = {
  count: { type: "string", default: "10000" },
  mix: { type: "string", default: "http:80,tcp:10,script:10" },
  interval: { type: "string", default: "30s" },
  timeout: { type: "string", default: "5s" },
  format: { type: "string", default: "yaml" },
  host: { type: "string", default: "127.0.0.1" },
  port: { type: "string", default: "18080" },
  "control-port": { type: "string", default: "18081" },
  interventions: { type: "string", default: "0" },
  seed: { type: "string", default: "1" },
  out: { type: "string" },
} as const;

function readOptions(argv: readonly string[]): Parameters<typeof runGenerate>[0] {
  const { values } = parseArgs({ args: [...argv], options: FLAGS });
  const whole = (name: "count" | "port" | "control-port" | "seed") => {
    if (!/^\d{1,10}$/.test(values[name])) {
      throw new Error(`--${name} "${values[name]}": expected a whole number`);
    }
    return Number(values[name]);
  };
  const time = (name: "interval" | "timeout") => {
    const ms = parseDuration(values[name]);
    if (ms === undefined || ms === 0) {
      throw new Error(`--${name} "${values[name]}": expected ${DURATION_FORMS}`);
    }
    return ms;
  };
  const format = GENERATED_FORMATS.find((each) => each === values.format);
  if (format === undefined) {
    throw new Error(`--format "${values.format}": expected ${GENERATED_FORMATS.join(", ")}`);
  }
  const interventions = Number(values.interventions);
  if (!(interventions >= 0 && interventions <= 1)) {
    throw new Error("--interventions: expected a number from 0 to 1");
  }
  return {
    count: whole("count"),
    mix: values.mix,
    intervalMs: time("interval"),
    timeoutMs: time("timeout"),
    format,
    host: values.host,
    port: whole("port"),
    controlPort: whole("control-port"),
    interventions,
    seed: whole("seed"),
    out: values.out,
  };
}

const io = {
  out: (text: string) => void process.stdout.write(`${text}\n`),
  err: (text: string) => void process.stderr.write(`${text}\n`),
};
let options;
try {
  options = readOptions(process.argv.slice(2));
} catch (error) {
  io.err((error as Error).message);
  process.exitCode = 2;
}
if (options !== undefined) process.exitCode = await runGenerate(options, io);
