"""The paths of `/api/v1`, one module per service behind them."""
