import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import type { LiveMessage, ReadingsMessage, Twin } from "../src/api/types";
import { Changes } from "../src/live/changes";
import { backoffMs, liveAddress, LiveConnection, type LiveState } from "../src/live/connection";

class Socket {
  readonly sent: unknown[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  constructor(readonly protocols: string[]) {}
  send(text: string) {
    this.sent.push(JSON.parse(text));
  }
  close() {}
  tell(message: LiveMessage | ReadingsMessage) {
    this.onmessage?.({ data: JSON.stringify(message) });
  }
}

function connect(isTail = false) {
  const sockets: Socket[] = [];
  const states: LiveState[] = [];
  const messages: LiveMessage[] = [];
  const onRefused = vi.fn();
  const onReadings = vi.fn();
  const connection = new LiveConnection({
    address: "ws://localhost/api/v1/live",
    token: "abc",
    isTail,
    onMessage: (message) => messages.push(message),
    onReadings,
    onState: (state) => states.push(state),
    onRefused,
    random: () => 1,
    open: (_, protocols) => {
      sockets.push(new Socket(protocols));
      return sockets.at(-1) as unknown as WebSocket;
    },
  });
  return { connection, sockets, states, messages, onRefused, onReadings };
}

function twin(id: string, revision: number, properties: Record<string, unknown>): Twin {
  const known = `2024-01-01T00:00:${String(revision).padStart(2, "0")}Z`;
  return { id, model: "region", revision, properties, changed_at: "2011-01-01T00:00:00Z", known_at: known };
}

describe("the live connection", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("offers the token as a subprotocol and subscribes", () => {
    const { connection, sockets } = connect();

    connection.start();
    sockets[0]!.onopen?.();

    expect(sockets[0]!.protocols).toEqual(["marketwin.v1", "bearer.abc"]);
    expect(sockets[0]!.sent).toEqual([{ subscribe: {} }]);
  });

  it("comes back after a growing wait and resumes after the last sequence", () => {
    const { connection, sockets, states } = connect();
    connection.start();
    sockets[0]!.onopen?.();
    sockets[0]!.tell({ type: "snapshot", sequence: 7, twins: [] });
    sockets[0]!.tell({ type: "delta", sequence: 8, twins: [] });

    sockets[0]!.onclose?.({ code: 1006 });
    vi.advanceTimersByTime(499);
    const early = sockets.length;
    vi.advanceTimersByTime(1);
    sockets[1]!.onopen?.();
    sockets[1]!.onclose?.({ code: 1006 });
    vi.advanceTimersByTime(500);
    const stillWaiting = sockets.length;
    vi.advanceTimersByTime(500);

    expect([early, stillWaiting, sockets.length]).toEqual([1, 2, 3]);
    expect(sockets[1]!.sent).toEqual([{ subscribe: {}, after: 8 }]);
    expect(states).toContain("waiting");
  });

  it("does not tell again what it has told, and starts over with a snapshot", () => {
    const { connection, sockets, messages } = connect();
    connection.start();
    sockets[0]!.tell({ type: "snapshot", sequence: 5, twins: [] });
    sockets[0]!.tell({ type: "delta", sequence: 5, twins: [] });
    sockets[0]!.tell({ type: "delta", sequence: 6, twins: [] });
    sockets[0]!.tell({ type: "snapshot", sequence: 1, twins: [] });
    sockets[0]!.onmessage?.({ data: "not json" });

    expect(messages.map((message) => message.sequence)).toEqual([5, 6, 1]);
  });

  it("tells readings apart: they move no place to resume after", () => {
    const { connection, sockets, messages, onReadings } = connect();
    const readings: ReadingsMessage = { type: "readings", twins: [{ id: "machine:1", model: "machine", readings: {} }] };
    connection.start();
    sockets[0]!.tell({ type: "snapshot", sequence: 5, twins: [] });
    sockets[0]!.tell(readings);
    sockets[0]!.onclose?.({ code: 1006 });
    vi.advanceTimersByTime(500);
    sockets[1]!.onopen?.();

    expect(onReadings.mock.calls).toEqual([[readings]]);
    expect(messages).toHaveLength(1);
    expect(sockets[1]!.sent).toEqual([{ subscribe: {}, after: 5 }]);
  });

  it("has nothing to resume after until the last page of a snapshot is here", () => {
    const { connection, sockets, messages } = connect();
    connection.start();
    sockets[0]!.tell({ type: "snapshot", sequence: 9, twins: [], more: true });

    sockets[0]!.onclose?.({ code: 1006 });
    vi.advanceTimersByTime(500);
    sockets[1]!.onopen?.();
    sockets[1]!.tell({ type: "snapshot", sequence: 9, twins: [], more: true });
    sockets[1]!.tell({ type: "snapshot", sequence: 9, twins: [], more: false });

    expect(sockets[1]!.sent).toEqual([{ subscribe: {} }]);
    expect(messages).toHaveLength(3);
  });

  it("begins a tail behind the newest change, without a snapshot of everything", () => {
    const { connection, sockets, messages } = connect(true);
    connection.start();
    sockets[0]!.onopen?.();
    sockets[0]!.tell({ type: "snapshot", sequence: 7, twins: [] });
    sockets[1]!.onopen?.();
    sockets[1]!.tell({ type: "delta", sequence: 8, twins: [] });

    expect(sockets[0]!.sent).toEqual([{ subscribe: { ids: ["-"] } }]);
    expect(sockets[1]!.sent).toEqual([{ subscribe: {}, after: 7 }]);
    expect(messages.map((message) => message.sequence)).toEqual([8]);
  });

  it("says that it is open when nothing more can be missed: with the whole snapshot, or where it goes on", () => {
    const { connection, sockets, states } = connect();
    connection.start();
    sockets[0]!.onopen?.();
    sockets[0]!.tell({ type: "snapshot", sequence: 9, twins: [], more: true });
    const early = states.includes("open");
    sockets[0]!.tell({ type: "snapshot", sequence: 9, twins: [] });
    const afterSnapshot = states.at(-1);
    sockets[0]!.onclose?.({ code: 1006 });
    vi.advanceTimersByTime(500);
    sockets[1]!.onopen?.();

    expect([early, afterSnapshot, states.at(-1)]).toEqual([false, "open", "open"]);
  });

  it("begins its tail anew where it fell so far behind that everything would come", () => {
    const { connection, sockets, messages } = connect(true);
    connection.start();
    sockets[0]!.tell({ type: "snapshot", sequence: 7, twins: [] });
    sockets[1]!.tell({ type: "snapshot", sequence: 90, twins: [twin("region:A", 1, {})], more: true });
    sockets[2]!.onopen?.();

    expect(sockets[2]!.sent).toEqual([{ subscribe: { ids: ["-"] } }]);
    expect(messages).toEqual([]);
  });

  it("stops trying when the token is refused, and when it is told to stop", () => {
    const refused = connect();
    refused.connection.start();
    refused.sockets[0]!.onclose?.({ code: 4401 });
    const denied = connect();
    denied.connection.start();
    denied.sockets[0]!.onclose?.({ code: 4403 });
    const stopped = connect();
    stopped.connection.start();
    stopped.connection.stop();
    stopped.sockets[0]!.onclose?.({ code: 1000 });
    vi.advanceTimersByTime(60_000);

    expect(refused.onRefused).toHaveBeenCalledOnce();
    expect(denied.onRefused).not.toHaveBeenCalled();
    expect([refused.sockets.length, denied.sockets.length, stopped.sockets.length]).toEqual([1, 1, 1]);
  });

  it("waits between half and all of a ceiling that doubles up to 20 seconds", () => {
    expect([0, 1, 2].map((n) => backoffMs(n, () => 1))).toEqual([500, 1000, 2000]);
    expect(backoffMs(0, () => 0)).toBe(250);
    expect(backoffMs(1000, () => 1)).toBe(20_000);
  });

  it("finds the stream beside the page, also below a path and over TLS", () => {
    expect(liveAddress({ href: "http://h:8080/#/map" })).toBe("ws://h:8080/api/v1/live");
    expect(liveAddress({ href: "https://h/console/?a=1#/map" })).toBe("wss://h/console/api/v1/live");
  });
});

