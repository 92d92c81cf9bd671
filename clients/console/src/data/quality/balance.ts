import type { QualityBalance } from "../../api/types";

/** Where a received record can be, in the order of the bars. */
export const fates = ["stored", "duplicate", "quarantined", "rejected", "pending"] as const;
export type Fate = (typeof fates)[number];

/** Received less everything accounted for: 0 when nothing is lost and nothing is counted twice. */
export function unaccounted(balance: QualityBalance): number {
  return balance.received - fates.reduce((sum, fate) => sum + balance[fate], 0);
}

/** The share of each fate, so that the bar of a small source can be compared with that of a large one. */
export function shares(balance: QualityBalance): { fate: Fate; share: number }[] {
  const whole = Math.max(balance.received, fates.reduce((sum, fate) => sum + balance[fate], 0));
  return fates.map((fate) => ({ fate, share: whole === 0 ? 0 : balance[fate] / whole }));
}
