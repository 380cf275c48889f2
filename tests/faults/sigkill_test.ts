import assert from "node:assert/strict";
import { test } from "node:test";
import { killAgainAndAgain } from "./sigkill.ts";

test("killed ten times in the middle of everything: nothing lost, nothing run twice, order kept, equal repeats only", async () => {
  const figures = await killAgainAndAgain(10, 1);
  const { alertsLost, orderViolations, repairsTwice, repeatsThatDiffer, unresolved } = figures;
  assert.deepEqual(
    { alertsLost, orderViolations, repairsTwice, repeatsThatDiffer, unresolved },
    { alertsLost: 0, orderViolations: 0, repairsTwice: 0, repeatsThatDiffer: 0, unresolved: 0 },
  );
  assert.ok(figures.alerts > 20 && figures.repairs > 0, JSON.stringify(figures));
});
