"""What the forecast service can do: take in records, forecast what changed, train, answer."""
