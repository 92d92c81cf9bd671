import type { LiveMessage, Twin } from "../api/types";

/** One change of one twin, as the ticker shows it. */
export interface Change {
  key: string;
  id: string;
  model: string;
  /** What the twin shows: its name is among it. */
  shown: Record<string, unknown>;
  revision: number;
  /** When it was learnt: what is recent here may tell of long ago. */
  learntAt: string;
  /** Properties that differ from what was known before, with the old value; figures first, at most a few; none where that is not known. */
  properties: { name: string; before: unknown; after: unknown }[];
}

const longestFeed = 60;
export const mostAtFirst = 12;
const mostProperties = 3;
const mostTwins = 20_000;

/** Remembers the last state of each twin, so that a delta, which carries the whole state, can be told as a change. */
export class Changes {
  private readonly known = new Map<string, Twin>();
  private feed: Change[] = [];
  private told = 0;
  private isInSnapshot = false;

  get latest(): readonly Change[] {
    return this.feed;
  }

  /** How many changes came since the start; the twins of a snapshot are not changes. */
  get count(): number {
    return this.told;
  }

  /** Takes a message in; returns the ids that changed. */
  take(message: LiveMessage): string[] {
    if (message.type === "snapshot") {
      this.takeSnapshot(message);
      return [];
    }
    const fresh = message.twins.map((twin) => this.changeOf(twin)).reverse();
    for (const twin of message.twins) this.remember(twin);
    this.told += message.twins.length;
    this.feed = [...fresh, ...this.feed].slice(0, longestFeed);
    return message.twins.map((twin) => twin.id);
  }

  /** Begins with some twins beside what has come meanwhile, where there is no snapshot. */
  begin(twins: Twin[]): void {
    this.isInSnapshot = true;
    this.takeSnapshot({ type: "snapshot", sequence: 0, twins });
  }

  /** A snapshot comes in pages; of all its twins the list shows those that changed last. */
  private takeSnapshot({ twins, more }: LiveMessage): void {
    const seen = [...(this.isInSnapshot ? this.feed : []), ...twins.map((twin) => this.changeOf(twin))];
    this.feed = seen.sort((a, b) => b.learntAt.localeCompare(a.learntAt)).slice(0, mostAtFirst);
    for (const twin of twins) this.remember(twin);
    this.isInSnapshot = more === true;
  }

  private changeOf(twin: Twin): Change {
    // Of one that was there before and is heard of first, nobody knows what changed.
    const before = this.known.get(twin.id)?.properties ?? (twin.revision > 1 ? twin.properties : {});
    const changed = Object.keys({ ...before, ...twin.properties })
      .filter((name) => isSimple(twin.properties[name]) && JSON.stringify(before[name]) !== JSON.stringify(twin.properties[name]))
      .sort((a, b) => Number(isNumber(twin.properties[b])) - Number(isNumber(twin.properties[a])));
    return {
      key: `${twin.id}@${twin.revision}`,
      id: twin.id,
      model: twin.model,
      shown: twin.properties,
      revision: twin.revision,
      learntAt: twin.known_at,
      properties: changed
        .slice(0, mostProperties)
        .map((name) => ({ name, before: before[name], after: twin.properties[name] })),
    };
  }

  private remember(twin: Twin): void {
    this.known.delete(twin.id);
    this.known.set(twin.id, twin);
    if (this.known.size > mostTwins) this.known.delete(this.known.keys().next().value!);
  }
}

const isNumber = (value: unknown): boolean => typeof value === "number";

function isSimple(value: unknown): boolean {
  return typeof value !== "object" || value === null;
}
