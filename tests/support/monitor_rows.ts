/** Monitors as a loader thread sends them. */
import { RowsWriter } from "../../src/manifest/rows_writer.ts";
import { attributesJson, type MonitorRows, sharedSpec } from "../../src/model/monitor_rows.ts";
import type { MonitorSpec } from "../../src/model/monitor.ts";

export function rowsOf(specs: readonly MonitorSpec[]): MonitorRows {
  const writer = new RowsWriter();
  const shared: MonitorSpec[] = [];
  const numbers = new Map<string, number>();
  for (const each of specs) {
    const json = JSON.stringify(sharedSpec(each));
    if (!numbers.has(json)) numbers.set(json, shared.push(sharedSpec(each)) - 1);
    writer.add({ spec: numbers.get(json) as number, line: 0, column: 1 }, {
      name: each.name,
      target: each.probe.target,
      remedyTarget: each.remedy?.target ?? "",
      attributes: attributesJson(each),
    });
  }
  const count = writer.count;
  return { specs: shared, count, ...writer.take() };
}