describe("the ticker", () => {
  it("tells what changed against the last known state, newest first", () => {
    const changes = new Changes();
    changes.take({ type: "snapshot", sequence: 1, twins: [twin("region:A", 1, { sales: 5, name: "A" })] });

    const ids = changes.take({ type: "delta", sequence: 2, twins: [twin("region:A", 2, { sales: 6, name: "A" })] });

    expect(ids).toEqual(["region:A"]);
    expect(changes.latest[0]).toMatchObject({ id: "region:A", properties: [{ name: "sales", before: 5, after: 6 }] });
    expect(changes.count).toBe(1);
  });

  it("says of a twin that was there before it was heard of that it changed, but not what", () => {
    const changes = new Changes();

    changes.take({ type: "delta", sequence: 2, twins: [twin("region:A", 5, { sales: 6 }), twin("region:B", 1, { sales: 7 })] });

    expect(changes.latest.map(({ id, properties }) => [id, properties.length])).toEqual([
      ["region:B", 1],
      ["region:A", 0],
    ]);
  });

  it("tells what a twin no longer says", () => {
    const changes = new Changes();
    changes.take({ type: "snapshot", sequence: 1, twins: [twin("region:A", 1, { sales: 5 })] });

    changes.take({ type: "delta", sequence: 2, twins: [twin("region:A", 2, {})] });

    expect(changes.latest[0]!.properties).toEqual([{ name: "sales", before: 5, after: undefined }]);
  });

  it("starts with the twins of the snapshot that changed last, whichever page they are on", () => {
    const changes = new Changes();
    const page = (from: number) => Array.from({ length: 20 }, (_, i) => twin(`region:${from + i}`, from + i, { i }));

    changes.take({ type: "snapshot", sequence: 1, twins: page(21), more: true });
    changes.take({ type: "snapshot", sequence: 1, twins: page(1) });

    expect(changes.latest.map((change) => change.revision)).toEqual([40, 39, 38, 37, 36, 35, 34, 33, 32, 31, 30, 29]);
    expect(changes.count).toBe(0);
  });

  it("begins with what changed last where there is no snapshot, beside what has come meanwhile", () => {
    const changes = new Changes();
    changes.take({ type: "delta", sequence: 9, twins: [twin("region:B", 9, { b: 1 })] });

    changes.begin([twin("region:A", 3, { a: 1 })]);

    expect(changes.latest.map((change) => change.id)).toEqual(["region:B", "region:A"]);
    expect(changes.count).toBe(1);
  });

  it("keeps a bounded list however much changes", () => {
    const changes = new Changes();
    for (let i = 1; i <= 500; i += 1) changes.take({ type: "delta", sequence: i, twins: [twin(`region:${i}`, i, { i })] });

    expect(changes.latest.length).toBe(60);
    expect(changes.latest[0]!.id).toBe("region:500");
  });
});
