"""The live stream: a snapshot, then deltas with sequence.

    JetStream TwinChanged ─▶ hub: each twin encoded once ─▶ ring ◀─ subscription (a place in the ring)
                                                                        │
    twin service ──────────── snapshot ─────────────────────▶ serving ◀─┤
    JetStream, 7 days ─────── what was missed ──────────────▶           │
    NATS TwinReadings ──────▶ readings: the newest values ──▶           │
                                                                 WebSocket, SSE

The sequence is that of the JetStream stream: it means the same after a restart and in every replica.
"""
