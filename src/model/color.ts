/** The five codes, and the fixed words each message carries. */
export const COLORS = ["red", "yellow", "green", "cyan", "gray"] as const;
export type Color = typeof COLORS[number];

export interface ColorWords {
  readonly title: string;
  readonly status: string;
  readonly severity: "critical" | "warning" | "info";
}

export const COLOR_WORDS: Readonly<Record<Color, ColorWords>> = {
  red: { title: "CRITICAL ALERT", status: "FAILED", severity: "critical" },
  yellow: { title: "DEGRADED ALERT", status: "DEGRADED", severity: "warning" },
  green: { title: "RECOVERY NOTICE", status: "RECOVERED", severity: "info" },
  cyan: { title: "INTERVENTION SUCCESS", status: "RESTORED", severity: "info" },
  gray: { title: "MAINTENANCE MODE", status: "MAINTENANCE", severity: "info" },
};
