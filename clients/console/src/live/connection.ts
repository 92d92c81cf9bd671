import type { LiveMessage, ReadingsMessage } from "../api/types";

export type LiveState = "connecting" | "open" | "waiting" | "closed";

export interface LiveOptions {
  address: string;
  token: string;
  /** What is told of; without it, everything. */
  subscribe?: object;
  /** Only what changes from now on: a snapshot of 100,000 twins is nothing for a page that shows a dozen. */
  isTail?: boolean;
  onMessage: (message: LiveMessage) => void;
  /** Told where `subscribe` asks for readings. */
  onReadings?: (message: ReadingsMessage) => void;
  onState: (state: LiveState) => void;
  /** Told when the server refuses the token. */
  onRefused?: () => void;
  open?: (address: string, protocols: string[]) => WebSocket;
  random?: () => number;
}

/** Nobody has this id: its snapshot is empty and tells the sequence after which to go on. */
const nobody = { ids: ["-"] };
const firstWaitMs = 500;
const longestWaitMs = 20_000;
/** Close code for a bad or expired token; all codes from 4400 to 4499 say that trying again is no use. */
const refusedCode = 4401;
const isFinal = (code: number): boolean => code >= 4400 && code < 4500;

/**
 * The live stream: opens, subscribes, and opens again after a growing, jittered wait. A new connection resumes after
 * the last sequence seen, and what was already seen is not told twice.
 */
export class LiveConnection {
  private readonly options: LiveOptions;
  private socket: WebSocket | null = null;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private failures = 0;
  private sequence: number | null = null;
  private isStopped = true;

  constructor(options: LiveOptions) {
    this.options = options;
  }

  start(): void {
    this.isStopped = false;
    this.connect();
  }

  stop(): void {
    this.isStopped = true;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    this.socket?.close(1000);
    this.socket = null;
    this.options.onState("closed");
  }

  /** Tries at once instead of waiting out the pause; for the moment the network comes back. */
  retryNow(): void {
    if (this.timer === null) return;
    clearTimeout(this.timer);
    this.timer = null;
    this.connect();
  }

  private connect(): void {
    const open = this.options.open ?? ((address, protocols) => new WebSocket(address, protocols));
    this.options.onState("connecting");
    const socket = open(this.options.address, ["marketwin.v1", `bearer.${this.options.token}`]);
    this.socket = socket;
    socket.onopen = () => {
      socket.send(JSON.stringify(this.subscription()));
      // What comes next is missed by nobody only once the server has said where it begins.
      if (this.sequence !== null) this.options.onState("open");
    };
    socket.onmessage = (event: MessageEvent) => this.socket === socket && this.take(event.data);
    socket.onclose = (event: CloseEvent) => this.socket === socket && this.closed(event.code);
  }

  private subscription(): object {
    const subscribe = this.options.subscribe ?? {};
    if (this.sequence !== null) return { subscribe, after: this.sequence };
    return { subscribe: this.options.isTail ? nobody : subscribe };
  }

  private take(data: unknown): void {
    const message = messageOf(data);
    if (!message) return;
    this.failures = 0;
    if (message.type === "readings") return this.options.onReadings?.(message);
    if (this.options.isTail && message.type === "snapshot") return this.goOnAfter(message);
    if (message.type === "delta" && this.sequence !== null && message.sequence <= this.sequence) return;
    // A snapshot may restart the count: the server was restarted and tells the whole state anew. Until its last page
    // is here there is nothing to resume after.
    this.sequence = message.more ? null : message.sequence;
    this.options.onMessage(message);
    if (message.type === "snapshot" && !message.more) this.options.onState("open");
  }

  /** A tail has no use for a snapshot: of nobody it tells where to begin, of everybody that the client fell behind. */
  private goOnAfter({ sequence }: LiveMessage): void {
    const isBeginning = this.sequence === null;
    this.sequence = isBeginning ? sequence : null;
    const old = this.socket;
    this.socket = null;
    old?.close(1000);
    this.connect();
  }

  private closed(code: number): void {
    this.socket = null;
    if (this.isStopped) return;
    if (isFinal(code)) {
      this.options.onState("closed");
      if (code === refusedCode) this.options.onRefused?.();
      return;
    }
    const wait = backoffMs(this.failures, this.options.random ?? Math.random);
    this.failures += 1;
    this.options.onState("waiting");
    this.timer = setTimeout(() => {
      this.timer = null;
      this.connect();
    }, wait);
  }
}

/** Doubles with each failure up to a ceiling; between half and all of it, so that clients do not come back as one. */
export function backoffMs(failures: number, random: () => number): number {
  const ceiling = Math.min(longestWaitMs, firstWaitMs * 2 ** Math.min(failures, 16));
  return ceiling * (0.5 + 0.5 * random());
}

/** The live address that belongs to the page's own address. */
export function liveAddress(page: { href: string }): string {
  const address = new URL("api/v1/live", page.href.replace(/[?#].*$/, ""));
  address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
  return address.href;
}

function messageOf(data: unknown): LiveMessage | ReadingsMessage | null {
  if (typeof data !== "string") return null;
  try {
    const message = JSON.parse(data) as LiveMessage | ReadingsMessage;
    if (!Array.isArray(message.twins)) return null;
    if (message.type === "readings") return message;
    const isKnown = message.type === "snapshot" || message.type === "delta";
    return isKnown && typeof message.sequence === "number" ? message : null;
  } catch {
    return null;
  }
}
