/** How much of a label is shown: name and value, name, code, or nothing. */
export type Form = "full" | "long" | "short" | "none";

/** A label's middle on the screen, the room its region has there, and how wide its two names are; all in pixels. */
export interface LabelSpot {
  x: number;
  y: number;
  roomX: number;
  roomY: number;
  long: number;
  short: number;
  /** Whether a taller column in front covers the middle, or the line below it. */
  isCovered: boolean;
  isCoveredBelow: boolean;
}

const lineHeight = 13;
const valueWidth = 26;

/** The fullest form of each label that fits its region and no label placed before; large regions choose first. */
export function chooseForms(spots: readonly LabelSpot[]): Form[] {
  const forms: Form[] = spots.map(() => "none");
  const taken: Rectangle[] = [];
  const order = spots.map((_, index) => index).sort((a, b) => room(spots[b]!) - room(spots[a]!));
  for (const index of order) {
    const spot = spots[index]!;
    const form = (["full", "long", "short"] as const).find(
      (choice) => fits(spot, choice) && !taken.some((other) => overlap(other, rectangle(spot, choice))),
    );
    if (!form) continue;
    forms[index] = form;
    taken.push(rectangle(spot, form));
  }
  return forms;
}

interface Rectangle {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

function sizeOf(spot: LabelSpot, form: Exclude<Form, "none">): { width: number; height: number } {
  if (form === "full") return { width: Math.max(spot.long, valueWidth), height: lineHeight * 2 };
  return { width: form === "long" ? spot.long : spot.short, height: lineHeight };
}

function fits(spot: LabelSpot, form: Exclude<Form, "none">): boolean {
  if (spot.isCovered || (form === "full" && spot.isCoveredBelow)) return false;
  const { width, height } = sizeOf(spot, form);
  const slack = form === "short" ? 1.25 : 0.9;
  return width > 0 && width <= spot.roomX * slack && height <= spot.roomY * slack;
}

function rectangle(spot: LabelSpot, form: Exclude<Form, "none">): Rectangle {
  const { width, height } = sizeOf(spot, form);
  return {
    left: spot.x - width / 2 - 2,
    right: spot.x + width / 2 + 2,
    top: spot.y - height / 2 - 1,
    bottom: spot.y + height / 2 + 1,
  };
}

function overlap(a: Rectangle, b: Rectangle): boolean {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}

const room = (spot: LabelSpot): number => spot.roomX * spot.roomY;
