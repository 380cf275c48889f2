/**
 * `deno task faults [kills] [seed]`: every fault on the executable in its full size (150 kills unless told), one JSON of figures; the
 * exit code is 1 when a promise was broken.
 */
import process from "node:process";
import { endedUnderLoad, fewDescriptors, firstCheck, stopped } from "./hardship.ts";
import { killAgainAndAgain } from "./sigkill.ts";

const [kills = "150", seed = "1"] = process.argv.slice(2);
const sigkill = await killAgainAndAgain(Number(kills), Number(seed));
const sigstop = await stopped(20);
const refused = await fewDescriptors(256, 2000);
const descriptors = await fewDescriptors(refused.needed || 256, 2000);
const sigterm = await endedUnderLoad(2000);
const starts = [await firstCheck(100_000), await firstCheck(1_000_000)];
const { alertsLost, orderViolations, repairsTwice, repeatsThatDiffer, unresolved } = sigkill;
const broken = alertsLost + orderViolations + repairsTwice + repeatsThatDiffer + unresolved +
  sigstop.falseAlerts + refused.falseAlerts + descriptors.falseAlerts + (sigterm.code === 0 ? 0 : 1);
const figures = { sigkill, sigstop, refused, descriptors, sigterm, starts, broken };
process.stdout.write(`${JSON.stringify(figures)}\n`);
process.exit(broken > 0 ? 1 : 0);
