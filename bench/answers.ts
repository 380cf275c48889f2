/**
 * The differential fuzz of both readers of answers at length: `bun bench/answers.ts [answers] [seed]`, a million by default. The
 * reader against a naive one (tests/net/http1_reference.ts), the raw engine's scan against the reader. Prints seed, rates
 * and hashes; exits 1 when two ever disagree. The tests run some ten thousand with a seed of their own.
 */
import process from "node:process";
import { fuzzReader } from "../tests/net/http1_fuzz.ts";
import { fuzzAnswers } from "../tests/net/raw/fuzz.ts";

const [answers = 1_000_000, seed = 1] = process.argv.slice(2).map(Number);
const say = (line: string) => void process.stdout.write(`${line}\n`);
const perSecond = (startedMs: number) => Math.round(answers / ((performance.now() - startedMs) / 1000));

const readerMs = performance.now();
const reader = fuzzReader({ seed, answers });
for (const fault of reader.faults) say(fault);
say(
  `reader: ${answers} answers, seed ${seed}: ${
    JSON.stringify(reader.states)
  }, ${reader.faults.length} read ` +
    `differently, longest ${reader.longestMs.toFixed(1)} ms, hash ${reader.hash}, ${perSecond(readerMs)}/s`,
);
const scanMs = performance.now();
const scan = fuzzAnswers({ seed, answers });
for (const fault of scan.faults) say(fault);
say(
  `scan: ${answers} answers, seed ${seed}: ${scan.decided} decided, ${scan.faults.length} judged differently, ` +
    `hash ${scan.hash}, ${perSecond(scanMs)}/s`,
);
process.exit(reader.faults.length + scan.faults.length > 0 ? 1 : 0);
