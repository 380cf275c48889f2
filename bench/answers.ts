/**
 * The differential fuzz of the answer scan at length: `bun bench/answers.ts [answers] [seed]`, a million by default. Prints
 * seed, rate and hash; exits 1 when scan and reader ever disagree. The tests run 40,000 with a seed of their own.
 */
import process from "node:process";
import { fuzzAnswers } from "../tests/net/raw/fuzz.ts";

const [answers = 1_000_000, seed = 1] = process.argv.slice(2).map(Number);
const startedMs = performance.now();
const { decided, faults, hash } = fuzzAnswers({ seed, answers });
const seconds = (performance.now() - startedMs) / 1000;
for (const fault of faults) process.stdout.write(`${fault}\n`);
process.stdout.write(
  `${answers} answers, seed ${seed}: ${decided} decided by the scan, ${faults.length} judged differently, ` +
    `hash ${hash}, ${Math.round(answers / seconds)}/s\n`,
);
process.exit(faults.length > 0 ? 1 : 0);
